"""The start of a gateway of several processes: what each of them does, from the fork on.

Rules: the configuration was read before, and nothing here has begun a loop or a thread. The keeper and the
workers begin theirs in their own process. What every process shares is loaded before the first fork.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TextIO

import uvloop

from gateway.core.config_state import Reading
from gateway.crew.held import HeldSockets
from gateway.crew.keeper import Kept, keep
from gateway.crew.parts import left_by
from gateway.crew.supervision import Legacy, Work
from gateway.crew.supervisor import Supervisor
from gateway.crew.worker import serve
from gateway.net.inherited_sockets import inherited_sockets
from gateway.observe.line_stream import never_wait_for_readers
from gateway.observe.sink import share_streams
from gateway.server import Hooks
from gateway.system.hardening import forget_variables
from gateway.system.service_manager import service_manager

_READY: Final = select.POLLOUT


class _Patient:
    """Standard error for the supervisor: a line that would have to wait is not written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.fileno(), _READY)

    def write(self, text: str) -> int:
        if any(events & _READY for _, events in self._poll.poll(0)):
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing waits here."""

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


class _Crew:
    """What the processes do.

    Args:
        workers: how many there are.
        hooks: what the command does for its server; `use` sets up logging, too.
        refuse: says why the gateway cannot start.
    """

    def __init__(self, first: Reading, hooks: Hooks, workers: int, refuse: Callable[[OSError], None]) -> None:
        self._first: Reading | None = first
        assert first.settings is not None
        bare = replace(first.settings, clients={}, routes=(), callers={}, referenced=frozenset(), warnings=())
        self._log_settings = bare
        self._hooks = hooks
        self._workers = workers
        self._refuse = refuse
        self._manager = service_manager(os.environ, os.getpid())
        self._stderr = sys.stderr

    def forget(self) -> None:
        self._first = None

    def notify(self, text: str) -> None:
        self._manager.tell(text)

    def keep(self, sock: socket.socket, held: HeldSockets, legacy: Legacy) -> int:
        left = left_by(legacy, self._first)
        self._begin(left.reading)
        kept = Kept(self._workers, left, self._hooks, legacy, held.lent, held.places, self._manager)
        return uvloop.run(keep(sock, kept, self._refuse))

    def serve(self, sock: socket.socket, _slot: int, sockets: list[socket.socket]) -> int:
        self._begin(None)
        return uvloop.run(serve(sock, sockets, self._hooks.use))

    def begin(self) -> None:
        sys.stderr = _Patient(self._stderr)
        self._hooks.use(self._log_settings)
        forget_variables(os.environ.values())

    def _begin(self, reading: Reading | None) -> None:
        sys.stderr = self._stderr
        never_wait_for_readers("stderr")
        settings = reading.settings if reading is not None else self._log_settings
        assert settings is not None
        self._hooks.use(settings)


def run(first: Reading, hooks: Hooks, workers: int, refuse: Callable[[OSError], None]) -> int:
    """Serve with several workers until a signal comes; return the exit status.

    Args:
        first: the configuration to start with.
        hooks: what the command does for its server.
        workers: how many.
        refuse: says why the gateway cannot start, and exits.
    """
    gc.disable()
    gc.collect()
    gc.freeze()  # so that no collection writes to what is shared
    held = HeldSockets(inherited_sockets(os.environ, os.getpid()))
    share_streams()
    crew = _Crew(first, hooks, workers, refuse)
    del first
    crew.begin()
    return Supervisor(workers, held, Work(crew.keep, crew.serve, crew.notify, crew.forget)).run()
