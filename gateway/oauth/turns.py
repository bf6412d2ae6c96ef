"""Take turns: one grant asks at a time while a client's credentials are not known to be accepted.

Rules:

- A grant that waited for another's attempt shares its failure if that concerns all grants: the credentials
  were refused, or the server is unwell. An error answer is shared only once in a row, since it may be about
  what the other grant asked for.
- A success lets all who wait go at once.
- Clients with different names share their turns if they send the same credentials to the same server.
  Replaced credentials start afresh.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from math import inf
from weakref import WeakValueDictionary

from gateway.core.clock import Clock
from gateway.core.oauth.standing import Standing, Who, is_about_request, is_everybodys, refuses_client
from gateway.core.oauth.token_outcome import Failed, Granted, Outcome

Send = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class SharedFailure:
    """The failure of another grant's attempt."""

    failed: Failed


class Desk:
    """Where grants queue that send the same credentials to the same server."""

    def __init__(self) -> None:
        self.standing = Standing()
        self._lock = asyncio.Lock()
        self._failed: Failed | None = None
        self._failed_at_s = -inf

    async def ask(
        self, who: Who, send: Send, clock: Clock, jitter: float, *, has_shared: bool
    ) -> Outcome | SharedFailure:
        """Send when it is the turn of `who`, or return the failure of another grant.

        Args:
            who: the grant.
            send: requests its token.
            clock: tells the time.
            jitter: for a pause, in [0, 1).
            has_shared: the grant shared another one's failure the last time.
        """
        came_at_s = clock.now_s()
        if not self.standing.is_known(came_at_s):
            async with self._lock:
                failed = self._met_by_others(came_at_s, clock.now_s())
                if failed is not None and not (has_shared and is_about_request(failed)):
                    return SharedFailure(failed)
                if not self.standing.is_known(clock.now_s()):
                    return self._learned(who, await send(), clock.now_s(), jitter)
        return self._learned(who, await send(), clock.now_s(), jitter)

    def _met_by_others(self, since_s: float, now_s: float) -> Failed | None:
        rest = self.standing.rest
        if rest.left_s(now_s) > 0.0:
            return rest.failed
        return self._failed if self._failed_at_s > since_s else None

    def _learned(self, who: Who, outcome: Outcome, now_s: float, jitter: float) -> Outcome:
        if isinstance(outcome, Granted):
            self.standing = self.standing.after_token(who, now_s)
        elif refuses_client(outcome):
            self.standing = self.standing.after_refusal(who, outcome, now_s, jitter)
        elif is_everybodys(outcome):
            self._failed, self._failed_at_s = outcome, now_s
        return outcome


class Turns:
    """The desks of all clients of a process; belongs to one event loop."""

    def __init__(self) -> None:
        self._desks: WeakValueDictionary[Hashable, Desk] = WeakValueDictionary()
        self._grants: Counter[Hashable] = Counter()

    def join(self, registration: Hashable) -> None:
        """Note one more grant of a registration (`maker.Maker.registration`)."""
        self._grants[registration] += 1

    def leave(self, registration: Hashable) -> None:
        """Note one grant less."""
        self._grants[registration] -= 1
        self._grants += Counter[Hashable]()  # drops what has come to zero

    def desk(self, registration: Hashable, mark: Hashable) -> Desk:
        """Return the desk of a registration, which lasts as long as somebody holds it.

        `mark` changes with the credentials.
        """
        key = (registration, mark)
        desk = self._desks.get(key)
        if desk is None:
            desk = self._desks[key] = Desk()
        return desk

    def has_others(self, registration: Hashable) -> bool:
        """Whether other grants use the same registration."""
        return self._grants[registration] > 1
