"""What is told of a request and of a token: the one access record, and the events of a token's life."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from gateway.core.client_settings import ClientName
from gateway.core.errors import AuthorizationServerError
from gateway.core.named_secret import SecretName
from gateway.core.token import Token
from gateway.core.token_outcome import Failed


class Recovery(Enum):
    """What became of a response that said the token was refused."""

    NONE = "none"  # no such response
    RECOVERED = "recovered"  # replayed with another token, and accepted
    REJECTED_AGAIN = "rejected_again"  # the replay was refused too; its response passed
    NEW_TOKEN_REJECTED = "new_token_rejected"
    HELD = "held"  # recoveries did not help here a moment ago; nothing was tried
    NOT_REPLAYABLE = "not_replayable"  # the body is longer than the replay limit; a new token was asked for
    OTHER_CHALLENGE = "other_challenge"  # insufficient_scope, or a refused proof
    TOKEN_LIVES = "token_lives"  # no other token was to be had, but the upstream accepts this one elsewhere
    NO_TOKEN = "no_token"


USELESS: Final = frozenset((Recovery.REJECTED_AGAIN, Recovery.NEW_TOKEN_REJECTED, Recovery.HELD))
"""The upstream refuses tokens that are new."""


class Reason(Enum):
    """Why a token is requested."""

    FIRST = "first"
    EXPIRED = "expired"
    EARLY = "early"
    REJECTED = "rejected"
    REPLACED = "replaced"  # the certificate that the last one is bound to was replaced


@dataclass(slots=True)
class AccessRecord:
    """One request, told once, when it is over.

    Attributes:
        started_at_s: wall clock, seconds since 1970.
        route: the route's name, or ``-`` where none matched.
        caller: address of the peer, or ``unix``.
        forwarded_for: address of the client that a trusted proxy tells, or empty.
        path: the target without its query, as received.
        status: what the caller was answered; 499 if the caller left first.
        upstream_status: what the upstream answered last, or 0.
        error: the code of our own answer, or an empty text.
        request_bytes, answer_bytes: of the bodies, as relayed.
        total_s, token_s, upstream_s: durations; waiting for a token, and for an answer's head (None: there
            was no exchange).
        token: fingerprint of the token that the last exchange carried, or empty.
        cause: why, where `error` alone does not say it (`core.cause`), or empty.
    """

    started_at_s: float
    request_id: str
    route: str
    caller: str
    forwarded_for: str
    method: str
    path: str
    status: int
    upstream_status: int
    error: str
    request_bytes: int
    answer_bytes: int
    total_s: float
    token_s: float
    upstream_s: float | None
    token: str
    recovery: Recovery
    cause: str = ""


class RequestObserver(Protocol):
    """Is told of every request that is over."""

    def request_done(self, record: AccessRecord) -> None:
        """The answer is out, or the caller is gone."""


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
