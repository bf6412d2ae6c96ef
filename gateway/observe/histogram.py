"""A histogram that costs one bisection per observation.

Rules: a bound belongs to the bucket that it closes, as Prometheus wants it. Buckets are counted separately,
and summed up at the scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

BOUNDS_S: Final[Sequence[float]] = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""From half a millisecond, below which a proxy's share is lost in noise, to the default timeout."""
TUNNEL_BOUNDS_S: Final[Sequence[float]] = (
    1.0, 10.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 3 * 3_600.0, 6 * 3_600.0, 12 * 3_600.0, 24 * 3_600.0,
)  # fmt: skip
"""From a second to a day."""


class Histogram:
    """Durations in seconds. `counts` has one entry more than `bounds_s`, for all that is longer."""

    __slots__ = ("bounds_s", "counts", "sum_s")

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self.bounds_s = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def observe(self, duration_s: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds_s, duration_s)] += 1
        self.sum_s += duration_s

    def cumulative(self) -> list[tuple[str, float]]:
        """Return each upper bound as text, and how many durations do not exceed it."""
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self.bounds_s), "+Inf"), self.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets
