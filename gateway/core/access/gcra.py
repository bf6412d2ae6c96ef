"""The generic cell rate algorithm (ITU-T I.371), in integers: never more than burst + rate x time.

Its whole state is one instant, the theoretical arrival time, which lies as far ahead as what was taken is
not yet paid for. There are no windows whose borders could be exploited, and nothing to clean up: a state
that lies in the past equals none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How much may be taken.

    Attributes:
        step_ns: what one costs; rounded up, so that rounding never allows more.
        slack_ns: how far ahead the state may lie when one is taken: the burst, but for that one.
    """

    step_ns: int
    slack_ns: int

    @classmethod
    def of(cls, count: int, period_s: float, burst: int) -> Rate:
        """Allow `count` in `period_s` in the long run, and `burst` at once; both are at least 1."""
        step_ns = -(-int(period_s * NS) // count)
        return cls(step_ns, step_ns * (burst - 1))

    def wait_ns(self, state_ns: int, now_ns: int) -> int:
        """Return how long until one may be taken; 0 if it may be now."""
        return max(0, state_ns - now_ns - self.slack_ns)

    def taken(self, state_ns: int, now_ns: int) -> int:
        """Return the state after one was taken."""
        return max(state_ns, now_ns) + self.step_ns

    def left(self, state_ns: int, now_ns: int) -> int:
        """Return how many may be taken at once."""
        return max(0, (self.slack_ns + self.step_ns - max(0, state_ns - now_ns)) // self.step_ns)
