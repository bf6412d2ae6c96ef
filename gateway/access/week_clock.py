"""The clock on the wall of a time zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class WeekClock:
    """Tells the local time of zones, which it reads once.

    Args:
        wall_s: the clock of the machine.
    """

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._zones: dict[str, ZoneInfo] = {}

    def local(self, zone: str) -> datetime:
        """Return the local time in a zone, which the configuration made sure of."""
        found = self._zones.get(zone)
        if found is None:
            from zoneinfo import ZoneInfo  # noqa: PLC0415 - memory that only rules with hours need

            found = self._zones[zone] = ZoneInfo(zone)
        return datetime.fromtimestamp(self._wall_s(), found)
