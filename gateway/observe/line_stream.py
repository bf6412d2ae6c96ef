"""Standard output and error for everything that writes to them by `print`, `logging` or a traceback.

In their place while the gateway runs: what Python itself writes there would wait for whoever reads (a
terminal after Ctrl-S, a full pipe), and the event loop with it. Lines go to the thread of a `Sink`, whole and
in order.
"""

from __future__ import annotations

import atexit
import io
import sys
from contextlib import suppress
from threading import RLock
from typing import Final

from gateway.observe.sink import Sink

_NUMBERS: Final = {"stdout": 1, "stderr": 2}
_NAMES: Final = {"stdout": "standard output", "stderr": "standard error"}


class LineStream(io.TextIOBase):
    """A text stream that never waits. `name` is ``stdout`` or ``stderr``."""

    errors = "backslashreplace"

    def __init__(self, name: str, encoding: str = "utf-8") -> None:
        super().__init__()
        self._number = _NUMBERS[name]
        self._encoding = encoding
        self._begun = ""  # of a line
        self._lock = RLock()
        self._sink = Sink(name, _NAMES[name], encoding)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As `open` takes it."""
        return self._encoding

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._sink.dropped

    def write(self, text: str) -> int:
        """Take text; its lines are written as they are complete."""
        if not isinstance(text, str):
            raise TypeError(
                f"expected str, found {type(text).__name__}"
            )  # click asks whether bytes are taken
        with self._lock:
            whole, feed, self._begun = (self._begun + text).rpartition("\n")
            if feed:
                self._sink.put(whole + feed)
        return len(text)

    def flush(self) -> None:
        """Hand over a line that has begun, too."""
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun:
                self._sink.put(begun)

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether a person may be reading."""
        return self._sink.is_terminal

    def fileno(self) -> int:
        """The descriptor's number."""
        return self._number

    def end(self) -> None:
        """Hand over what waits, give it a moment, and take nothing more."""
        self.flush()
        self._sink.close()


def never_wait_for_readers(*names: str) -> None:
    """Put streams that never wait in the place of this process's own ``stdout``, ``stderr`` or both.

    Another program's, such as those of a test that captures them, are left alone.
    """
    for name in names:
        stream = getattr(sys, name)
        with suppress(AttributeError, OSError):  # there is none; it has no descriptor
            if stream.fileno() == _NUMBERS[name] and not isinstance(stream, LineStream):
                stream.flush()
                ours = LineStream(name, stream.encoding)
                setattr(sys, name, ours)
                atexit.register(ours.end)


def dropped_lines() -> int:
    """What could not be written to standard output and error since the start."""
    return sum(stream.dropped for stream in (sys.stdout, sys.stderr) if isinstance(stream, LineStream))
