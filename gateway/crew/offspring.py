"""How a process of the gateway is started: by fork, from a process without threads and without a loop.

Rules: what is loaded is shared with its parent, page by page, until one of them writes to it. It ends when
its parent does, whatever ends that one (PR_SET_PDEATHSIG): as at SIGTERM. Ctrl-C, which a terminal sends to
all of them, is for the supervisor alone.
"""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from gateway.observe.line_stream import end_lines

_PR_SET_PDEATHSIG: Final = 1
_FAILED: Final = 1
_IGNORED: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)

log: Final = logging.getLogger("gateway.crew")


def start(work: Callable[[], int]) -> int:
    """Start a process that does this work and ends with the status that it returns; return its number."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        parent = os.getpid()
        sys.stderr.flush()
        number = os.fork()
        if not number:
            _be_child(work, parent)
        return number
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


def _be_child(work: Callable[[], int], parent: int) -> None:
    status = _FAILED
    try:
        _end_with(parent)
        _forget_signals()
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else _FAILED
    except BaseException:
        log.critical("a process of the gateway failed", exc_info=True)
    finally:
        end_lines()
        os._exit(status)


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it had ended before that was asked for
        os._exit(_FAILED)


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable(file=2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
