"""Verifications under way: one for each credential, whoever waits for it or leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.core.access.finding import Finding


class Flights:
    """Verifications by the digest of their credential. They belong to whoever has this object.

    Args:
        now_s: the clock of the loop.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._flights: dict[bytes, asyncio.Task[Finding]] = {}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._flights

    def __len__(self) -> int:
        return len(self._flights)

    async def join(
        self, digest: bytes, begin: Callable[[], Coroutine[Any, Any, Finding]], deadline_s: float
    ) -> Finding | None:
        """Wait for the verification of a credential until `deadline_s`, and begin it if it is not under way.

        It goes on beyond the deadline, for whoever comes next. `begin` makes what never raises.

        Returns:
            None if it takes longer.
        """
        flight = self._flights.get(digest)
        if flight is None:
            # Owned by this object, not by a task group: it outlives whoever waits, and close() ends it.
            flight = self._flights[digest] = asyncio.get_running_loop().create_task(begin())
            flight.add_done_callback(lambda _: self._flights.pop(digest))
        await asyncio.wait({flight}, timeout=max(0.0, deadline_s - self._now_s()))
        return flight.result() if flight.done() and not flight.cancelled() else None

    async def close(self) -> None:
        """End all of them."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)
