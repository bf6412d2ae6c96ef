"""Lines into a file or a pipe, many at a time, and never at a request's expense.

Rules: values wait and become text together, `FLUSH_AFTER_S` after the first of them or when there are
`FLUSH_LINES`: lines made one after the other cost half of what each costs between two requests, when the
processor's caches hold other code. The text goes to the thread of a `Sink`, which says what becomes of it
there. What is left goes at `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.observe.sink import Sink

FLUSH_AFTER_S: Final = 0.1  # Apache's BufferedLogs and nginx's `flush=` are of this kind
FLUSH_LINES: Final = 128  # about 50 KB, made in an eighth of a millisecond

Schedule = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds, in the same thread: ``loop.call_later``."""

_Value = TypeVar("_Value")


class LineWriter(Generic[_Value]):
    """Writes values, each as a line, to a `Sink`.

    Args:
        target: ``stdout``, ``stderr`` or the path of a file, made with mode 0640.
        render: makes the lines of some values, line feeds included; the values must not change until then.

    Raises:
        OSError: the file cannot be opened (only when made).
    """

    def __init__(self, target: str, schedule: Schedule, render: Callable[[list[_Value]], str]) -> None:
        self._schedule = schedule
        self._render = render
        self._sink = Sink(target, "the access log")
        self._values: list[_Value] = []
        self._is_scheduled = False

    def __repr__(self) -> str:
        return f"<LineWriter lines={len(self._values)} {self._sink!r}>"

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        return self._sink.is_terminal

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._sink.dropped

    def write(self, value: _Value) -> None:
        """Queue one value; its line is written soon."""
        values = self._values
        values.append(value)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._schedule(FLUSH_AFTER_S, self._flush_scheduled)
        elif len(values) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand over what waits."""
        if self._values:
            values, self._values = self._values, []
            self._sink.put(self._render(values))

    def reopen(self) -> None:
        """Hand over what waits, then open the file anew: it was renamed (log rotation)."""
        self.flush()
        self._sink.reopen()

    def close(self) -> None:
        """Hand over what waits and close; where nobody reads, drop it after half a second."""
        self.flush()
        self._sink.close()

    def _flush_scheduled(self) -> None:
        self._is_scheduled = False
        self.flush()
