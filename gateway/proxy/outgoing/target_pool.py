"""The connections to one address of a group, and what is told of the exchanges on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.core.errors import UpstreamError
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.outgoing.room import Room
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.tls.trust import Trust


class ExchangeWatch(Protocol):
    """Receives what becomes of exchanges."""

    def not_connected(self, error: UpstreamError) -> None:
        """Note that there was no connection."""

    def ends(self, connection: UpstreamConnection) -> None:
        """Note the end of the exchange on `connection`, which still has its response."""


class TargetPool(Pool):
    """A pool that counts its requests and tells how they end.

    Attributes:
        running: requests that have a connection or wait for one.
        requests: how many there were.
        watch: is told.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        room: Room,
        loop: asyncio.AbstractEventLoop,
        trust: Trust,
        resolver: Resolver,
    ) -> None:
        super().__init__(settings, room, loop, trust, resolver)
        self.running = 0
        self.requests = 0
        self.watch: ExchangeWatch | None = None

    @property
    def is_warm(self) -> bool:
        """Whether it has an idle connection."""
        return bool(self._idle)

    def idle_connection(self) -> UpstreamConnection | None:
        """Return the idle connection that was used last, or None."""
        connection = Pool.idle_connection(self)
        if connection is not None:
            self.running += 1
            self.requests += 1
        return connection

    async def connect(
        self, timeout_s: float, reached: Callable[[], None] | None = None
    ) -> UpstreamConnection:
        """Open a connection; raises what `Pool.connect` raises."""
        self.running += 1
        try:
            connection = await Pool.connect(self, timeout_s, reached)
        except BaseException as error:
            self.running -= 1
            if self.watch is not None and isinstance(error, UpstreamError):
                self.watch.not_connected(error)
            raise
        self.requests += 1
        return connection

    async def connect_apart(self, timeout_s: float) -> UpstreamConnection:
        """Open a connection that serves no request, and that whoever asked for it aborts.

        Raises what `Pool.connect` raises.
        """
        return await Pool.connect(self, timeout_s)

    def release(self, connection: UpstreamConnection) -> None:
        """End the exchange on `connection`, and tell how it ends."""
        self.running -= 1
        if self.watch is not None:
            self.watch.ends(connection)
        Pool.release(self, connection)

    def let_go(self, connection: UpstreamConnection) -> None:
        """Forget a connection that becomes a tunnel; its handshake is over."""
        self.running -= 1
        if self.watch is not None:
            self.watch.ends(connection)
        Pool.let_go(self, connection)
