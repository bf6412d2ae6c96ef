"""An access token, and the interface of its source to the request's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Prover(Protocol):
    """Proves possession of the key that one token is bound to."""

    def proof(self, method: str, url: str, nonce: str = "") -> bytes:
        """Make the ``DPoP`` value for one request that carries the token (RFC 9449 section 4.2).

        `url` is the request's, without query and fragment; `nonce` is the server's latest, or empty.
        """


@dataclass(frozen=True, slots=True)
class Token:
    """An access token for one grant.

    Attributes:
        field_value: the value of ``Authorization`` as bytes, ready to send: the scheme (``Bearer``,
            ``DPoP``) and the token. Where a route sends the credential elsewhere, `parts` are used instead.
        sent_at_s: when its request was sent, in monotonic seconds.
        expires_at_s: when it expires, in monotonic seconds; at that moment it is expired.
        serial: 1 for the first token of a source, and so on; for records, never sent.
        fingerprint: 8 hex digits of a keyed hash, whose key is lost with the process.
        scope: what was granted (RFC 6749 section 5.1), or what was requested if the response does not say.
        prover: proves possession of the key that the token is bound to (RFC 9449); None for a bearer token.
        parts: the parts of the credential by name, each as its bare value. The first is the token itself
            (`carriers.MAIN_PART`).
    """

    field_value: bytes = field(repr=False)
    sent_at_s: float
    expires_at_s: float
    serial: int
    fingerprint: str
    scope: tuple[str, ...] = ()
    prover: Prover | None = field(default=None, repr=False, compare=False)
    parts: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def is_alive(self, now_s: float) -> bool:
        """Whether it may still be sent."""
        return now_s < self.expires_at_s

    def left_s(self, now_s: float) -> float:
        """Return the seconds until it expires; never negative."""
        return max(0.0, self.expires_at_s - now_s)


class TokenSource(Protocol):
    """Where the request's way obtains its tokens. There is one per grant."""

    def current(self, now_s: float) -> Token | None:
        """Return the living token, or None if the caller must wait for one.

        This marks the token as used: only a used token is refreshed early. It is on the hot path, so it
        never waits.
        """

    async def token(self, deadline_s: float, *, min_left_s: float = 0.0) -> Token:
        """Return a token that lives for another `min_left_s`, waiting until `deadline_s` (monotonic) for it.

        If the source's tokens never live that long, a new one is returned regardless.

        Raises:
            AuthorizationServerError: there is none. The deadline is this caller's alone: the token
                request goes on for the others, also if this caller is cancelled.
        """

    async def replacement(self, rejected: Token, deadline_s: float) -> Token:
        """Return a token other than `rejected`, which the upstream refused.

        If there is a newer one already, that is it. Otherwise `rejected`, and never another token, becomes
        suspect, and the gateway authenticates again, once for all who wait. Everyone else uses `rejected`
        until its successor arrives, or it expires. Raises what `token` raises.
        """

    def body_margin_s(self) -> float:
        """Return how long a token should still live before a body that cannot be replayed."""

    def renewed(self, token: Token, set_cookies: Sequence[str]) -> None:
        """Take over what an upstream renewed of `token`, if that is still the one that is used.

        `set_cookies` are the values of ``Set-Cookie`` in a response that accepted it.
        """
