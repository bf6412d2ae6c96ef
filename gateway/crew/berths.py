"""Where a gateway of several workers listens: one SO_REUSEPORT socket for each slot at each TCP address.

Rules:

- The kernel spreads connections evenly over the sockets of an address, and each has a queue of its own. They
  are bound here, in the keeper, and held by the supervisor, so a worker that dies loses no queue.
- An address that somebody else has is refused, even if that one would share it: two gateways that take turns
  are a fault that nobody finds.
- Unix sockets, and sockets from the service manager, are one for all workers: the first one to look accepts.
- A port that may be any is chosen once, and kept over reloads.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.core.settings.all_settings import Settings
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.crew.held import written
from gateway.listening import asked_by
from gateway.net.tcp_sockets import BACKLOG
from gateway.net.unix_socket import SocketRefused, UnixSocket, listen_at


@dataclass(slots=True)
class NewPlace:
    """Sockets that were bound just now: one for each slot, or one for all; device and inode of a file."""

    sockets: list[socket.socket]
    device: int = 0
    inode: int = 0

    def of(self, slot: int) -> int:
        """Return the descriptor for a slot."""
        return self.sockets[slot if len(self.sockets) > 1 else 0].fileno()


@dataclass(slots=True)
class BerthPlan:
    """Where a configuration listens.

    Attributes:
        listeners: its listeners, with the ports that they got.
        places: as `Prepare.sockets` has them.
        new: what was bound for it.
        with_any_port: the hosts of listeners that asked for any port.
    """

    listeners: list[ListenerSettings] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    new: dict[str, NewPlace] = field(default_factory=dict)
    with_any_port: list[str] = field(default_factory=list)

    def drop(self) -> None:
        """Close what was bound, since it is not to be used."""
        for path, place in self.new.items():
            if place.inode:
                UnixSocket(place.sockets[0], path, (place.device, place.inode)).remove_file()
        self.close()

    def close(self) -> None:
        """Close the sockets here; whoever else holds them goes on."""
        for place in self.new.values():
            for sock in place.sockets:
                sock.close()


class Berths:
    """Plans where workers listen.

    Args:
        slots: how many there are.
        lent: where the service manager opened sockets.
        places: where the supervisor holds sockets already.
        ports: of addresses with any port, by address and how often it stands before.
    """

    def __init__(
        self, slots: int, lent: Iterable[str], places: Iterable[str], ports: dict[str, int] | None = None
    ) -> None:
        self._slots = slots
        self._lent = frozenset(lent)
        self.places = frozenset(places)
        self.ports = dict(ports or {})

    async def plan(self, settings: Settings) -> BerthPlan:
        """Bind what is new.

        Raises:
            CannotListen: an address cannot be had; nothing is left bound.
        """
        plan = BerthPlan()
        try:
            for listener in settings.listeners:
                with asked_by(listener.place, listener.address):
                    await self._add(plan, listener)
        except BaseException:
            plan.drop()
            raise
        return plan

    async def _add(self, plan: BerthPlan, listener: ListenerSettings) -> None:
        if (path := listener.address.path) is not None:
            plan.listeners.append(listener)
            self._add_path(plan, path, listener)
            return
        host, port = listener.address.host, listener.address.port
        any_port = f"{host} {plan.with_any_port.count(host)}"
        if not port:
            plan.with_any_port.append(host)
            port = self.ports.get(any_port, 0)
        infos = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, proto, _, where in dict.fromkeys(infos):
            port = self._add_tcp(plan, family, proto, (str(where[0]), port, *where[2:]))
        if not listener.address.port:
            self.ports[any_port] = port
        plan.listeners.append(replace(listener, address=Address(host, port)))

    def _add_path(self, plan: BerthPlan, path: str, listener: ListenerSettings) -> None:
        plan.places.append(path)
        if path not in self._lent | self.places:
            file = listen_at(path, listener.access, BACKLOG)
            plan.new[path] = NewPlace([file.sock], *file.identity)

    def _add_tcp(self, plan: BerthPlan, family: int, proto: int, where: tuple[object, ...]) -> int:
        """Return the port that it got."""
        place = written((str(where[0]), int(str(where[1]))))
        if place in plan.new or place in self._lent | self.places:
            plan.places.append(place)
            return int(str(where[1]))
        self._refuse_own(place)
        sockets = bound(family, proto, where, self._slots)
        port = int(sockets[0].getsockname()[1])
        place = written((str(where[0]), port))
        plan.places.append(place)
        plan.new[place] = NewPlace(sockets)
        return port

    def _refuse_own(self, place: str) -> None:
        """Refuse to widen or narrow an address: whatever is there could end only afterwards."""
        port = place.rpartition(" ")[2]
        wide = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound
        for ours in self.places:
            host, _, other = ours.rpartition(" ")
            if port == other and (host in wide or place.startswith(wide)):
                at = Address(host, int(port))
                words = f"this gateway itself listens on {at}, which a reload cannot widen or narrow"
                raise SocketRefused(errno.EADDRINUSE, f"{words}: restart it")


def bound(family: int, proto: int, where: tuple[object, ...], count: int) -> list[socket.socket]:
    """Bind several sockets to one address, and listen on them.

    Raises:
        OSError: somebody else listens there, or it is none of this machine.
    """
    _refuse_sharing(family, proto, where)
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = _socket(family, proto)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(where)
            where = (where[0], sock.getsockname()[1], *where[2:])
        for sock in sockets:
            sock.listen(BACKLOG)
            sock.setblocking(False)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _refuse_sharing(family: int, proto: int, where: tuple[object, ...]) -> None:
    with _socket(family, proto) as probe:
        probe.bind(where)


def _socket(family: int, proto: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock
