"""How many credentials are verified anew in a second, so that invented ones starve nobody.

Known callers are not concerned: what was verified is remembered, and what was good once is verified again
without a turn. Beyond the rate, new credentials wait for their turn, which each network has as often as any
other; and beyond the queue they are told to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.access.waiting_room import WaitingRoom
from gateway.core.access.gcra import NS, Rate
from gateway.core.access.limits import network_of

PER_SECOND: Final = 500
"""A signature takes 0.1 ms: a twentieth of one CPU."""


class Allowance:
    """Counts verifications: at most a second's worth at once, and `PER_SECOND` in the long run.

    Args:
        now_s: the clock of the loop.
    """

    def __init__(self, now_s: Callable[[], float], rate: Rate | None = None) -> None:
        self._now_s = now_s
        self._rate = rate or Rate.of(PER_SECOND, 1.0, PER_SECOND)
        self._state_ns = 0
        self._room = WaitingRoom(_is_lost)
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> bool:
        """Take one verification if there is one left at once, and nobody waits for it."""
        if len(self._room) or self._wait_ns():
            return False
        self._count()
        return True

    def is_used_up_for(self, caller: str) -> bool:
        """Whether a caller at an address need not even wait, so that nothing is done for it."""
        return self._room.is_full and self._room.is_full_for(network_of(caller))

    async def turn(self, network: str, deadline_s: float) -> bool:
        """Wait for a verification until `deadline_s` (monotonic); False if there is none until then."""
        if self.take():
            return True
        within_s = deadline_s - self._now_s()
        if self._wait_ns() / NS > within_s:
            return False
        if self._timer is None:
            self._set_timer()
        return await self._room.wait(network, within_s)

    def _let_on(self) -> None:
        self._timer = None
        while not self._wait_ns() and self._room.let_on():
            self._count()
        if len(self._room):
            self._set_timer()

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._now_s() + self._wait_ns() / NS, self._let_on)

    def _wait_ns(self) -> int:
        return self._rate.wait_ns(self._state_ns, int(self._now_s() * NS))

    def _count(self) -> None:
        self._state_ns = self._rate.taken(self._state_ns, int(self._now_s() * NS))


def _is_lost() -> None:
    """A turn that nobody takes is not given to anybody else: the next one is 2 ms away."""
