"""What to do with a response that says the token was refused, and what to remember about it.

Rules, so that one caller's 401 costs the other callers nothing:

- A refusal makes the token suspect for the refused request only; other requests keep using it. The refused
  request is replayed once, with another token.
- A request is not replayed if its token was obtained for it and none is newer, or if the challenge asks for
  something that a new token cannot provide.
- A recovery that did not help is remembered narrowly and briefly: this target of this route refuses even a
  new token (for `KNOWN_S`, up to `MOST_KNOWN` targets). A response there that accepts a token ends this.
- Beyond that, each route has a budget: `BUDGET` useless recoveries at once, then one every `BUDGET_EVERY_S`.
  It does not apply if the route's upstream accepted this very token before, since its refusal is news. Nor
  does it apply if a newer token is at hand, which costs no token request.
- If no other token can be obtained, what the upstream did since decides. If it accepted the token after the
  refused request was sent, the token is alive. Then the refusal was about that request, and the upstream's
  own response passes.

An upstream that wants its nonce in a proof (RFC 9449 section 9) has not refused the token. `dpop_nonce`
handles that case before this module is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2s
from math import inf
from typing import Final

from gateway.core.token import Token

KNOWN_S: Final = 30.0
MOST_KNOWN: Final = 64  # 16 bytes each, and their instants: about 8 KiB per route
BUDGET: Final = 3
BUDGET_EVERY_S: Final = 30.0
ACCEPTED: Final = frozenset({*range(200, 300), 304})
"""Statuses that prove that the token was accepted; others may be sent before anyone looks at it."""


class Recovery(Enum):
    """What became of a response that said the token was refused."""

    NONE = "none"  # no such response
    RECOVERED = "recovered"  # replayed with another token, and accepted
    REJECTED_AGAIN = "rejected_again"  # the replay was refused too; its response passed
    NEW_TOKEN_REJECTED = "new_token_rejected"
    HELD = "held"  # a recent recovery did not help here, so none was tried
    NOT_REPLAYABLE = "not_replayable"  # the body exceeds the replay limit; a new token was requested
    OTHER_CHALLENGE = "other_challenge"  # insufficient_scope, or a refused proof
    TOKEN_LIVES = "token_lives"  # there was no other token, but the upstream accepts this one elsewhere
    NO_TOKEN = "no_token"


USELESS: Final = frozenset((Recovery.REJECTED_AGAIN, Recovery.NEW_TOKEN_REJECTED, Recovery.HELD))
"""Outcomes that show that the upstream refuses even new tokens."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The facts of a response that says that the token was refused, as the route's ``recover_on`` has it.

    Attributes:
        wants_new_token: what `core.http.challenge` concludes from the challenges.
        token_is_new: the token was obtained for this very request, and is still the newest.
        is_known: this target recently refused even a new token (`RefusalMemory.knows`).
        is_promising: the budget or the token's record justifies another try (`RefusalMemory.is_promising`).
        is_replayable: whatever was sent of the body is still at hand.
    """

    wants_new_token: bool
    token_is_new: bool
    is_known: bool
    is_promising: bool
    is_replayable: bool


def decide(refusal: Refusal) -> Recovery:
    """Return `Recovery.RECOVERED` to try a replay, else the reason why the response passes unchanged.

    With `Recovery.NOT_REPLAYABLE` the token is replaced nevertheless, for later requests.
    """
    if not refusal.wants_new_token:
        return Recovery.OTHER_CHALLENGE
    if refusal.is_known:
        return Recovery.HELD
    if refusal.token_is_new:
        return Recovery.NEW_TOKEN_REJECTED
    if not refusal.is_promising:
        return Recovery.HELD
    return Recovery.RECOVERED if refusal.is_replayable else Recovery.NOT_REPLAYABLE


class RefusalMemory:
    """What a route remembers about accepted tokens, and about recoveries that did not help.

    Attributes:
        accepted: the token that was accepted last.
        is_empty: no target is remembered; the quick way past `forget`.
    """

    __slots__ = ("_budget_is_full_at_s", "_known", "accepted", "is_empty")

    def __init__(self) -> None:
        self._known: dict[bytes, _Useless] = {}
        self._budget_is_full_at_s = -inf
        self.accepted: Token | None = None
        self.is_empty = True

    def knows(self, target: bytes, token: Token, now_s: float) -> bool:
        """Whether `target` refused `token` or a newer one in the last `KNOWN_S`, and accepted none since."""
        known = self._known.get(target)
        return known is not None and now_s < known.until_s and token.serial >= known.serial

    def is_promising(self, token: Token, now_s: float) -> bool:
        """Whether the refusal of `token` is news here, or the budget allows another try."""
        spent_s = self._budget_is_full_at_s - now_s
        return token is self.accepted or spent_s <= (BUDGET - 1) * BUDGET_EVERY_S

    def note_useless(self, target: bytes, newest: Token, now_s: float) -> None:
        """Remember that even the `newest` token does not help at `target`, and charge the budget for it."""
        self._known.pop(target, None)  # so that the oldest comes first
        self._known[target] = _Useless(now_s + KNOWN_S, newest.serial)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self.is_empty = False
        # However many fail at the same time, they spend no more than the whole budget.
        spent_s = max(0.0, self._budget_is_full_at_s - now_s) + BUDGET_EVERY_S
        self._budget_is_full_at_s = now_s + min(spent_s, BUDGET * BUDGET_EVERY_S)

    def forget(self, target: bytes) -> None:
        """Forget that `target` refused, since it accepts now."""
        self._known.pop(target, None)
        self.is_empty = not self._known


@dataclass(frozen=True, slots=True)
class _Useless:
    until_s: float
    serial: int


class Acceptance:
    """Which token of one source an upstream accepted last, and when.

    Attributes:
        token: that token.
        at_s: when the response arrived, on the stopwatch (`core.clock`).
    """

    __slots__ = ("at_s", "token")

    def __init__(self) -> None:
        self.token: Token | None = None
        self.at_s = -inf

    def proves_alive(self, token: Token, sent_s: float) -> bool:
        """Whether `token` was accepted after the request of `sent_s` was sent."""
        return token is self.token and self.at_s > sent_s


def target_digest(method: str, path: str) -> bytes:
    """Return a digest of 16 bytes that identifies a target, without its query."""
    return blake2s(f"{method}\0{path}".encode("utf-8", "surrogateescape"), digest_size=16).digest()


def may_send_again(method: str) -> bool:
    """Whether a request may be sent again after its pooled connection died (RFC 9110 section 9.2.2)."""
    return method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
