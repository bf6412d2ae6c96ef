"""Lines into a file or a pipe, many at a time, and never at a request's expense.

Rules: lines wait in a list and go to the thread of a `Sink` together, `FLUSH_AFTER_S` after the first of them
or when there are `FLUSH_LINES`; what is left goes at `close`. What becomes of them there stands in `sink`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.observe.sink import Sink

FLUSH_AFTER_S: Final = 0.1  # Apache's BufferedLogs and nginx's `flush=` are of this kind
FLUSH_LINES: Final = 256  # about 100 KB

Schedule = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds, in the same thread: ``loop.call_later``."""


class LineWriter:
    """Writes lines to `target`: ``stdout``, ``stderr`` or the path of a file, made with mode 0640.

    Raises:
        OSError: the file cannot be opened (only when made).
    """

    def __init__(self, target: str, schedule: Schedule) -> None:
        self._schedule = schedule
        self._sink = Sink(target, "the access log")
        self._lines: list[str] = []
        self._is_scheduled = False

    def __repr__(self) -> str:
        return f"<LineWriter lines={len(self._lines)} {self._sink!r}>"

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        return self._sink.is_terminal

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._sink.dropped

    def write(self, line: str) -> None:
        """Take one line, its line feed included; it is written soon."""
        lines = self._lines
        lines.append(line)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._schedule(FLUSH_AFTER_S, self._flush_scheduled)
        elif len(lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand over what waits."""
        if self._lines:
            self._sink.put("".join(self._lines))
            self._lines.clear()

    def reopen(self) -> None:
        """Hand over what waits, then open the file anew, for it was renamed (log rotation)."""
        self.flush()
        self._sink.reopen()

    def close(self) -> None:
        """Hand over what waits and close; takes half a second where nobody reads, and drops the rest."""
        self.flush()
        self._sink.close()

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self.flush()
