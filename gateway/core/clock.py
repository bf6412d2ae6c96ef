"""Time and chance, as a value that is handed in.

One `Clock` is built in `app`. ``now_s`` is the running loop's own clock (``loop.time``), because
deadlines computed from it become timers of that loop.
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
    """

    now_s: Callable[[], float]
    wall_s: Callable[[], float]
    jitter: Callable[[], float]
