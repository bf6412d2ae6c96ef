"""The addresses where callers come in: opened, kept or given up from one configuration to the next.

Rules:

- What a new configuration needs is bound before anything else changes, so that a port that is taken changes
  nothing.
- A door whose address stays is kept, its queue and its connections with it. New connections get the new
  certificate; a connection that exists follows the new rules from its next request on.
- A door that is gone accepts what is queued, then closes. Each of its connections ends with the response
  that it is waiting for, or at once if it is idle.
- A socket that the service manager opened is used where its address is asked for, and never closed.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Sequence

from gateway.core.http.entrance import Entrance
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.listening import asked_by
from gateway.net.inherited_sockets import InheritedSockets, Where, where_is
from gateway.net.tcp_sockets import BACKLOG, listening_sockets
from gateway.net.unix_socket import SocketRefused, UnixSocket, listen_at
from gateway.proxy.acceptor import Acceptor
from gateway.proxy.caller import Terms
from gateway.proxy.listener import Listener
from gateway.tls.server_certificate import ServerCertificate


class Door:
    """One address: its sockets, what its connections share, and who accepts them once it is open.

    Attributes:
        settings: those it was last opened under.
        certificate: what it presents to callers, or None without TLS.
        listener, acceptor: None until it is open.
    """

    def __init__(
        self, settings: ListenerSettings, sockets: list[socket.socket], file: UnixSocket | None
    ) -> None:
        self.settings = settings
        self._sockets = sockets
        self._file = file
        self.certificate: ServerCertificate | None = None
        self.listener: Listener | None = None
        self.acceptor: Acceptor | None = None

    def __repr__(self) -> str:
        return f"<Door {self.settings.address}>"

    @property
    def address(self) -> Address:
        """Where it is, with its real port."""
        address = self.settings.address
        if address.path is not None or not self._sockets or self._sockets[0].fileno() < 0:
            return address
        host, port = self._sockets[0].getsockname()[:2]
        return Address(host, port)

    def is_at(self, where: Where) -> bool:
        """Whether it accepts callers there."""
        return any(where_is(sock) == where for sock in self._sockets if sock.fileno() >= 0)

    def fits(self, settings: ListenerSettings) -> bool:
        """Whether it is what these settings ask for; they may name the port that it got when any would do."""
        is_there = settings.address in {self.settings.address, self.address}
        return is_there and settings.access == self.settings.access

    @property
    def has_connections(self) -> bool:
        """Whether any connection is open, or is about to be."""
        return self.listener is not None and (bool(self.listener.connections) or self.is_shaking_hands)

    @property
    def is_shaking_hands(self) -> bool:
        """Whether a connection was accepted and is not made yet."""
        return self.acceptor is not None and self.acceptor.is_shaking_hands

    def open(self, plan: Plan, terms: Terms, proxies: TrustedProxies) -> None:
        """Accept callers, or go on under new settings."""
        is_other = self.certificate is not None and self.certificate is not plan.certificate
        trusted = self.settings.client_trust if is_other else None
        self.settings, self.certificate = plan.settings, plan.certificate
        entrance = Entrance.of(plan.settings, proxies)
        tls = plan.certificate.context if plan.certificate is not None else None
        if self.listener is None or self.acceptor is None:
            self.listener = Listener(terms, entrance)
            self.acceptor = Acceptor(self.listener, self._sockets, asyncio.get_running_loop(), tls)
        else:
            self.listener.go_on(terms, entrance)
            self.acceptor.go_on(tls)
            if trusted is not None:
                self.listener.end_connections()

    def presents(self, settings: ListenerSettings) -> bool:
        """Whether its certificate, and what it asks of callers, is what these settings ask for."""
        ours = self.settings
        return ours.tls == settings.tls and ours.client_trust == settings.client_trust

    def look(self) -> None:
        """Renew its certificate, and whom it trusts; connections whose authorities were replaced end."""
        if self.certificate is None or not self.certificate.look():
            return
        if self.acceptor is not None and self.listener is not None:
            self.acceptor.go_on(self.certificate.context)
            self.listener.end_connections()

    def give_up(self) -> None:
        """Accept what is queued and no more; let the connections end."""
        self._remove_file()
        if self.acceptor is not None and self.listener is not None:
            self.acceptor.retire()
            self.listener.give_up()
        else:
            self._close_sockets()

    def close(self) -> None:
        """Stop accepting; connections that were accepted go on."""
        self._remove_file()
        if self.acceptor is not None:
            self.acceptor.close()
        else:
            self._close_sockets()

    def _remove_file(self) -> None:
        if self._file is not None:
            self._file.remove_file()
            self._file = None

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()


class Plan:
    """A door as a configuration wants it: new, or one that is open already."""

    def __init__(self, settings: ListenerSettings, door: Door, certificate: ServerCertificate | None) -> None:
        self.settings = settings
        self.door = door
        self.certificate = certificate


class Doors:
    """All doors of a process.

    Args:
        inherited: sockets that are open already, and are not ours to close.
    """

    def __init__(self, inherited: InheritedSockets) -> None:
        self._inherited = inherited
        self._open: list[Door] = []
        self._given_up: list[Door] = []
        self._adopted: dict[int, list[tuple[Acceptor, socket.socket]]] = {}

    async def plans(self, settings: Settings) -> list[Plan]:
        """Bind what is new, and load certificates; nothing changes for callers yet.

        Raises:
            CannotListen: an address is not available; nothing is left bound.
            OSError, ssl.SSLError: a certificate cannot be used; as above.
        """
        plans: list[Plan] = []
        try:
            for each in settings.listeners:
                taken = [plan.door for plan in plans]
                kept = next((door for door in self._open if door not in taken and door.fits(each)), None)
                plans.append(await self._plan(each, kept))
        except BaseException:
            self.drop(plans)
            raise
        return plans

    async def _plan(self, settings: ListenerSettings, kept: Door | None) -> Plan:
        is_same = kept is not None and kept.presents(settings)
        if kept is not None and is_same:
            return Plan(settings, kept, kept.certificate)
        certificate = (
            ServerCertificate(settings.tls, settings.client_trust) if settings.tls is not None else None
        )
        if kept is None:
            with asked_by(settings.place, settings.address):
                kept = await self._bound_beside(settings)
        return Plan(settings, kept, certificate)

    async def _bound_beside(self, settings: ListenerSettings) -> Door:
        """Bind an address; where one of ours is in the way, say so: it could end only afterwards."""
        try:
            return await self._bound(settings)
        except OSError as error:
            port, path = settings.address.port, settings.address.path
            ours = [str(each.address) for each in self._open if each.address.port == port]
            if error.errno != errno.EADDRINUSE or path is not None or not ours:
                raise
            words = (
                f"this gateway itself listens on {ours[0]}, which a reload cannot widen or narrow: restart it"
            )
            raise SocketRefused(errno.EADDRINUSE, words) from None

    async def _bound(self, settings: ListenerSettings) -> Door:
        path = settings.address.path
        if path is None:
            return Door(settings, await listening_sockets(settings.address, self._inherited), None)
        if (taken := self._inherited.take(path)) is not None:
            return Door(settings, [taken], None)
        file = listen_at(path, settings.access, BACKLOG)
        return Door(settings, [file.sock], file)

    def drop(self, plans: Iterable[Plan]) -> None:
        """Close what was bound for plans that are not carried out."""
        for plan in plans:
            if plan.door not in self._open:
                plan.door.close()

    def open(self, plans: Sequence[Plan], terms: Terms, proxies: TrustedProxies) -> None:
        """Carry out `plans`, and give up every door that is in none of them."""
        doors = [plan.door for plan in plans]
        for plan in plans:
            plan.door.open(plan, terms, proxies)
        gone = [door for door in self._open if door not in doors]
        self._open = doors
        for door in gone:
            door.give_up()
        self._given_up += gone

    def close(self) -> None:
        """Stop accepting everywhere."""
        for door in (*self._open, *self._given_up):
            door.close()

    async def drain(self, grace_s: float) -> None:
        """Let every call end within `grace_s`, then end what is left."""
        await asyncio.gather(*(listener.drain(grace_s) for listener in self.listeners()))

    def adopt(self, slot: int, sockets: Iterable[socket.socket]) -> None:
        """Accept callers from the sockets of another process at the same addresses, until `let_go`."""
        self.let_go(slot)
        for sock in sockets:
            door = next((door for door in self._open if door.is_at(where_is(sock))), None)
            if door is not None and door.acceptor is not None:
                door.acceptor.also([sock])
                self._adopted.setdefault(slot, []).append((door.acceptor, sock))
            else:
                sock.close()

    def let_go(self, slot: int) -> None:
        """Leave these sockets to their own process again."""
        for acceptor, sock in self._adopted.pop(slot, ()):
            acceptor.no_longer([sock])

    def listeners(self) -> list[Listener]:
        """Return what has connections: those of doors that were given up, too."""
        doors = (*self._open, *self._given_up)
        return [door.listener for door in doors if door.listener is not None]

    def addresses(self) -> list[Address]:
        """Return where callers come in, with the real ports."""
        return [door.address for door in self._open]

    def look(self, now_s: float) -> None:
        """Act on what is late, renew certificates, and forget doors whose last connection has ended."""
        for listener in self.listeners():
            listener.look(now_s)
        for door in self._open:
            door.look()
        if self._given_up:
            self._given_up = [door for door in self._given_up if door.has_connections]
