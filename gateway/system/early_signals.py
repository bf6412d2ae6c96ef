"""SIGHUP and SIGUSR1 while the process is starting: they wait until the server takes them.

By default they would end the process, and service managers take such an end for a wish, after which nothing
needs a restart.
"""

from __future__ import annotations

import os
import signal
from typing import Final

_LATER: Final = (signal.SIGHUP, signal.SIGUSR1)


class EarlySignals:
    """Those that came since it was made, until the server has handlers of its own."""

    def __init__(self) -> None:
        self._kept: set[int] = set()
        for number in _LATER:
            signal.signal(number, lambda kept, _: self._kept.add(kept))

    def pass_on(self) -> None:
        """Send them again, now that the server takes them."""
        while self._kept:
            os.kill(os.getpid(), self._kept.pop())
