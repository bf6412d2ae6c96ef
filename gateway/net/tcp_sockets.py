"""Listening TCP sockets; for unix sockets, see `net.unix_socket`."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from gateway.core.settings.listener_settings import Address
from gateway.net.inherited_sockets import InheritedSockets

BACKLOG: Final = 2048


async def listening_sockets(address: Address, inherited: InheritedSockets) -> list[socket.socket]:
    """Listen on a host and a port, where possible on inherited sockets; a name may have several addresses.

    Raises:
        OSError: an address cannot be bound, or the name does not resolve.
    """
    infos = await asyncio.get_running_loop().getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, _, proto, _, where in dict.fromkeys(infos):
            taken = inherited.take((str(where[0]), int(where[1])))
            sockets.append(taken or _tcp_socket(family, proto, where))
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def _tcp_socket(family: int, proto: int, where: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return _listening(sock, where)
    except BaseException:
        sock.close()
        raise


def _listening(sock: socket.socket, where: tuple[object, ...]) -> socket.socket:
    sock.bind(where)
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock
