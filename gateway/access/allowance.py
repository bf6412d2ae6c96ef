"""How many credentials are verified anew in a second, so that invented ones starve nobody.

Known callers are not concerned: what was verified is remembered, and what was good once is verified again
without a turn. Beyond the rate, new credentials wait their turn, and beyond the queue they are told to come
back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.core.access.gcra import NS, Rate

PER_SECOND: Final = 500
"""A signature takes 0.1 ms: a twentieth of one CPU."""
MOST_WAITING: Final = 1_000


class Allowance:
    """Counts verifications: at most a second's worth at once, and `PER_SECOND` in the long run."""

    def __init__(self, now_s: Callable[[], float], rate: Rate | None = None) -> None:
        self._now_s = now_s
        self._rate = rate or Rate.of(PER_SECOND, 1.0, PER_SECOND)
        self._state_ns = 0
        self._waiting = 0

    def take(self) -> bool:
        """Take one verification if there is one left at once."""
        now_ns = int(self._now_s() * NS)
        if self._waiting or self._rate.wait_ns(self._state_ns, now_ns):
            return False
        self._state_ns = self._rate.taken(self._state_ns, now_ns)
        return True

    async def turn(self, deadline_s: float) -> bool:
        """Wait for a verification until `deadline_s` (monotonic); False if there is none until then."""
        now_s = self._now_s()
        wait_s = self._rate.wait_ns(self._state_ns, int(now_s * NS)) / NS
        if now_s + wait_s > deadline_s or self._waiting >= MOST_WAITING:
            return False
        self._state_ns = self._rate.taken(self._state_ns, int(now_s * NS))
        self._waiting += 1
        try:
            await asyncio.sleep(wait_s)
        finally:
            self._waiting -= 1
        return True
