"""Time and chance, as a value that is passed in.

One `Clock` is built in `app`. ``now_s`` is the running loop's own clock (``loop.time``), because deadlines
computed from it become timers of that loop. uvloop keeps it in whole milliseconds and updates it once per
iteration, so reported durations come from a stopwatch instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The source of instants and of chance.

    Attributes:
        now_s: monotonic seconds, the clock of the running event loop.
        wall_s: seconds since 1970, for comparing with what other machines wrote (``Date``, ``exp``).
        jitter: uniform in [0, 1).
        fine_s: seconds since an arbitrary instant, in the finest resolution available; None: `now_s` will do.
    """

    now_s: Callable[[], float]
    wall_s: Callable[[], float]
    jitter: Callable[[], float]
    fine_s: Callable[[], float] | None = None

    @property
    def stopwatch_s(self) -> Callable[[], float]:
        """The clock for durations; only the difference between two of its instants means anything."""
        return self.fine_s or self.now_s
