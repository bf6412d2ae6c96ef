"""Listening sockets that a service manager opened for us (sd_listen_fds(3)), found by their addresses.

Rules:

- Whoever opened a socket owns it: we listen on a duplicate, and closing that closes nothing. Callers who come
  while nobody accepts wait in its queue, over a restart too.
- A socket is matched to an address of `listen`, never by its name or its number. A name such as ``localhost``
  stands for each of its addresses.
- The descriptors and what tells of them are taken once, and not passed on to anybody.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Final

_FIRST: Final = 3
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")

Where = tuple[str, int] | str
"""A host, as an IP address, and a port; or the path of a unix socket."""


class InheritedSockets:
    """Listening sockets that are not ours, by their addresses."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        self._sockets = {where_is(each): each for each in sockets}
        self._taken: set[Where] = set()

    def __repr__(self) -> str:
        return f"<InheritedSockets {', '.join(map(_shown, self._sockets))}>"

    def take(self, where: Where) -> socket.socket | None:
        """Return a duplicate of the socket at an address, which never blocks; None if there is none."""
        found = self._sockets.get(where)
        if found is None:
            return None
        self._taken.add(where)
        return found.dup()

    def all(self) -> list[socket.socket]:
        """Return the sockets themselves."""
        return list(self._sockets.values())

    def untaken(self) -> Iterator[str]:
        """Yield the addresses of sockets that nobody has asked for."""
        return (_shown(where) for where in self._sockets if where not in self._taken)


def where_is(sock: socket.socket) -> Where:
    """Return where a socket listens."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return os.fsdecode(name)
    return str(name[0]), int(name[1])


def inherited_sockets(environ: MutableMapping[str, str], pid: int) -> InheritedSockets:
    """Take over the sockets that were passed to the process `pid`, and forget the variables.

    Raises:
        OSError: a descriptor is not that of a listening socket.
    """
    told = {name: environ.pop(name, "") for name in _VARIABLES}
    if told["LISTEN_PID"] != str(pid) or not told["LISTEN_FDS"].isdecimal():
        return InheritedSockets()
    names = told["LISTEN_FDNAMES"].split(":")
    count = int(told["LISTEN_FDS"])
    names += ["unknown"] * (count - len(names))
    return InheritedSockets([_listening(_FIRST + at, names[at]) for at in range(count)])


def _listening(descriptor: int, name: str) -> socket.socket:
    os.set_inheritable(descriptor, False)
    try:
        sock = socket.socket(fileno=descriptor)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        is_listening = 0
    if not is_listening or sock.family not in {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}:
        words = f"descriptor {descriptor} ({name}), which the service manager passed, is no listening socket"
        raise OSError(f"{words}: a unit needs ListenStream= and Accept=no")
    sock.setblocking(False)
    return sock


def _shown(where: Where) -> str:
    if isinstance(where, str):
        return f"unix:{where}"
    host, port = where
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
