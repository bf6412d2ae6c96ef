"""Looks at what has a deadline, ten times a second, whatever goes wrong in one of the looks.

Rules: the next sweep is arranged before this one begins; a fault in one look does not keep the others from
theirs; one that has stopped is `is_stale`, and `/healthz` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.observe.faults import report

SWEEP_S: Final = 0.1
STALE_S: Final = 5.0  # fifty sweeps: no busy machine makes that, but a sweeper that stopped


class Sweeper:
    """Calls each of `looks` with the loop's time, from `start` to `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, looks: Sequence[Callable[[float], None]]) -> None:
        self._loop = loop
        self._looks = looks
        self._timer: asyncio.TimerHandle | None = None
        self._swept_s = 0.0
        self._is_wanted = False

    def start(self) -> None:
        """Sweep now, and from now on."""
        self._is_wanted = True
        self._sweep()

    def stop(self) -> None:
        """Sweep no more."""
        self._is_wanted = False
        if self._timer is not None:
            self._timer.cancel()

    def is_stale(self, now_s: float) -> bool:
        """Whether it should sweep, and has not for too long."""
        return self._is_wanted and now_s - self._swept_s > STALE_S

    def _sweep(self) -> None:
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)
        self._swept_s = now_s = self._loop.time()
        for look in self._looks:
            try:
                look(now_s)
            except Exception as error:  # noqa: BLE001 - the others come nevertheless
                report(self._loop, error)
