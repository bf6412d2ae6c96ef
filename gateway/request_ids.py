"""Ids for requests that come without one."""

from __future__ import annotations

import secrets
from typing import Final

_SHORT: Final = [b"%x" % number for number in range(0x100)]
_FULL: Final = [b"%02x" % number for number in range(0x100)]


class RequestIds:
    """Makes ids that no other process makes: a random prefix, and a count in hexadecimal digits."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6).encode("ascii") + b"-"
        self._count = 0
        self._start = self._prefix
        self._digits = _SHORT

    def next(self) -> bytes:
        """Return an id; on the hot path, so only every 256th is formatted."""
        self._count = count = self._count + 1
        last = count & 0xFF
        if not last:
            self._start = b"%b%x" % (self._prefix, count >> 8)
            self._digits = _FULL
        return self._start + self._digits[last]
