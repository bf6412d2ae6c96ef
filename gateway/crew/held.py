"""Listening sockets that are held, whoever accepts from them: callers in their queues outlive a worker.

The supervisor holds all of them, and each worker those of its slot. Where they are is written as text:
``127.0.0.1 8080``, or the path of a unix socket.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Sequence

from gateway.net.inherited_sockets import InheritedSockets, Where, where_is
from gateway.net.unix_socket import UnixSocket


def where_of(sock: socket.socket) -> str:
    """Write where a socket listens."""
    return written(where_is(sock))


def written(where: Where) -> str:
    """Write a place."""
    return where if isinstance(where, str) else f"{where[0]} {where[1]}"


class SlotSockets(InheritedSockets):
    """The sockets of one worker. It binds none of its own: what is not here, it cannot have."""

    def take(self, where: Where) -> socket.socket:
        """Return a duplicate of the socket at an address.

        Raises:
            OSError: there is none.
        """
        found = super().take(where)
        if found is None:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return found

    def add(self, sockets: Iterable[socket.socket]) -> None:
        """Hold these, too; one that is here already stays."""
        for each in sockets:
            if self._sockets.setdefault(where_is(each), each) is not each:
                each.close()

    def only(self, places: Iterable[str]) -> None:
        """Close all but those at these places."""
        kept = set(places)
        for where in [where for where in self._sockets if written(where) not in kept]:
            self._sockets.pop(where).close()


class HeldSockets:
    """The sockets of all slots, as the supervisor has them.

    Args:
        lent: by the service manager; they are for all slots, and never closed.
    """

    def __init__(self, lent: InheritedSockets) -> None:
        self._lent = {where_of(sock): [sock] for sock in lent.all()}
        self._sockets: dict[str, list[socket.socket]] = {}
        self._files: dict[str, UnixSocket] = {}

    @property
    def lent(self) -> frozenset[str]:
        """Where the service manager opened sockets."""
        return frozenset(self._lent)

    @property
    def places(self) -> frozenset[str]:
        """Where all others are."""
        return frozenset(self._sockets)

    def hold(self, where: str, sockets: Sequence[socket.socket], device: int, inode: int) -> None:
        """Hold the sockets at a place: one for each slot, or one for all; a unix socket has a file."""
        if where in self._sockets or not sockets:
            for each in sockets:
                each.close()
            return
        self._sockets[where] = list(sockets)
        if inode:
            self._files[where] = UnixSocket(sockets[0], where, (device, inode))

    def only(self, places: Iterable[str]) -> None:
        """Close all but those at these places, and remove their files."""
        for where in self._sockets.keys() - set(places):
            if (file := self._files.pop(where, None)) is not None:
                file.remove_file()
            for each in self._sockets.pop(where):
                each.close()

    def of_slot(self, slot: int) -> list[socket.socket]:
        """Return the sockets that the worker of a slot accepts from."""
        return [
            each[slot if len(each) > 1 else 0] for each in (*self._lent.values(), *self._sockets.values())
        ]

    def own_of_slot(self, slot: int) -> list[socket.socket]:
        """Return those that nobody else accepts from."""
        return [each[slot] for each in self._sockets.values() if len(each) > 1]

    def leave_to(self, slot: int | None) -> None:
        """In a child: close what is for others; None: everything."""
        kept = set(map(id, self.of_slot(slot))) if slot is not None else set()
        for each in (*self._lent.values(), *self._sockets.values()):
            for sock in each:
                if id(sock) not in kept:
                    sock.close()
