"""The limit on what the connections of all callers buffer together.

A connection buffers little as long as both sides read; one that is stuck buffers up to 1 MiB. Rule: above
`limits.buffers`, the connections that have been stuck longest are closed, until the rest fits. Nothing is
checked while there are too few connections to exceed the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final, cast

from gateway.core.settings.sizes import MIB
from gateway.proxy.caller import CallerConnection
from gateway.proxy.census import Census, Excess
from gateway.proxy.listener import Listener

MOST_EACH_BYTES: Final = 1 * MIB


class Buffers:
    """The buffer budget of all connections."""

    def __init__(self, most_bytes: int, census: Census) -> None:
        self._most_bytes = most_bytes
        self._census = census

    def look(self, listeners: Iterable[Listener], now_s: float) -> None:
        """Close connections until the rest fits the budget."""
        if self._census.open * MOST_EACH_BYTES <= self._most_bytes:
            return
        connections = cast("list[CallerConnection]", list(chain(*(each.connections for each in listeners))))
        held = {each: each.held_bytes() for each in connections if each.is_stuck}
        excess = sum(held.values()) - self._most_bytes
        for each in sorted(held, key=CallerConnection.stuck_since_s) if excess > 0 else ():
            if excess <= 0:
                break
            excess -= held[each]
            self._census.refuse(Excess.MEMORY, now_s)
            each.abort()
