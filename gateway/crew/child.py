"""A process that the supervisor started, as the supervisor sees it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from gateway.core.crew.records import Ping, Record
from gateway.core.crew.restarts import Restarts
from gateway.crew.packets import send

KEEPER: Final = -1
"""The slot of the keeper; those of workers count from 0."""
UNANSWERED: Final = 6
"""So many pings that nobody answered mean that the event loop hangs: at one in 5 s, 30 s."""
LAST_WORDS_S: Final = 2.0
"""After SIGABRT, for faulthandler to write where it hangs."""


@dataclass(slots=True)
class Child:
    """One slot, and the process in it, if there is one.

    Attributes:
        sock: leads to it.
        start_at_s: when another one is to be started.
        is_ready: it does its work.
        adopted_by: the slot of the worker that accepts from its sockets meanwhile.
    """

    slot: int
    pid: int = 0
    sock: socket.socket | None = None
    restarts: Restarts = field(default_factory=Restarts)
    start_at_s: float | None = None
    is_ready: bool = False
    adopted_by: int | None = None
    unanswered: int = 0
    kill_at_s: float | None = None

    def __str__(self) -> str:
        return "the keeper" if self.slot == KEEPER else f"worker {self.slot}"

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self.pid > 0

    def tell(self, record: Record, beside: Sequence[int] = ()) -> None:
        """Send a record. One that hangs may miss it: it is ended, and the next one is told anew."""
        if self.sock is not None:
            send(self.sock, record, beside)

    def signal(self, number: int) -> None:
        """Send a signal."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def started(self, pid: int, sock: socket.socket, now_s: float) -> None:
        """Note that there is a process now."""
        self.pid, self.sock, self.start_at_s = pid, sock, None
        self.restarts = self.restarts.after_start(now_s)
        self.unanswered, self.kill_at_s, self.is_ready = 0, None, False

    def ended(self) -> None:
        """Note that there is none any more."""
        self.pid, self.is_ready, self.kill_at_s = 0, False, None
        self.hang_up()

    def hang_up(self) -> None:
        """Close the way to it."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def ping(self, now_s: float) -> bool:
        """Ask whether its loop runs; return whether it has just been given up."""
        if not self.is_alive or self.kill_at_s is not None:
            return False
        if self.unanswered >= UNANSWERED:
            self.kill_at_s = now_s + LAST_WORDS_S
            self.signal(signal.SIGABRT)
            return True
        self.unanswered += 1
        self.tell(Ping())
        return False

    def kill_if_due(self, now_s: float) -> None:
        """Kill it once it has had time for its last words."""
        if self.kill_at_s is not None and now_s >= self.kill_at_s:
            self.kill_at_s = now_s + LAST_WORDS_S
            self.signal(signal.SIGKILL)


def how_it_died(status: int) -> str:
    """Say how a process ended, from what waitpid(2) tells."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
