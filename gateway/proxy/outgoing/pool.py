"""The connections to one upstream: opened, kept while idle, reused, closed.

Rules: the connection used last is reused first, so that those not needed grow old and are closed. After a
certificate or a CA bundle is replaced, or the upstream's name has other addresses, no request goes out on a
connection that was made with the old file or leads to an old address. RFC 9112 section 9.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from gateway.core.errors import OutOfDescriptors
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.proxy.outgoing.dialer import Dialer
from gateway.proxy.outgoing.room import Room
from gateway.proxy.outgoing.tls_upstream import TlsUpstreamConnection
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.tls.trust import Trust

# Less than the 5 s of Node.js, the shortest among common servers.
IDLE_TIMEOUT_S: Final = 4.5
MOST_IDLE: Final = 256


class Pool:
    """All connections to one upstream.

    Attributes:
        nonce: the latest nonce that the upstream wants in proofs (RFC 9449 section 9), or empty.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        room: Room,
        loop: asyncio.AbstractEventLoop,
        trust: Trust,
        resolver: Resolver,
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._kind = TlsUpstreamConnection if settings.scheme is Scheme.HTTPS else UpstreamConnection
        self._dialer = Dialer(settings, loop, trust, resolver)
        self._dialer.watch(self._renew, self._moved)
        self._idle: list[UpstreamConnection] = []
        self._all: set[UpstreamConnection] = set()
        self._most_idle = MOST_IDLE
        self._room = room
        room.add(self)
        self.nonce = ""

    def __repr__(self) -> str:
        return f"<Pool {self._settings.authority}: {len(self._all)} open, {len(self._idle)} idle>"

    def idle_connection(self) -> UpstreamConnection | None:
        """Return the idle connection that was used last, or None; on the hot path."""
        while self._idle:
            connection = self._idle.pop()
            transport = connection.transport  # what follows is `is_open`, which costs more: it is a property
            if transport is not None and not connection.is_gone and not transport.is_closing():
                return connection
        return None

    async def connect(
        self, timeout_s: float, reached: Callable[[], None] | None = None
    ) -> UpstreamConnection:
        """Open a connection; `reached` is called once the server has accepted, before TLS.

        Raises:
            UpstreamError: there is no connection, and nothing was sent; each class is one reason.
            OutOfDescriptors: the process has no file descriptor left.
        """
        self._room.make()
        try:
            connection = await self._dialer.dial(self._make, timeout_s, reached)
        except OutOfDescriptors as error:
            raise self._room.is_short(error, self._loop.time()) from None
        self._all.add(connection)
        self._room.open += 1
        return connection

    @property
    def is_empty(self) -> bool:
        """Whether it has no connection."""
        return not self._all

    @property
    def idle_since_s(self) -> float | None:
        """When the connection that has been idle longest became idle; None if none is idle."""
        return self._idle[0].idle_since_s if self._idle else None

    def close_idle(self, most: int = MOST_IDLE) -> None:
        """Close idle connections, starting with those that have been idle longest."""
        for connection in self._idle[:most]:
            connection.abort()
        del self._idle[:most]

    def _renew(self) -> None:
        """Stop using the connections that exist so far."""
        self._outdate(self._all)

    def _moved(self) -> None:
        """Stop using connections to addresses that the upstream no longer has."""
        self._outdate([each for each in self._all if self._dialer.is_elsewhere(each)])

    def _outdate(self, connections: Iterable[UpstreamConnection]) -> None:
        for connection in connections:
            connection.is_outdated = True
        for connection in [each for each in self._idle if each.is_outdated]:
            self._idle.remove(connection)
            connection.abort()

    def _make(self) -> UpstreamConnection:
        return self._kind(self._loop, self._room.limits, self._gone)

    def _gone(self, connection: UpstreamConnection) -> None:
        if connection in self._all:
            self._all.remove(connection)
            self._room.open -= 1
        if connection.answer is None and connection in self._idle:
            self._idle.remove(connection)

    def release(self, connection: UpstreamConnection) -> None:
        """End the exchange on `connection`, and keep the connection if it may serve another one."""
        if connection.end():
            connection.idle_since_s = self._loop.time()
            if len(self._idle) < self._most_idle:
                self._idle.append(connection)
            else:
                connection.abort()

    def let_go(self, connection: UpstreamConnection) -> None:
        """Forget a connection that serves something else from now on."""
        connection.has_time()
        if connection in self._all:
            self._all.remove(connection)
            self._room.open -= 1

    def give_up(self) -> None:
        """Keep no idle connections any more, and close those in use after their exchange."""
        self._most_idle = 0
        self._renew()

    def sweep(self, now_s: float) -> None:
        """Close connections that have been idle too long, and fail exchanges that are late."""
        while self._idle and now_s - self._idle[0].idle_since_s >= IDLE_TIMEOUT_S:
            self._idle.pop(0).abort()
        for connection in list(self._all):
            try:
                connection.check_deadline(now_s)
            except Exception as error:  # noqa: BLE001 - one failure must not stop the others
                connection.fault(error)
        if self._all:
            self._dialer.use(now_s)

    def close(self) -> None:
        """Close every connection, including the busy ones."""
        self._dialer.unwatch(self._renew, self._moved)
        self._room.remove(self)
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()
