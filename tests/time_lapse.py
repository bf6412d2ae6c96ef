"""A loop on which every timer runs ten times as fast, sockets at their own pace.

Token requests of one source are a second apart and pauses after failures last seconds; a test that waits
for them in real time costs as much. A naive fake would let time jump when the loop has nothing to do, but
with real sockets it is idle whenever the kernel has the bytes: time would race past every deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvloop

TIMES = 10.0


class TimeLapseLoop(uvloop.Loop):
    """uvloop, in a hurry."""

    def time(self) -> float:
        return super().time() * TIMES

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> Any:
        return super().call_later(delay / TIMES, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return self.call_later(max(0.0, when - self.time()), callback, *args, context=context)
