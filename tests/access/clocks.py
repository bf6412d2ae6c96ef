"""A clock that tests set."""

from __future__ import annotations

from gateway.core.clock import Clock


class Hands:
    """The hands of a clock: monotonic and wall time, moved together."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.wall_s = 1_000_000.0

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: self.wall_s, lambda: 0.5)
