"""Lines into a file or a pipe, many at a time, and never at a request's expense.

Rules:

- Lines wait in a list and go out in one write, `FLUSH_AFTER_S` after the first of them or when there are
  `FLUSH_LINES`; what is left goes out at `close`.
- Nothing waits for a reader: a pipe is written through a non-blocking description of our own, and what it
  does not take is kept up to `PENDING_BYTES`. Beyond that, and when the disk is full or the pipe broken,
  lines are dropped whole, counted, and the first of an outage is told of by `logging`.
- A line that was written in part is completed before anything else, or cut off by a line feed.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Final

FLUSH_AFTER_S: Final = 0.1  # Apache's BufferedLogs and nginx's `flush=` are of this kind
FLUSH_LINES: Final = 256  # about 100 KB: the write stays well below a millisecond
PENDING_BYTES: Final = 1024 * 1024

Schedule = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds, in the same thread: ``loop.call_later``."""

_LOGGER: Final = logging.getLogger("gateway.access_log")
_STANDARD: Final = {"stdout": 1, "stderr": 2}


class LineWriter:
    """Writes lines to `target`: ``stdout``, ``stderr`` or the path of a file, made with mode 0640.

    Raises:
        OSError: the file cannot be opened (only when made).
    """

    def __init__(self, target: str, schedule: Schedule) -> None:
        self.dropped = 0
        self._target = target
        self._schedule = schedule
        self._fd = _open(target)
        self._lines: list[str] = []
        self._rest = b""  # of the last write: what was not taken
        self._cut = b""  # the line feed that ends a line whose rest was dropped
        self._is_in_line = False  # the last byte that was taken is no line feed
        self._is_scheduled = False
        self._is_failing = False

    def __repr__(self) -> str:
        return f"<LineWriter {self._target} fd={self._fd} lines={len(self._lines)} dropped={self.dropped}>"

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        return os.isatty(self._fd)

    def write(self, line: str) -> None:
        """Take one line, its line feed included; it is written soon."""
        lines = self._lines
        lines.append(line)
        if not self._is_scheduled:
            self._schedule_flush()
        elif len(lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as it goes without waiting."""
        data = self._cut + self._rest + "".join(self._lines).encode("utf-8", "backslashreplace")
        self._lines.clear()
        if not data:
            return
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._drop(data, os.strerror(error.errno or 0))
            return
        self._taken(data, written)

    def reopen(self) -> None:
        """Write what waits, then open the file anew, for it was renamed (log rotation).

        When that fails, the old file is kept and the failure logged.
        """
        try:
            new = _open(self._target)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            _LOGGER.error("the access log cannot be opened anew: %s", reason)  # noqa: TRY400 - the line says it all
            return
        self.close()
        self._fd, self._cut, self._is_in_line = new, b"", False

    def close(self) -> None:
        """Write what waits and close; what cannot be written without waiting is dropped and counted."""
        self.flush()
        if self._rest:
            self._drop(self._rest, "nobody reads it")
        os.close(self._fd)
        self._fd = -1  # a late line is dropped instead of going to whoever has the number next

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self.flush()
        if self._rest:
            self._schedule_flush()

    def _schedule_flush(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._schedule(FLUSH_AFTER_S, self._flush_scheduled)

    def _taken(self, data: bytes, written: int) -> None:
        self._rest = data[written:]
        if written:
            self._cut = b""
            self._is_in_line = data[written - 1 : written] != b"\n"
        if len(self._rest) > PENDING_BYTES:
            self._drop(self._rest, "nobody reads it")
        elif not self._rest and self._is_failing:
            self._is_failing = False
            _LOGGER.warning("the access log is written again; %d records are lost so far", self.dropped)

    def _drop(self, data: bytes, reason: str) -> None:
        self.dropped += data.count(b"\n") - len(self._cut)
        self._rest = b""
        self._cut = b"\n" if self._is_in_line else b""
        if not self._is_failing:
            self._is_failing = True
            _LOGGER.warning("the access log cannot be written: %s; records are dropped and counted", reason)


def _open(target: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    number = _STANDARD.get(target)
    if number is None:
        return os.open(target, flags | os.O_CREAT, 0o640)
    if stat.S_ISFIFO(os.fstat(number).st_mode):
        # O_NONBLOCK on the inherited description would reach everybody who shares the pipe.
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{number}", flags)
    return os.dup(number)
