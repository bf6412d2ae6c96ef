"""What pairs of costs show; pure.

A pair is quiet if neither side was kept waiting for its processor for more than a tenth of the time. Who is
kept waiting finds cold caches again and many requests at once, which does not cost all programs the same.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import TypeAlias

_MOST_KEPT_WAITING = 0.1
HEAD = f"{'here µs':>38}{'there µs':>10}{'more µs':>9}{'ratio':>8}  quartiles     busy here, there  quiet\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """Processor time per request; the share of the time busy, and the part of it spent waiting for others."""

    cpu_us: float
    busy: float
    kept_waiting: float


Pair: TypeAlias = tuple[Cost, Cost]


def is_quiet(pair: Pair) -> bool:
    """Tell whether nobody else used much of the processor."""
    return max(one.kept_waiting for one in pair) <= _MOST_KEPT_WAITING


def row(title: str, pairs: Sequence[Pair]) -> str:
    """Return a line of the figures of the quiet pairs, or of all pairs, if most of them were not quiet."""
    quiet = [pair for pair in pairs if is_quiet(pair)]
    taken = quiet if 2 * len(quiet) >= len(pairs) else pairs
    ratios = [here.cpu_us / there.cpu_us for here, there in taken]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    more_us = statistics.median(here.cpu_us - there.cpu_us for here, there in taken)
    here_us, there_us = (statistics.median(one.cpu_us for one in side) for side in zip(*taken, strict=True))
    here_busy, there_busy = (statistics.median(one.busy for one in side) for side in zip(*taken, strict=True))
    return (
        f"{title:30}{here_us:8.1f}{there_us:10.1f}{more_us:+9.1f}{middle:8.3f}  {low:.3f}, {high:.3f}  "
        f"{here_busy:10.0%}, {there_busy:5.0%}  {len(quiet):5} of {len(pairs)}"
        f"{'' if taken is quiet else ': too few, all are shown'}\n"
    )
