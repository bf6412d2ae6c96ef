"""Time and chance, as a value that is handed in.

One `Clock` is built in `app`. ``now_s`` is the running loop's own clock (``loop.time``), because
deadlines computed from it become timers of that loop. uvloop keeps it in whole milliseconds and renews it
once per turn, so durations that are told come from a stopwatch instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Where instants and chance come from.

    Attributes:
        now_s: monotonic seconds, the clock of the running event loop.
        wall_s: seconds since 1970, for what other machines wrote down (``Date``, ``exp``).
        jitter: uniform in [0, 1).
        fine_s: seconds since any instant, as fine as there are; None: `now_s` is fine enough.
    """

    now_s: Callable[[], float]
    wall_s: Callable[[], float]
    jitter: Callable[[], float]
    fine_s: Callable[[], float] | None = None

    @property
    def stopwatch_s(self) -> Callable[[], float]:
        """The clock for durations; only a difference of two of its instants means anything."""
        return self.fine_s or self.now_s
