"""The state of one token source, to be shown: ``/clients`` and `gateway token`. It holds no secret."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.client_settings import AuthMethod, ClientName
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.token import Token


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Token requests by outcome, since the start."""

    granted: int = 0
    refused: int = 0
    invalid: int = 0
    unreachable: int = 0
    slow: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class TokenState:
    """The living token, without the token.

    Attributes:
        is_suspect: an upstream refused it; it is used until its successor is here.
    """

    fingerprint: str
    serial: int
    age_s: float
    expires_in_s: float
    granted_scope: tuple[str, ...]
    is_bound: bool = False
    is_suspect: bool = False


def token_state(token: Token | None, now_s: float, *, is_suspect: bool) -> TokenState | None:
    """Give what is to be shown of a token, or None where none lives."""
    if token is None or not token.is_alive(now_s):
        return None
    return TokenState(
        fingerprint=token.fingerprint,
        serial=token.serial,
        age_s=now_s - token.sent_at_s,
        expires_in_s=token.left_s(now_s),
        granted_scope=token.scope,
        is_bound=token.prover is not None,
        is_suspect=is_suspect,
    )


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source holds and does at one instant.

    Attributes:
        token: None where none lives.
        last_error: the `core.errors` code of the latest token request's failure, or empty if it did not fail.
        last_code: the registered error code that the authorization server gave with it, or empty.
        last_reason: what went wrong then, in words of ours, or empty.
        last_side, last_cause, last_key: whose fault it was, why (`core.cause`), and which key of
            `gateway.yaml` to look at; or empty.
        retry_in_s: no token request is sent for so long; 0 outside a back-off.
        facts: what is known of the client.
    """

    client: ClientName
    issuer: str | None
    method: AuthMethod
    asked_scope: tuple[str, ...]
    has_had_token: bool
    is_in_flight: bool
    token: TokenState | None
    requests: RequestCounts
    last_error: str
    last_code: str
    last_reason: str
    retry_in_s: float
    facts: ClientFacts
    last_side: str = ""
    last_cause: str = ""
    last_key: str = ""
