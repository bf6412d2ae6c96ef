"""A descriptor that a thread of its own writes to, so that nobody else ever waits for a reader.

Why a thread: O_NONBLOCK belongs to the open file description, which the shell, the parent and other
processes share, so setting it on an inherited stdout would break them. A terminal, a socket or another user's
pipe cannot be reopened for ourselves, and files on a disk ignore O_NONBLOCK altogether. A thread that waits
harms nobody.

Rules:

- `Sink.put` never waits. What is not written yet is kept, up to `QUEUE_CHARACTERS` or one batch. Beyond that,
  and when the disk is full or the pipe broken, whole lines are dropped and counted.
- A line that was written in part is completed before anything else, or cut off by a line feed.
- The first loss of an outage and its end are logged as warnings, with the name of what is written.
- Where several processes write to the same (`share_streams`), each batch of lines goes out as a whole.
- Closing waits `CLOSE_S` for the thread and no longer. It is a daemon, so it does not keep the process alive.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Lock, RLock, Thread
from typing import Final

_shared: int | None = None

QUEUE_CHARACTERS: Final = 4 * 1024 * 1024  # half a second of a busy gateway: a disk may pause as long
CLOSE_S: Final = 0.5
_LOOK_MS: Final = 100
_PAUSE_S: Final = 0.002  # a stopped terminal that does not block says "ready", and then takes nothing

_LOGGER: Final = logging.getLogger("gateway.log")
_STANDARD: Final = {"stdout": 1, "stderr": 2}
_BUSY: Final = {name: Lock() for name in _STANDARD}  # two sinks of one stream do not cut each other's lines
_NOBODY: Final = nullcontext()


class _Mark(Enum):
    REOPEN = 0
    END = 1


class Sink:
    """Writes lines to `target`: ``stdout``, ``stderr`` or the path of a file, made with mode 0640.

    Args:
        name: what is written, as messages call it: ``the access log``.

    Attributes:
        is_terminal: a person may be reading.

    Raises:
        OSError: the file cannot be opened (only when made).
    """

    def __init__(self, target: str, name: str, encoding: str = "utf-8") -> None:
        self._target = target
        self._name = name
        self._encoding = encoding
        self._fd = _open(target)
        self.is_terminal = os.isatty(self._fd)
        self._is_in_line = False  # the last byte that was written is not a line feed
        self._lock = RLock()  # a finalizer may log while its own thread is in `put`
        self._queue: SimpleQueue[str | _Mark] = SimpleQueue()
        # Characters, then lines: each first one is changed by those who put, the second by the thread.
        self._queued = self._served = 0
        self._refused = self._failed = 0
        self._is_failing = self._is_closed = self._is_hurried = False
        self._thread = Thread(target=self._serve, name=f"gateway-{target}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Sink {self._target}, {self._queued - self._served} characters wait, dropped={self.dropped}>"

    @property
    def dropped(self) -> int:
        """Lines that were lost since the start."""
        return self._refused + self._failed

    def put(self, lines: str) -> None:
        """Take whole lines, line feeds included, to be written as soon as possible."""
        with self._lock:
            waiting = self._queued - self._served
            if not self._is_closed and (not waiting or waiting + len(lines) <= QUEUE_CHARACTERS):
                self._queued += len(lines)
                self._queue.put(lines)
                return
            self._refused += lines.count("\n")
        self._fails("nobody reads it")

    def reopen(self) -> None:
        """Reopen the file after the lines that were put so far, because it was renamed (log rotation).

        If that fails, the old file is kept. A standard stream stays as it is.
        """
        if self._target not in _STANDARD:
            self._is_hurried = True
            self._queue.put(_Mark.REOPEN)

    def close(self, wait_s: float = CLOSE_S) -> None:
        """Write what waits and close; what is not written within `wait_s` is dropped and counted."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(_Mark.END)
        self._thread.join(wait_s)
        self._is_hurried = True

    def _fails(self, reason: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            _LOGGER.warning("%s cannot be written: %s; lines are dropped and counted", self._name, reason)

    # ── the thread ────────────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the loop's
        mark = None
        while mark is not _Mark.END:
            lines, mark = self._next()
            if lines:
                self._serve_lines(lines)
            if mark is _Mark.REOPEN:
                self._open_anew()
        os.close(self._fd)

    def _next(self) -> tuple[str, _Mark | None]:
        """Wait for something, and take all that is there.

        A thread beside a busy loop gets the interpreter only some hundred times a second: one write for each
        `put` would not keep up.
        """
        taken: list[str] = []
        item = self._queue.get()
        while isinstance(item, str):
            taken.append(item)
            try:
                item = self._queue.get_nowait()
            except Empty:
                return "".join(taken), None
        return "".join(taken), item

    def _serve_lines(self, lines: str) -> None:
        is_written = self._write(lines.encode(self._encoding, "backslashreplace"))
        self._served += len(lines)
        if is_written and self._is_failing and self._queued == self._served:
            self._is_failing = False
            _LOGGER.warning("%s can be written again; lines lost so far: %d", self._name, self.dropped)

    def _open_anew(self) -> None:
        self._is_hurried = self._is_closed
        try:
            new = _open(self._target)
        except OSError as error:
            _LOGGER.error("%s cannot be reopened: %s", self._name, _reason(error))  # noqa: TRY400 - the line says it all
            return
        os.close(self._fd)
        self._fd, self._is_in_line = new, False

    def _write(self, lines: bytes) -> bool:
        cut = b"\n" if self._is_in_line else b""
        rest = memoryview(cut + lines)
        try:
            with _BUSY.get(self._target, _NOBODY), _alone(self._target):
                while rest:
                    rest = rest[self._written(rest) :]
        except OSError as error:
            self._failed += bytes(rest[-len(lines) :]).count(b"\n")
            self._fails("nobody reads it" if isinstance(error, BlockingIOError) else _reason(error))
            return False
        return True

    def _written(self, data: memoryview) -> int:
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            if self._is_hurried:
                raise
            self._wait()
            return 0
        self._is_in_line = data[written - 1] != ord("\n")
        return written

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        poll.poll(_LOOK_MS)
        time.sleep(_PAUSE_S)


def share_streams() -> None:
    """From now on, processes forked from this one do not cut each other's lines."""
    global _shared  # noqa: PLW0603 - as global as the streams themselves
    if _shared is None:
        _shared = os.memfd_create("gateway-lines", os.MFD_CLOEXEC)


@contextmanager
def _alone(target: str) -> Iterator[None]:
    """Write while no other process of the gateway does. A lock ends with the process that has it."""
    if _shared is None:
        yield
        return
    place = _STANDARD.get(target, 0)
    fcntl.lockf(_shared, fcntl.LOCK_EX, 1, place)
    try:
        yield
    finally:
        fcntl.lockf(_shared, fcntl.LOCK_UN, 1, place)


def _open(target: str) -> int:
    number = _STANDARD.get(target)
    if number is not None:
        return os.dup(number)
    # O_NONBLOCK: a named pipe that nobody reads is an error at once.
    return os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_CREAT, 0o640)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0)
