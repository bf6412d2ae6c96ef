"""What is told of a token's life."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from gateway.core.client_settings import ClientName
from gateway.core.errors import AuthorizationServerError
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_outcome import Failed
from gateway.core.token import Token


class Reason(Enum):
    """Why a token is requested."""

    FIRST = "first"
    EXPIRED = "expired"
    EARLY = "early"
    REJECTED = "rejected"
    REPLACED = "replaced"  # the certificate that the last one is bound to was replaced


class TokenObserver(Protocol):
    """Is told of a token's life; one method per event."""

    def token_requested(self, client: ClientName, reason: Reason) -> None:
        """A token request is about to be sent."""

    def token_obtained(self, client: ClientName, token: Token, lifetime_s: float, took_s: float) -> None:
        """The authorization server gave a token that lives `lifetime_s` from its request."""

    def token_failed(self, client: ClientName, error: AuthorizationServerError, retry_in_s: float) -> None:
        """A token request failed; none is sent for `retry_in_s`."""

    def token_rejected(self, client: ClientName, token: Token) -> None:
        """An upstream refused `token`, which is suspect from now on and stays in use until it is replaced."""

    def credential_switched(self, client: ClientName, accepted: SecretName) -> None:
        """The authorization server refused one of the client's secrets and took another one."""

    def credential_kept(self, client: ClientName, reason: str) -> None:
        """A key of the client was replaced by what cannot be used: the last good one stays in use."""

    def scope_reduced(self, client: ClientName, missing: tuple[str, ...]) -> None:
        """The authorization server granted less than was asked: without the `missing` words."""

    def metadata_objected(self, client: ClientName, objections: tuple[str, ...]) -> None:
        """The metadata does not fit the client's settings, in sentences; none of them: now it does."""

    def metadata_kept(self, client: ClientName, failed: Failed) -> None:
        """The metadata of the client's issuer could not be renewed; what is known stays in use."""

    def token_revoked(self, client: ClientName, fingerprint: str, failed: Failed | None) -> None:
        """A token that is no longer used was revoked, or could not be."""
