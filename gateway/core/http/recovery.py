"""What to do with a response that says the token was refused, and what is remembered of it.

Rules (design, "401 from the upstream"):

- A refusal makes the token suspect, for one request; what others do with the token is their affair. The
  refused request is replayed once, with another token.
- Never replayed is a request whose token was obtained for it, nor one whose challenge asks for something
  that a new token cannot give.
- A recovery that did not help is remembered narrowly and briefly: this target of this route refuses even a
  new token (`KNOWN_S`, `MOST_KNOWN` targets). A response that accepts a token there ends that.
- Beyond that a route has a budget: `BUDGET` useless recoveries at once, then one per `BUDGET_EVERY_S`. It
  does not bind where the route's upstream accepted the very token before: that it is refused now is news.
  Nor does it bind where a newer token is at hand, which costs no token request.
- Where no other token is to be had, the token still lives if its upstream accepted it after the refused
  request was sent. Then the refusal was about that request, and the upstream's own response passes.

An upstream that wants its nonce in a proof (RFC 9449 section 9) has not refused the token: `dpop_nonce` knows
it, and this is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2s
from math import inf
from typing import Final

from gateway.core.token import Token

KNOWN_S: Final = 30.0
MOST_KNOWN: Final = 64  # of 16 bytes each and their instants: some 8 KiB a route
BUDGET: Final = 3
BUDGET_EVERY_S: Final = 30.0
ACCEPTED: Final = frozenset({*range(200, 300), 304})
"""Statuses that show that the token was accepted: others are given before it is looked at, too."""


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known when an upstream's response has a status of ``recover_on``.

    Attributes:
        wants_new_token: as `core.http.challenge` reads the challenges.
        token_is_new: it was obtained for this very request.
        is_known: this target refused even a new token a moment ago (`RefusalMemory.knows`).
        is_promising: the budget, or what is known of the token, speaks for another try.
        is_replayable: the whole body, as far as it was sent, is still at hand.
    """

    wants_new_token: bool
    token_is_new: bool
    is_known: bool
    is_promising: bool
    is_replayable: bool


def decide(refusal: Refusal) -> Recovery:
    """Give `Recovery.RECOVERED` for "try it", else the reason why the response passes unchanged.

    For `Recovery.NOT_REPLAYABLE` the token is to be replaced all the same, for the requests to come.
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
    """What a route remembers of tokens that were accepted, and of recoveries that did not help.

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
        self._known.pop(target, None)  # so that the oldest stand in front
        self._known[target] = _Useless(now_s + KNOWN_S, newest.serial)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self.is_empty = False
        # However many fail together, no more than the whole budget is spent.
        spent_s = max(0.0, self._budget_is_full_at_s - now_s) + BUDGET_EVERY_S
        self._budget_is_full_at_s = now_s + min(spent_s, BUDGET * BUDGET_EVERY_S)

    def forget(self, target: bytes) -> None:
        """Forget that `target` refused: it accepts now."""
        self._known.pop(target, None)
        self.is_empty = not self._known


@dataclass(frozen=True, slots=True)
class _Useless:
    until_s: float
    serial: int


class Acceptance:
    """Which token of one source an upstream accepted last, and when.

    Attributes:
        token: the one.
        at_s: when its response came, on the stopwatch (`core.clock`).
    """

    __slots__ = ("at_s", "token")

    def __init__(self) -> None:
        self.token: Token | None = None
        self.at_s = -inf

    def proves_alive(self, token: Token, sent_s: float) -> bool:
        """Whether `token` was accepted after the request was sent that was sent at `sent_s`."""
        return token is self.token and self.at_s > sent_s


def target_digest(method: str, path: str) -> bytes:
    """Give 16 bytes that stand for a target; the query is no part of it."""
    return blake2s(f"{method}\0{path}".encode("utf-8", "surrogateescape"), digest_size=16).digest()


def may_send_again(method: str) -> bool:
    """Tell whether a request may be sent anew after its pooled connection died (RFC 9110 section 9.2.2)."""
    return method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
