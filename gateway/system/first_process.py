"""What a process owes as the first of its container (PID 1), where there is no init above it.

Rules:

- The kernel gives PID 1 no signal that it has no handler for: the default, to end, is no handler. So a signal
  that ends other processes at once has a handler here, from the first moment on.
- Whoever loses its parent becomes a child of PID 1, and stays a zombie until that one has taken note. So the
  kernel is told that nobody waits for any. A process that the gateway starts itself says by a result how it
  went, not by its exit status (`config_process`). The supervisor of several workers waits for its children
  itself, and so for everybody.
- Another process than PID 1 is left as it is.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

FIRST: Final = 1


def take_the_place_of_init() -> None:
    """End at SIGTERM already while starting, and leave no zombies, where this is PID 1."""
    if os.getpid() == FIRST:
        end_at_next(signal.SIGTERM)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def end_at_next(number: signal.Signals) -> None:
    """Let the next such signal end the process at once, with the status that shells know."""
    # Not Python's own handler of SIGINT, whose KeyboardInterrupt uvloop may swallow.
    signal.signal(number, _end if os.getpid() == FIRST else signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)
