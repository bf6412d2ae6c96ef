"""The composition root: `Settings` in, a running `Gateway` out.

Owns every long-lived object, and is the only place where clock and chance come from. Everything is built
before anything listens, and what listens is closed first.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final

from gateway import __version__
from gateway.admin.service import AdminServer, start_admin
from gateway.admin.state import client_state, missing_token, route_state
from gateway.admin.view import AdminView, Readiness
from gateway.core.clock import Clock
from gateway.core.http.access_record import RequestObserver
from gateway.core.http.entrance import Entrance
from gateway.core.http.routing import Router
from gateway.core.http_time import HttpDate
from gateway.core.oauth.token_events import TokenObserver
from gateway.core.settings import (
    Address,
    ListenerSettings,
    RouteName,
    Settings,
)
from gateway.files_in_use import watched_files
from gateway.generation import Generation, ProcessParts, names_in, servers_of
from gateway.listening import asked_by
from gateway.net.lookups import GetAddrInfo
from gateway.net.resolver import Resolver
from gateway.net.unix_socket import UnixSocket, listen_at
from gateway.observe.access_log import AccessLog
from gateway.observe.fanout import Fanout, Observer
from gateway.observe.file_watch import FileWatch
from gateway.observe.gauges import Connections, Gauges
from gateway.observe.line_stream import dropped_lines
from gateway.observe.metrics import Metrics
from gateway.observe.sweeper import Sweeper
from gateway.observe.token_log import TokenLog
from gateway.proxy.acceptor import Acceptor
from gateway.proxy.buffers import Buffers
from gateway.proxy.caller import Terms
from gateway.proxy.census import Census
from gateway.proxy.fast_lane import FastLane
from gateway.proxy.front import FrontTerms
from gateway.proxy.handler import Handler
from gateway.proxy.listener import Listener
from gateway.proxy.room import Room
from gateway.proxy.sockets import BACKLOG, listening_sockets
from gateway.tls.server_certificate import ServerCertificate
from gateway.tls.trust import Trust

UNROUTED: Final = RouteName("-")


class Gateway:
    """A gateway at work. Build it on the running loop, then `start` and `close` it.

    Args:
        get_addr_info: how names are looked up; called in threads.

    Raises:
        OSError, ssl.SSLError: a file cannot be read (when built); an address is not available (at `start`).
    """

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        get_addr_info: GetAddrInfo = socket.getaddrinfo,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._loop = loop
        self._clock = Clock(loop.time, time.time, random.random, time.perf_counter)
        self._is_draining = False
        self._access_log = _opened_access_log(settings, loop)
        self.metrics = Metrics(
            Gauges(
                __version__,
                lambda: not self._is_draining and self.generation.sources.is_ready(),
                self._dropped_records,
                dropped_lines,
                self._connections,
                lambda: self.generation.sources.by_client(),  # noqa: PLW0108 - it is made later
                lambda: {route.settings.name: route.health for route in self.generation.routes},
                lambda: [key for key, _ in self._file_watch.troubles()],
            ),
            time.time,
        )
        self._trust = Trust()
        self._file_watch = FileWatch(watched_files(settings))
        self.metrics.resolutions.expect(names_in(settings))
        self._resolver = Resolver(self.metrics.resolutions, get_addr_info, loop.time)
        for client in settings.clients:
            self.metrics.tokens.client(client)  # its series start at zero, before anything happens
        self._census = Census(settings.limits.connections, self._wake)
        self._buffers = Buffers(settings.limits.buffers_bytes, self._census)
        self._room = Room(settings.limits, self._census)
        parts = ProcessParts(loop, self._clock, self.metrics, self._trust, self._resolver, self._room)
        self.generation = Generation(settings, parts, self._token_observer(observer))
        self._handler = Handler(
            Router((route.settings, route) for route in self.generation.routes),
            settings.limits,
            self._clock,
            self.metrics.route(UNROUTED),
            self._request_observer(observer),
        )
        date = HttpDate()
        lane = FastLane(self._handler, loop, self._clock.now_s)
        self.front = FrontTerms(
            lane.turn, self._handler.reader, _request_ids(), settings.limits.keepalive_timeout_s
        )
        self._terms = Terms(
            settings.limits,
            self._clock,
            lambda: date.at(self._clock.wall_s()),
            self._handler,
            self.front,
            self._census,
        )
        self._certificates = [
            ServerCertificate(listener.tls) if listener.tls is not None else None
            for listener in settings.listeners
        ]
        self._listeners: list[tuple[Listener, Acceptor]] = []
        self._files: list[UnixSocket] = []
        self._admin: AdminServer | None = None
        self._sweeper = Sweeper(loop, self._looks(), self._is_busy)

    # ── life ──────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen, and request the first tokens in the background."""
        try:
            if (admin := self._settings.admin) is not None:
                with asked_by(self._settings.admin_place, admin):
                    self._admin = await start_admin(admin, self._view(), self._settings.limits)
            for listener, ours in zip(self._settings.listeners, self._certificates, strict=True):
                with asked_by(listener.place, listener.address):
                    tls = ours.context if ours is not None else None
                    self._listeners.append(await self._listen(listener, tls))
        except BaseException:
            await self.close(grace_s=0.0)
            raise
        self.generation.start()
        self._sweeper.start()

    async def close(self, grace_s: float | None = None) -> None:
        """Stop accepting, let calls end within `grace_s` (the settings' grace if None), end the rest."""
        self._is_draining = True
        for made in self._files:
            made.remove_file()
        for _, acceptor in self._listeners:
            acceptor.close()
        grace_s = self._settings.grace_s if grace_s is None else grace_s
        await asyncio.gather(*(listener.drain(grace_s) for listener, _ in self._listeners))
        self._sweeper.stop()
        await self.generation.close()
        self._resolver.close()
        if self._admin is not None:
            await self._admin.close()
        if self._access_log is not None:
            await asyncio.to_thread(self._access_log.writer.close)  # it waits for a reader, but not for long
        await asyncio.sleep(0)  # so that closed transports tell their protocols

    def reopen_logs(self) -> None:
        """Reopen the file of the access log, after a rotation."""
        if self._access_log is not None:
            self._access_log.writer.reopen()

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the real ports."""
        return [
            _bound(acceptor, listener.address)
            for listener, (_, acceptor) in zip(self._settings.listeners, self._listeners, strict=True)
        ]

    @property
    def admin_address(self) -> Address | None:
        """Where the admin listener is, or None."""
        return self._admin.address if self._admin is not None else None

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────

    async def _listen(
        self, settings: ListenerSettings, tls: ssl.SSLContext | None
    ) -> tuple[Listener, Acceptor]:
        listener = Listener(self._terms, Entrance.of(settings, self._settings.trusted_proxies))
        if settings.address.path is not None:
            made = listen_at(settings.address.path, settings.access, BACKLOG)
            self._files.append(made)
            sockets = [made.sock]
        else:
            sockets = await listening_sockets(settings.address)
        return listener, Acceptor(listener, sockets, self._loop, tls)

    def _token_observer(self, observer: Observer | None) -> TokenObserver:
        observers: list[TokenObserver] = [
            self.metrics.tokens,
            TokenLog(servers_of(self._settings), self._loop.call_later),
        ]
        return Fanout((), tuple(observers + ([observer] if observer is not None else [])))

    def _request_observer(self, observer: Observer | None) -> RequestObserver | None:
        observers = [each for each in (self._access_log, observer) if each is not None]
        return observers[0] if len(observers) == 1 else Fanout(tuple(observers), ()) if observers else None

    def _looks(self) -> list[Callable[[float], None]]:
        looks: list[Callable[[float], None]] = [
            self._look_at_callers,
            self._look_at_buffers,
            self._look_at_admin,
        ]
        looks += [pool.sweep for pool in self.generation.pools.values()]
        looks += [partial(_look, self._trust), self._file_watch.look]
        return looks + [partial(_look, each) for each in self._certificates if each is not None]

    def _look_at_callers(self, now_s: float) -> None:
        for listener, _ in self._listeners:
            listener.look(now_s)

    def _look_at_buffers(self, now_s: float) -> None:
        self._buffers.look((listener for listener, _ in self._listeners), now_s)

    def _look_at_admin(self, now_s: float) -> None:
        if self._admin is not None:
            self._admin.server.look(now_s)

    def _wake(self) -> None:
        self._sweeper.wake()

    def _is_busy(self) -> bool:
        return self._census.open > 0 or self._room.open > 0

    # ── what is shown ─────────────────────────────────────────────────────────────────────────────

    def readiness(self) -> Readiness:
        """Return whether requests should come here, and if not, why."""
        return Readiness(self._is_draining, tuple(map(missing_token, self.generation.sources.missing())))

    def _view(self) -> AdminView:
        generation, watch = self.generation, self._file_watch
        return AdminView(
            self.readiness,
            lambda: (client_state(state, watch.troubles()) for state in generation.sources.states()),
            lambda: (route_state(route.settings, route.health) for route in generation.routes),
            self.metrics.pieces,
            self.metrics.prepare,
            self._stale,
        )

    def _stale(self) -> tuple[str, ...]:
        return ("callers", "upstreams", "admin") if self._sweeper.is_stale(self._loop.time()) else ()

    def _dropped_records(self) -> int:
        return self._access_log.writer.dropped if self._access_log is not None else 0

    def _connections(self) -> Connections:
        census = self._census
        refused = {reason.value: count for reason, count in census.refused.items()}
        return Connections(census.open, census.most, refused)


def _look(files: Trust | ServerCertificate, _now_s: float) -> None:
    files.look()


def _opened_access_log(settings: Settings, loop: asyncio.AbstractEventLoop) -> AccessLog | None:
    if settings.log.access is None:
        return None
    return AccessLog(settings.log.access, settings.log.format, loop.call_later)


def _request_ids() -> Callable[[], bytes]:
    """Return a maker of ids that no other process makes: a random prefix and a count."""
    prefix = secrets.token_hex(6).encode("ascii")
    numbers = count(1)
    return lambda: b"%b-%x" % (prefix, next(numbers))


def _bound(acceptor: Acceptor, address: Address) -> Address:
    if address.path is not None or not acceptor.sockets:
        return address
    host, port = acceptor.sockets[0].getsockname()[:2]
    return Address(host, port)
