"""When a process that died is started again, and when there is no point in it any more.

Rules: at once, then after 1, 2, 4 ... 30 s, as long as each one dies within a minute of its start. Five
deaths within a minute are a crash loop: the whole gateway ends with the reason, and whoever started it
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final

MOST_DEATHS: Final = 5
WITHIN_S: Final = 60.0
LONGEST_DELAY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Restarts:
    """The deaths of one slot.

    Attributes:
        started_at_s: when its process was started last.
        deaths: when its processes died, of the last minute.
        streak: how many died soon, one after the other.
    """

    started_at_s: float = -inf
    deaths: tuple[float, ...] = ()
    streak: int = 0

    def after_start(self, now_s: float) -> Restarts:
        """Return this after a process was started."""
        return Restarts(now_s, self.deaths, self.streak)

    def after_death(self, now_s: float) -> Restarts:
        """Return this after its process died."""
        has_lived = now_s - self.started_at_s >= WITHIN_S
        recent = tuple(at_s for at_s in self.deaths if now_s - at_s < WITHIN_S)
        return Restarts(self.started_at_s, (*recent, now_s), 1 if has_lived else self.streak + 1)

    @property
    def is_hopeless(self) -> bool:
        """Whether this is a crash loop."""
        return len(self.deaths) >= MOST_DEATHS

    @property
    def delay_s(self) -> float:
        """How long to wait with the next start, counted from the last death."""
        return 0.0 if self.streak <= 1 else min(LONGEST_DELAY_S, 2.0 ** (self.streak - 2))
