"""A look-up function that tests hold in their hands.

A naive fake would answer at once, on the loop's thread: it would hide who waits for whom.
"""

from __future__ import annotations

import asyncio
import socket
import threading

WAIT_S = 10.0


def infos(*addresses):
    """What `socket.getaddrinfo` gives for them."""
    return [
        (
            socket.AF_INET6 if ":" in each else socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            (each, 0, 0, 0) if ":" in each else (each, 0),
        )
        for each in addresses
    ]


class Zone:
    """Names, their addresses or errors, and how they were asked for. Use it as a context manager.

    Attributes:
        records: name -> addresses, or an exception.
        asked: names, in the order of their look-ups.
        asked_of_family: those that were about one family; they count nowhere else.
        most_at_once: of look-ups under way together.
    """

    def __init__(self, **records):
        self.records = {name.replace("_", "."): found for name, found in records.items()}
        self.asked = []
        self.asked_of_family = []
        self.running = self.most_at_once = 0
        self._held = {}
        self._held_family = {}
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(self._held):
            self.let_go(name)

    def hold(self, name, family=None):
        """Have look-ups of `name` hang until `let_go`, or only those that need an answer for `family`."""
        self._held[name] = threading.Event()
        self._held_family[name] = family

    def let_go(self, name):
        self._held.pop(name).set()

    def __call__(self, host, port, **members):
        family = members.pop("family", None)
        assert (port, members) == (None, {"type": socket.SOCK_STREAM})
        if family is not None:
            return self._half(host, family)
        with self._lock:
            self.asked.append(host)
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            held = self._held.get(host)
        self._loop.call_soon_threadsafe(self._changed)
        if held is not None:
            held.wait(WAIT_S)
        with self._lock:
            self.running -= 1
        return self._found(host)

    def _half(self, host, family):
        with self._lock:
            self.asked_of_family.append((host, family))
            held = self._held.get(host) if self._held_family.get(host) in {None, family} else None
        self._loop.call_soon_threadsafe(self._changed)
        if held is not None:
            held.wait(WAIT_S)
        found = [each for each in self._found(host) if each[0] == family]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    def _found(self, host):
        found = self.records.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, Exception):
            raise found
        return infos(*found)

    def _changed(self):
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, claim):
        async with asyncio.timeout(WAIT_S):
            while not claim():
                await self._event.wait()
