"""What the supervisor passes on, has done, and knows of its own end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.crew.held import HeldSockets


@dataclass(slots=True)
class Legacy:
    """What a keeper leaves to the next one.

    Attributes:
        number: how many keepers there have been.
        text: what it asked to remember.
        in_force: a descriptor of the file with the configuration in use; None: that of the start.
    """

    number: int = 0
    text: str = ""
    in_force: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What the children do, and what is done for them.

    Attributes:
        keep, serve: run in a child, and return its exit status.
        notify: tells the service manager something.
        forget: forgets the configuration of the start: its successors are kept in a file.
    """

    keep: Callable[[socket.socket, HeldSockets, Legacy], int]
    serve: Callable[[socket.socket, int, list[socket.socket]], int]
    notify: Callable[[str], None]
    forget: Callable[[], None]


@dataclass(slots=True)
class Ending:
    """How the supervisor ends: with a status, once asked to, at once at the second time."""

    is_wanted: bool = False
    status: int = 0
    asked: int = 0
    by: int = field(default=int(signal.SIGTERM))
