"""What ``/clients`` shows of one token source. It holds no secret."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Token


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Token requests since the start, by outcome."""

    granted: int = 0
    refused: int = 0
    invalid: int = 0
    unreachable: int = 0
    slow: int = 0
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class TokenState:
    """What may be shown of a living token.

    Attributes:
        is_suspect: an upstream refused it; it stays in use until its successor arrives.
    """

    fingerprint: str
    serial: int
    age_s: float
    expires_in_s: float
    granted_scope: tuple[str, ...]
    is_bound: bool = False
    is_suspect: bool = False


def token_state(token: Token | None, now_s: float, *, is_suspect: bool) -> TokenState | None:
    """Return what may be shown of a token, or None if it has expired or there is none."""
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
    """A source at one moment.

    Attributes:
        token: None if there is no living one.
        last_error: the `core.errors` code of the latest token request, or empty if it did not fail.
        last_code: the registered error code that the authorization server sent with it, or empty.
        last_reason: what went wrong, in words of ours, or empty.
        last_side, last_cause, last_key: whose fault it was, why (`core.cause`), and which key of
            `gateway.yaml` to check; or empty.
        retry_in_s: how long no token request is sent; 0 outside a back-off.
        facts: what is known of the client.
        is_required: the gateway is not ready before it has had a token.
    """

    client: ClientName
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
    is_required: bool = True
