"""What others on this machine may learn from the process itself: neither its memory nor its environment.

Rules:

- The process is not dumpable (prctl(2), Linux): it leaves no core file, and no other process of the same user
  may trace it, or read its memory, environment or descriptors under `/proc`. Root may. The core limit is 0 on
  every system.
- A variable that `${env:NAME}` names is removed from the environment once it was read. It is overwritten
  where the process received it, which is what `/proc/PID/environ` shows, even to root. Variables that
  libraries read stay. A reload reads a copy, which only the process's own memory holds.
- Where the system offers none of this, no warning is given: it is a second line of defence.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Final

_PR_SET_DUMPABLE: Final = 4

LIBRARIES_READ: Final = (
    "HOME",
    "LANG",
    "LC_",
    "OPENSSL_",
    "PATH",
    "PYTHON",
    "RES_OPTIONS",
    "SSL",
    "TMPDIR",
    "TZ",
)
"""Prefixes of the names of variables that stay, whatever they hold."""


def keep_memory_private() -> None:
    """Keep this process from other processes of the same user, and its memory from the disk."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_variables(values: Collection[str]) -> None:
    """Remove the variables that hold one of `values` from the environment, and wipe their memory."""
    for name, value in list(os.environ.items()):
        if value in values and not name.startswith(LIBRARIES_READ):
            _wipe(name)
            del os.environ[name]


def _wipe(name: str) -> None:
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        getenv = ctypes.CDLL(None).getenv
        getenv.argtypes, getenv.restype = [ctypes.c_char_p], ctypes.c_void_p
        place = getenv(os.fsencode(name))
        if place:
            ctypes.memset(place, 0, len(ctypes.string_at(place)))
