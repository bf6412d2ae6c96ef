"""Callers who wait for something scarce, until they are let on, turned away, or out of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.core.access.fair_queue import FairQueue, Waiting

MOST_WAITING: Final = 1_000


class WaitingRoom:
    """Lets those who wait on in a fair order; belongs to one event loop.

    Args:
        unused: called if somebody leaves at the very moment of being let on.
    """

    def __init__(self, unused: Callable[[], None]) -> None:
        self._unused = unused
        self._queue = FairQueue(MOST_WAITING)
        self._told: dict[Waiting, asyncio.Future[bool]] = {}

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether there is a place for nobody, or only for those who come from elsewhere."""
        return len(self._queue) >= MOST_WAITING

    def is_full_for(self, network: str) -> bool:
        """Whether nobody from there would be let in to wait."""
        return self._queue.is_full_for(network)

    async def wait(self, network: str, within_s: float) -> bool:
        """Wait to be let on; False if there is no room, another network needs it, or it takes too long."""
        place, displaced = self._queue.join(network)
        if displaced is not None:
            self._told.pop(displaced).set_result(False)
        if place is None:
            return False
        told = self._told[place] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({told}, timeout=max(0.0, within_s))
        except asyncio.CancelledError:
            if told.done() and told.result():
                self._unused()
            raise
        finally:
            self._queue.leave(place)
            self._told.pop(place, None)
        return told.done() and told.result()

    def let_on(self) -> bool:
        """Let the next one on; False if nobody waits."""
        place = self._queue.next()
        if place is not None:
            self._told.pop(place).set_result(True)
        return place is not None


class FairSlots:
    """So many may do something at a time; beyond that they wait, and networks take turns.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._room = WaitingRoom(self.give_back)

    async def take(self, network: str, within_s: float) -> bool:
        """Take a slot, after a wait if need be; False if none is to be had."""
        if self._left:
            self._left -= 1
            return True
        return await self._room.wait(network, within_s)

    def give_back(self) -> None:
        """Give a slot to the next one, or back."""
        if not self._room.let_on():
            self._left += 1
