"""Descriptors 0, 1 and 2, which whoever starts the process may have closed (``>&-``, a bare service manager).

A new descriptor takes the lowest number that is free. So what is opened first would be standard output, and
access records or tracebacks would be written into a file or a connection. The null device takes these places.
"""

from __future__ import annotations

import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def fill_standard_descriptors() -> None:
    """Open the null device in place of each standard stream that is closed; call this before all else."""
    for number, (name, mode) in enumerate(_STREAMS):
        if not _is_open(number):
            _open_null_at(number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_null_at(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened == number:
        os.set_inheritable(number, True)  # as standard streams are
    else:
        os.dup2(opened, number)
        os.close(opened)
