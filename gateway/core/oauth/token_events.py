"""Events in the life of clients and their tokens, as observers receive them. None shows a secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_outcome import Failed
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Token


class Reason(Enum):
    """Why a token is requested."""

    FIRST = "first"
    EXPIRED = "expired"
    EARLY = "early"
    REJECTED = "rejected"
    REPLACED = "replaced"  # the certificate that the last token is bound to was replaced


@dataclass(frozen=True, slots=True)
class TokenRequested:
    """A token request is about to be sent."""

    client: ClientName
    reason: Reason


@dataclass(frozen=True, slots=True)
class TokenObtained:
    """The authorization server issued a token that lives for `lifetime_s` from its request."""

    client: ClientName
    token: Token
    lifetime_s: float
    took_s: float


@dataclass(frozen=True, slots=True)
class TokenFailed:
    """A token request failed; the next one is sent in `retry_in_s` at the earliest."""

    client: ClientName
    error: AuthorizationServerError
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class TokenRejected:
    """An upstream refused `token`, which is suspect from now on but stays in use until it is replaced."""

    client: ClientName
    token: Token


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token that is no longer used was revoked, or could not be revoked."""

    client: ClientName
    fingerprint: str
    failed: Failed | None


@dataclass(frozen=True, slots=True)
class CredentialSwitched:
    """The authorization server refused one of the client's secrets and accepted another one."""

    client: ClientName
    accepted: SecretName


@dataclass(frozen=True, slots=True)
class CredentialKept:
    """A key of the client was replaced by one that cannot be used; the previous one stays in use."""

    client: ClientName
    reason: str


@dataclass(frozen=True, slots=True)
class ScopeReduced:
    """The authorization server granted less scope than was asked for: not the `missing` words."""

    client: ClientName
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetadataObjected:
    """The issuer's metadata contradicts the client's settings; no objections: not any more."""

    client: ClientName
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetadataKept:
    """The metadata of the client's issuer could not be renewed; the old one stays in use."""

    client: ClientName
    failed: Failed


OfToken = TokenRequested | TokenObtained | TokenFailed | TokenRejected | TokenRevoked
OfClient = CredentialSwitched | CredentialKept | ScopeReduced | MetadataObjected | MetadataKept
TokenEvent = OfToken | OfClient


class TokenObserver(Protocol):
    """Receives the events of clients and their tokens."""

    def told(self, event: TokenEvent) -> None:
        """Take note of an event; must not raise."""
