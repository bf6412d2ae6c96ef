"""Standard output and error that never wait, for `print`, `logging` and tracebacks.

Python's own streams wait for whoever reads (a terminal after Ctrl-S, a full pipe), and the event loop with
them. These take their place while the gateway runs: lines go to the thread of a `Sink`, whole and in order.
"""

from __future__ import annotations

import atexit
import io
import sys
from contextlib import suppress
from threading import RLock, get_ident
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
        self._begun: dict[int, str] = {}  # a line that has no end yet, by the thread that writes it
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
        """Take text; each line is written once it is complete."""
        if not isinstance(text, str):
            # click tries whether bytes are taken, and expects this where they are not.
            raise TypeError(f"expected str, found {type(text).__name__}")
        thread = get_ident()  # `print` writes a line and its end one after the other
        with self._lock:
            whole, feed, begun = (self._begun.pop(thread, "") + text).rpartition("\n")
            if begun:
                self._begun[thread] = begun
            if feed:
                self._sink.put(whole + feed)
        return len(text)

    def flush(self) -> None:
        """Hand over the unfinished line of this thread, too."""
        with self._lock:
            begun = self._begun.pop(get_ident(), "")
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
        """Hand over what waits, give it a moment to be written, and take nothing more."""
        with self._lock:
            begun, self._begun = self._begun, {}
            for each in begun.values():
                self._sink.put(each)
        self._sink.close()


def never_wait_for_readers(*names: str) -> None:
    """Replace this process's own ``stdout``, ``stderr`` or both by streams that never wait.

    Those of somebody else, such as a test that captures output, are left alone.
    """
    for name in names:
        stream = getattr(sys, name)
        with suppress(AttributeError, OSError):  # there is none; it has no descriptor
            if stream.fileno() == _NUMBERS[name] and not isinstance(stream, LineStream):
                stream.flush()
                ours = LineStream(name, stream.encoding)
                setattr(sys, name, ours)
                atexit.register(ours.end)


def end_lines() -> None:
    """Hand over what waits, in a process that ends without the interpreter's own end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, LineStream):
            stream.end()


def dropped_lines() -> int:
    """Return how many lines could not be written to standard output and error since the start."""
    return sum(stream.dropped for stream in (sys.stdout, sys.stderr) if isinstance(stream, LineStream))
