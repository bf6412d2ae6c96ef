"""What others on this machine may learn from the process itself: neither its memory nor its environment.

Rules:

- Not dumpable (prctl(2), Linux): no core file, whoever asks for one, and no other process of the same user
  may read its memory, its environment or its descriptors under `/proc`, nor trace it. Root may. The core
  limit is 0 everywhere.
- What `${env:NAME}` stood for is taken out of the environment once it was read, and overwritten where the
  process was given it, which is what `/proc/PID/environ` shows, to root too. Variables that libraries read
  stay. Nothing reads the environment again; whoever will has to keep a copy.
- Where the system offers none of this, nothing is said: it is a second line of defence.
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
"""Beginnings of the names of variables that stay, whatever they hold."""


def keep_memory_private() -> None:
    """Let nobody of the same user read this process, and nothing write its memory to a disk."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_variables(values: Collection[str]) -> None:
    """Take the variables that hold one of `values` out of the environment, and wipe what they held."""
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
