"""Looks at everything that has a deadline, ten times a second while anything can soon be late.

Rules: each sweep schedules the next before it begins, and a fault in one look does not keep the others from
theirs. A sweeper that has stopped is stale, and `/healthz` says so. While no deadline can pass within a
second, only files are left to look at: then it rests, and sweeps once a second. Whoever opens something wakes
it first, and finds everything just looked at; however many come, it is woken ten times a second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.observe.faults import report

SWEEP_S: Final = 0.1
REST_S: Final = 1.0
STALE_S: Final = 5.0  # fifty sweeps, or five: not a busy machine, but a sweeper that stopped

Look = Callable[[float], object]
"""Called with the loop's time."""


class Sweeper:
    """Calls each of `looks` with the loop's time, from `start` to `stop`.

    Args:
        is_busy: whether a deadline can pass within `REST_S`, including one that is not set yet.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        looks: Sequence[Look],
        is_busy: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._looks = looks
        self._is_busy = is_busy
        self._timer: asyncio.TimerHandle | None = None
        self._swept_s = 0.0
        self._is_wanted = self._rests = False

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._is_wanted = True
        self._sweep()

    def go_on(self, looks: Sequence[Look]) -> None:
        """Call these from the next sweep on."""
        self._looks = looks

    def stop(self) -> None:
        """Sweep no more."""
        self._is_wanted = self._rests = False
        if self._timer is not None:
            self._timer.cancel()

    def wake(self) -> None:
        """Sweep at once if it rests, and soon again: something has been opened."""
        if self._rests:
            self._sweep(is_woken=True)

    def is_stale(self, now_s: float) -> bool:
        """Whether it should sweep, and has not for too long."""
        return self._is_wanted and now_s - self._swept_s > STALE_S

    def _sweep(self, *, is_woken: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rests = not (is_woken or self._is_busy())
        self._timer = self._loop.call_later(REST_S if self._rests else SWEEP_S, self._sweep)
        self._swept_s = now_s = self._loop.time()
        for look in self._looks:
            try:
                look(now_s)
            except Exception as error:  # noqa: BLE001 - the other looks follow
                report(self._loop, error)
