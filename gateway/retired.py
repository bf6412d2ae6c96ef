"""Earlier generations, each until its last exchange is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from gateway.generation import Generation
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.route import Route, RouteInstances
from gateway.upstreams.group import Group


class Retired:
    """The generations that gave way, and whatever else a reload has to end.

    Attributes:
        generations: those that are not closed yet.
        on_end: called once something of an earlier configuration is closed.
        is_needed: whether another process still uses a generation.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ends: set[asyncio.Task[None]] = set()
        self.generations: list[Generation] = []
        self.on_end: Callable[[], None] = lambda: None
        self.is_needed: Callable[[Generation], bool] = lambda _: False

    def add(self, before: Generation, now: Generation) -> None:
        """Let a generation end once `now` has taken over."""
        self.generations.append(before)
        before.give_way(now)

    def groups_with(self, now: Generation) -> list[Group]:
        """Return all groups of upstream addresses in use, those of `now` too, each once."""
        used = (group for each in (now, *self.generations) for group in each.groups.values())
        return list(dict.fromkeys(used))

    def pools_with(self, now: Generation) -> list[Pool]:
        """Return all pools in use, those of `now` too, each once."""
        used = (pool for each in (now, *self.generations) for pool in each.pools.values())
        return list(dict.fromkeys(used))

    def instances_with(self, now: Generation) -> list[RouteInstances]:
        """Return the upstreams that credentials name, those of `now` too, each once."""
        used = (instances for each in (now, *self.generations) for instances in each.instances())
        return list(dict.fromkeys(used))

    def end_those_over(self, busy: set[Route], now: Generation) -> bool:
        """Close the generations whose last exchange is over; return whether there are any."""
        over = [old for old in self.generations if old.is_over(busy, now) and not self.is_needed(old)]
        self.generations = [old for old in self.generations if old not in over]
        if over:
            self.end(self._close(over, now))
        return bool(over)

    def end(self, work: Coroutine[object, object, None]) -> None:
        """Have something ended in the background; `close` waits for it."""
        task = self._loop.create_task(work)  # owned here: `close` awaits it
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def close(self, now: Generation) -> None:
        """Close all of them, except for what `now` has as well."""
        for old in self.generations:
            await old.close([now])
        if self._ends:
            await asyncio.wait(self._ends)

    async def _close(self, over: list[Generation], now: Generation) -> None:
        for old in over:
            await old.close([now, *self.generations])
        over.clear()
        self.on_end()
