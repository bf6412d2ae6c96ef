"""Look up names in threads of our own.

A look-up blocks its thread for as long as the system's resolver likes. So it runs neither on the loop nor
in the shared threads of uvloop and asyncio, which the process waits for when it ends. Ours are daemon
threads. Their number is bounded, and slow names get at most half of them, so that dead names do not keep
others from being looked up. `getaddrinfo` knows ``/etc/hosts``, nsswitch and search domains.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from gateway.core.resolution import Finding, Ip, LookUp

GetAddrInfo = Callable[..., list[Any]]
Landed = Callable[[Finding], None]

MOST_RUNNING: Final = 256

# EAI_NODATA and EAI_ADDRFAMILY: the name exists, but has no address. Not every system defines them.
_ABSENT: Final = frozenset(
    getattr(socket, code) for code in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, code)
)
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)

NO_SUCH_NAME: Final = Finding(LookUp.ABSENT, reason="there is no such name")
NO_NAME: Final = Finding(LookUp.ABSENT, reason="it is not a valid name")
FAILED: Final = Finding(LookUp.FAILED, reason="the look-up failed")
TRY_AGAIN: Final = Finding(LookUp.FAILED, reason="the system's resolver has no answer at the moment")
NO_THREAD: Final = Finding(LookUp.FAILED, reason="no thread could be started for the look-up")


class LookUps:
    """Runs look-ups; belongs to one event loop.

    Args:
        get: `socket.getaddrinfo`, or a replacement.
        most: how many may run at once.
    """

    def __init__(self, get: GetAddrInfo = socket.getaddrinfo, most: int = MOST_RUNNING) -> None:
        self._get = get
        self._most = most
        self._running = {False: 0, True: 0}
        self._waiting: dict[bool, deque[tuple[str, int, Landed]]] = {False: deque(), True: deque()}

    def run(self, host: str, landed: Landed, *, is_slow: bool, family: int = socket.AF_UNSPEC) -> None:
        """Look up `host` as soon as there is room; `landed` is called on the running loop."""
        self._waiting[is_slow].append((host, family, landed))
        self._start()

    def _start(self) -> None:
        for is_slow, waiting in self._waiting.items():
            while waiting and self._has_room(is_slow=is_slow):
                self._running[is_slow] += 1
                self._start_one(*waiting.popleft(), is_slow)

    def _has_room(self, *, is_slow: bool) -> bool:
        return sum(self._running.values()) < self._most and not (
            is_slow and self._running[True] >= max(1, self._most // 2)
        )

    def _start_one(self, host: str, family: int, landed: Landed, is_slow: bool) -> None:
        loop = asyncio.get_running_loop()

        def land(finding: Finding) -> None:
            self._running[is_slow] -= 1
            landed(finding)
            self._start()

        def run() -> None:
            finding = find(self._get, host, family)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(land, finding)

        try:
            threading.Thread(target=run, name=f"look-up of {host}", daemon=True).start()
        except RuntimeError:
            loop.call_soon(land, NO_THREAD)


def find(get: GetAddrInfo, host: str, family: int = socket.AF_UNSPEC) -> Finding:
    """Look up `host`, for as long as that takes; raises nothing."""
    of_one = {"family": family} if family else {}
    try:
        found = get(host, None, type=socket.SOCK_STREAM, **of_one)
    except socket.gaierror as error:
        if error.errno in _ABSENT:
            return NO_SUCH_NAME
        return TRY_AGAIN if error.errno == socket.EAI_AGAIN else FAILED
    except UnicodeError:
        return NO_NAME
    except Exception:  # noqa: BLE001 - a thread that nobody awaits must not die unnoticed
        return FAILED
    addresses = dict.fromkeys(Ip(each[4][0]) for each in found if each[0] in _FAMILIES)
    return Finding(LookUp.FOUND, tuple(addresses)) if addresses else NO_SUCH_NAME
