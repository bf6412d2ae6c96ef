"""What the service manager is told (sd_notify(3)): ready, reloading, stopping, still alive.

Rules:

- One datagram for each message. Where nobody asked for messages, or the socket is gone, nothing is sent and
  nothing fails: the gateway works without a service manager.
- A sign of life is sent by the event loop itself, and only while `/healthz` is well: a loop that hangs is
  noticed.
- After READY=1, a reload is RELOADING=1 with the time, then READY=1 again with how it went.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Final

from gateway.core.config_state import ConfigState

_LONGEST_STATUS: Final = 512
_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_USEC: Final = 1_000_000
_MARGIN_S: Final = 5.0
"""For what comes after the last request, beyond the grace."""


class ServiceManager:
    """Whoever started this process and wants to know how it is.

    Args:
        address: of the socket for messages; empty: nobody asked for any.
        watchdog_s: after how long without a sign of life it acts; 0: it does not.
        send: sends messages instead, by way of a process that it listens to.
    """

    def __init__(
        self, address: str = "", watchdog_s: float = 0.0, send: Callable[[str], None] | None = None
    ) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._send = send or self.tell
        self._timer: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """Tell that requests are served."""
        self._tell("READY=1", f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """Tell that the configuration is being read anew; `ready` ends that."""
        now_usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_usec}", "STATUS=reading the configuration anew")

    def stopping(self, grace_s: float) -> None:
        """Tell that requests have `grace_s` to finish."""
        extend_usec = int((grace_s + _MARGIN_S) * _USEC)
        status = f"STATUS=running requests have {grace_s:g} s to finish"
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={extend_usec}", status)

    def watch(self, loop: asyncio.AbstractEventLoop, is_well: Callable[[], bool]) -> None:
        """Send signs of life from now on, twice in the time that the watchdog allows."""
        if not self._watchdog_s:
            return
        if is_well():
            self._tell("WATCHDOG=1")
        self._timer = loop.call_later(self._watchdog_s / 2, self.watch, loop, is_well)

    def close(self) -> None:
        """Send no more signs of life."""
        if self._timer is not None:
            self._timer.cancel()

    def through(self, send: Callable[[str], None]) -> ServiceManager:
        """Return the same for another process, whose messages `send` brings here, to `tell`."""
        return ServiceManager(self._address, self._watchdog_s, send)

    def tell(self, text: str) -> None:
        """Send a message, if anybody asked for any."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(text.encode(), self._address)

    def _tell(self, *lines: str) -> None:
        if self._address:
            self._send("\n".join(lines))


def service_manager(environ: MutableMapping[str, str], pid: int) -> ServiceManager:
    """Return who is to be told, as the environment says, and forget the variables."""
    address, usec, watched = (environ.pop(name, "") for name in _VARIABLES)
    is_ours = usec.isdecimal() and watched in {"", str(pid)}
    return ServiceManager(address, int(usec) / _USEC if is_ours else 0.0)


def status_of(state: ConfigState, where: str) -> str:
    """Say in one line how the last reload went, or where it listens."""
    if not state.problems:
        return where
    more = f" (and {len(state.problems) - 1} more)" if len(state.problems) > 1 else ""
    return f"reload refused: {state.problems[0]}{more}"


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_STATUS]
