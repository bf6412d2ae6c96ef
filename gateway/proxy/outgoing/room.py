"""The limit on connections to all upstreams together.

Each caller's connection has at most one exchange at a time, so connections in use never outnumber callers. An
idle one makes room for a new connection to another upstream.
"""

from __future__ import annotations

from typing import Protocol

from gateway.core.errors import OutOfDescriptors
from gateway.core.settings.all_settings import Limits
from gateway.proxy.census import Census, Excess


class HasIdle(Protocol):
    """A pool whose idle connections can make room for others."""

    @property
    def idle_since_s(self) -> float | None:
        """When the connection that has been idle longest became idle; None if none is idle."""

    def close_idle(self, most: int = ...) -> None:
        """Close idle connections, starting with those that have been idle longest."""


class Room:
    """The connections of all pools.

    Attributes:
        limits: the limits of each pool.
        open: how many connections are open.
    """

    def __init__(self, limits: Limits, census: Census) -> None:
        self.limits = limits
        self._census = census
        self._pools: list[HasIdle] = []
        self.open = 0

    def add(self, pool: HasIdle) -> None:
        """Add a pool whose idle connections can make room for others."""
        self._pools.append(pool)

    def remove(self, pool: HasIdle) -> None:
        """Remove a pool that was closed."""
        self._pools = [each for each in self._pools if each is not pool]

    def make(self) -> None:
        """Close the connection that has been idle longest, if the limit is reached."""
        if self.open >= self._census.most:
            idle = [pool for pool in self._pools if pool.idle_since_s is not None]
            if idle:
                min(idle, key=lambda pool: pool.idle_since_s or 0.0).close_idle(most=1)

    def is_short(self, error: OutOfDescriptors, now_s: float) -> OutOfDescriptors:
        """Close all idle connections, because a new one found no file descriptor; return the error."""
        self._census.tell(Excess.DESCRIPTORS, now_s)
        for pool in self._pools:
            pool.close_idle()
        return error
