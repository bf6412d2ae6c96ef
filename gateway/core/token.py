"""The token we hold, and what the request's way may ask of its source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Prover(Protocol):
    """Proves possession of the key that one token is bound to."""

    def proof(self, method: str, url: str, nonce: str = "") -> bytes:
        """Give the value of ``DPoP`` for one request that carries the token (RFC 9449 section 4.2).

        `url` is the request's, without query and fragment; `nonce` is the server's newest, or empty.
        """


@dataclass(frozen=True, slots=True)
class Token:
    """An access token for one grant.

    Attributes:
        field_value: the value of ``Authorization`` as bytes, ready to send: the scheme (``Bearer``,
            ``DPoP``) and the token.
        sent_at_s: when its request was sent, monotonic seconds.
        expires_at_s: its last instant, monotonic seconds; at that instant it is expired.
        serial: 1 for the first token of a source, and so on; for records, never sent.
        fingerprint: 8 hex digits of a keyed hash; the key dies with the process.
        scope: what was granted (RFC 6749 section 5.1), or what was asked where the answer says nothing.
        prover: proves possession of the key that the token is bound to (RFC 9449); None for a bearer token.
    """

    field_value: bytes = field(repr=False)
    sent_at_s: float
    expires_at_s: float
    serial: int
    fingerprint: str
    scope: tuple[str, ...] = ()
    prover: Prover | None = field(default=None, repr=False, compare=False)

    def is_alive(self, now_s: float) -> bool:
        """Whether it may still be sent."""
        return now_s < self.expires_at_s

    def left_s(self, now_s: float) -> float:
        """Seconds to its end; never negative."""
        return max(0.0, self.expires_at_s - now_s)


class TokenSource(Protocol):
    """Where the request's way gets its tokens from. One per grant."""

    def current(self, now_s: float) -> Token | None:
        """Give the living token at once, or None where one must be waited for.

        Marks the token as used (only a used token is refreshed early). The hot path: no `await`.
        """

    async def token(self, deadline_s: float, *, min_left_s: float = 0.0) -> Token:
        """Give a token that lives for `min_left_s` more, waiting until `deadline_s` (monotonic).

        A token from a source whose tokens never live that long is given all the same, if it is new.

        Raises:
            AuthorizationServerError: there is none. The deadline is this caller's alone: the token
                request goes on for the others, also when this caller is cancelled.
        """

    async def replacement(self, rejected: Token, deadline_s: float) -> Token:
        """Give a token other than `rejected`, which the upstream refused.

        The newer one if there is one already; else `rejected`, and never another, becomes suspect and the
        gateway authenticates again, once for all who wait. `rejected` stays in use for everybody else until
        its successor is here, or it expires. Raises as `token` does.
        """

    def body_margin_s(self) -> float:
        """How long a token should live when it goes out before a body that cannot be replayed."""
