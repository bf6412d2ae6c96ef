"""A loop that skips time when nothing happens, with real sockets.

A naive fake would jump to the next timer as soon as the loop has nothing to do; with sockets, bytes may still
be on their way through the kernel. Here the loop first waits for `PATIENCE_S` of real time, which loopback
traffic within one process never needs, and then skips what is left until the next timer. So an hour of
expiries and pauses costs as much as its timers, and nothing depends on how fast the machine is: a slower one
only skips less.
"""

from __future__ import annotations

import asyncio
import selectors
import time

PATIENCE_S = 0.0005


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None:  # no timer: somebody else has to do something
            return super().select(None)
        events = super().select(min(timeout, PATIENCE_S))
        if not events:
            self.skipped_s += max(0.0, timeout - PATIENCE_S)
        return events


class SkippingLoop(asyncio.SelectorEventLoop):
    """A selector loop that is always ahead of the clock."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return time.monotonic() + self._skipping.skipped_s
