"""How many connections there may be to all upstreams together.

A caller's connection has one exchange under way at most, so that those in use are never more than callers
are; an idle one makes room for a new one to another upstream.
"""

from __future__ import annotations

from typing import Protocol

from gateway.core.errors import OutOfDescriptors
from gateway.core.settings import Limits
from gateway.proxy.census import Census, Excess


class HasIdle(Protocol):
    """A pool, as far as its idle connections make room for others."""

    @property
    def idle_since_s(self) -> float | None:
        """Since when the connection is idle that is idle longest; None if none is."""

    def close_idle(self, most: int = ...) -> None:
        """Close idle connections, those that are idle longest first."""


class Room:
    """The connections of all pools.

    Attributes:
        limits: for each of them.
        open: how many there are.
    """

    def __init__(self, limits: Limits, census: Census) -> None:
        self.limits = limits
        self._census = census
        self._pools: list[HasIdle] = []
        self.open = 0

    def add(self, pool: HasIdle) -> None:
        """Let the idle connections of a pool make room for others."""
        self._pools.append(pool)

    def make(self) -> None:
        """Close the connection that has been idle longest, where there are as many as there may be."""
        if self.open >= self._census.most:
            idle = [pool for pool in self._pools if pool.idle_since_s is not None]
            if idle:
                min(idle, key=lambda pool: pool.idle_since_s or 0.0).close_idle(most=1)

    def is_short(self, error: OutOfDescriptors, now_s: float) -> OutOfDescriptors:
        """Close all idle connections, for there is no descriptor for a new one; give the error back."""
        self._census.tell(Excess.DESCRIPTORS, now_s)
        for pool in self._pools:
            pool.close_idle()
        return error
