"""Children of the benchmark: each bound to one processor, each ended by its process id, whatever happens.

A child leads a session of its own, so that Ctrl-C reaches the benchmark alone, which then ends the children
in order, and so that what a child itself has started can be ended with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Self

ROOT = pathlib.Path(__file__).resolve().parent.parent
_GRACE_S = 5.0
_POLL_S = 0.005
_TAIL_LINES, _TAIL_CHARACTERS = 8, 800


class NotReadyError(Exception):
    """A child ended, or did not answer in time; the message carries the tail of what it wrote."""


FAILURES = (NotReadyError, OSError, subprocess.SubprocessError)
"""What a contestant that does not do its work raises, here or where it is measured."""


@dataclasses.dataclass(frozen=True, slots=True)
class Child:
    """A running process and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    output: pathlib.Path
    started_at_s: float

    @property
    def pid(self) -> int:
        """The process id, which is that of its session too."""
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is no longer there."""
        return self.process.poll() is not None

    def tail(self) -> str:
        """Return the last lines that the child wrote, cut where they are long."""
        lines = self.output.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(line[:_TAIL_CHARACTERS] for line in lines)


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let a signal that ends us end the block by KeyboardInterrupt, so that the children are ended too."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in signals:  # A second one must not disturb the clearing up.
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Processes:
    """All children of a run; leaving the context ends those still there."""

    def __init__(self, directory: pathlib.Path) -> None:
        """Keep the children's output in the given directory."""
        self._directory = directory
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every child that is left, the youngest first."""
        for child in reversed(self._children.copy()):
            self.stop(child)

    def start(self, name: str, argv: tuple[str, ...], cpu: int) -> Child:
        """Start a program that stays on the given processor with all its threads and children."""
        output = self._directory / f"{name}-{len(self._children)}.out"
        with output.open("wb") as file, bound_to(cpu):
            child = Child(name, _spawn(argv, file.fileno()), output, time.monotonic())
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        """End a child, first kindly, then with what it has left behind."""
        child.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(_GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.process.wait()
        self._children.remove(child)

    @contextlib.contextmanager
    def running(self, name: str, argv: tuple[str, ...], cpu: int) -> Iterator[Child]:
        """Start a program and stop it at the end of the block."""
        child = self.start(name, argv, cpu)
        try:
            yield child
        finally:
            self.stop(child)


def _spawn(argv: tuple[str, ...], output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@contextlib.contextmanager
def bound_to(cpu: int) -> Iterator[None]:
    """Run the block, and let start what it starts, on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def wait_until(is_ready: Callable[[], bool], child: Child, within_s: float = 15.0) -> float:
    """Wait for a child to be ready and return the seconds since its start.

    Raises:
        NotReadyError: it ended, or the time is over.

    """
    while time.monotonic() - child.started_at_s < within_s:
        if is_ready():
            return time.monotonic() - child.started_at_s
        if child.has_ended:
            raise NotReadyError(f"{child.name} ended with status {child.process.returncode}:\n{child.tail()}")
        time.sleep(_POLL_S)
    raise NotReadyError(f"{child.name} was not ready within {within_s:g} s:\n{child.tail()}")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(held.getsockname()[1]) for held in sockets]
