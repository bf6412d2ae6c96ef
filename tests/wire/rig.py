"""The whole gateway between a fake upstream, a fake authorization server and raw callers.

Everything listens on a free port of the loopback address, and everything is closed at the end: a rig that
leaves a task behind, or whose loop met an exception that nobody took, fails its test.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from typing import Any, Self

from gateway.app import Gateway
from gateway.core.errors import AuthorizationServerError
from gateway.core.http.access_record import AccessRecord
from gateway.core.oauth.token_events import (
    CredentialSwitched,
    Reason,
    TokenEvent,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.oauth.token_outcome import Failed
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Limits, LogSettings, Settings
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, Grant, Reach
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.route_settings import RouteName, RouteSettings, Timeouts
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.core.token import Token
from tests import ways
from tests.wire.authorization_server import FakeAuthorizationServer
from tests.wire.caller import RawCaller
from tests.wire.messages import Answer, request
from tests.wire.servers import Changes, FakeUpstream, Script

CRM = ClientName("crm")
CLIENT_SECRET = "the-client-secret-9f27"
LOOPBACK = Address("127.0.0.1", 0)
REACH = frozenset(field.name for field in fields(Reach))
QUICK = Limits(head_timeout_s=0.3, keepalive_timeout_s=0.3)


class Told(Changes):
    """Implements `Observer`: what was told of requests and of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[AccessRecord] = []
        self.reasons: list[Reason] = []
        self.obtained: list[Token] = []
        self.took_s: list[float] = []
        self.failed: list[AuthorizationServerError] = []
        self.rejected: list[Token] = []
        self.switched: list[tuple[int, int]] = []
        self.revoked: list[tuple[str, Failed | None]] = []

    def request_done(self, record: AccessRecord) -> None:
        self.records.append(record)
        self.changed()

    def told(self, event: TokenEvent) -> None:
        match event:
            case TokenRequested():
                self.reasons.append(event.reason)
            case TokenObtained():
                self.obtained.append(event.token)
                self.took_s.append(event.took_s)
            case TokenFailed():
                self.failed.append(event.error)
            case TokenRejected():
                self.rejected.append(event.token)
            case CredentialSwitched():
                self.switched.append((event.accepted.number, event.accepted.of))
            case TokenRevoked():
                self.revoked.append((event.fingerprint, event.failed))
        self.changed()


class Rig:
    """Builds the settings when the ports are known, runs the gateway, and takes everything down.

    Args:
        script: of the upstream.
        routes: makes the routes, see `route`; one for everything, with a token, if left out.
        is_warm: wait for the first token before the test begins.
        client: further members of `ClientSettings`, and of its `Reach`.
        get_addr_info: how the gateway looks names up.
        settings: further members of `Settings`.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        routes: Callable[[Rig], Sequence[RouteSettings]] = lambda rig: [rig.route()],
        is_warm: bool = True,
        client: dict[str, Any] | None = None,
        upstream_tls: tls.SSLContext | None = None,
        upstream_path: str | None = None,
        get_addr_info: Callable[..., list[Any]] = socket.getaddrinfo,
        **settings: Any,
    ) -> None:
        self.upstream = FakeUpstream(script)
        self.authorization_server = FakeAuthorizationServer()
        self.told = Told()
        self.faults: list[dict[str, Any]] = []
        self._make_routes = routes
        self._is_warm = is_warm
        self._client = client or {}
        self._upstream_tls = upstream_tls
        self._upstream_path = upstream_path
        self._get_addr_info = get_addr_info
        self._settings = settings
        self._callers: list[RawCaller] = []

    # ── settings ──────────────────────────────────────────────────────────────────────────────────

    @property
    def grant(self) -> Grant:
        return Grant(
            CRM, self.authorization_server.endpoint, "mobile_android", AuthMethod.CLIENT_SECRET_BASIC
        )

    def upstream_settings(self, **members: Any) -> UpstreamSettings:
        path = self.upstream.path
        if path is not None:
            return UpstreamSettings(Scheme.UNIX, "localhost", 80, path)
        known = {"scheme": Scheme.HTTP, "host": "127.0.0.1", "port": self.upstream.port}
        return UpstreamSettings(**(known | members))

    def route(
        self, path: str = "/", *, name: str = "", has_token: bool = True, **members: Any
    ) -> RouteSettings:
        """A route to the fake upstream."""
        known = {"upstream": self.upstream_settings(), "grant": self.grant if has_token else None}
        known["timeouts"] = Timeouts(connect_s=20.0, response_s=20.0, idle_s=20.0)
        return RouteSettings(RouteName(name or path), path, **(known | members))

    def _all_settings(self) -> Settings:
        members = dict(self._client)
        reach = {name: members.pop(name) for name in REACH if name in members}
        client = ClientSettings(self.grant, (lambda: Secret(CLIENT_SECRET),), Reach(**reach))
        known = {
            "listeners": (ListenerSettings(LOOPBACK),),
            "admin": None,
            "clients": {CRM: replace(client, **members)},
            "routes": tuple(self._make_routes(self)),
            "log": LogSettings(access=None),
            "grace_s": 0.0,
        }
        return Settings(**(known | self._settings))

    # ── life ──────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._tasks_before = asyncio.all_tasks()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        async with AsyncExitStack() as opened:
            await self.authorization_server.start()
            opened.push_async_callback(self.authorization_server.close)
            await self.upstream.start(self._upstream_tls, self._upstream_path)
            opened.push_async_callback(self.upstream.close)
            self.settings = self._all_settings()
            self.gateway = Gateway(self.settings, self.told, self._get_addr_info)
            ways.lead(self.gateway)
            await self.gateway.start()
            opened.push_async_callback(self.gateway.close)
            self.address = self.gateway.addresses[0]
            if self._is_warm and any(route.grant is not None for route in self.settings.routes):
                await self.told.until(lambda: self.told.obtained)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await asyncio.gather(*(caller.close() for caller in self._callers))
        await self._opened.aclose()
        await self._settle()
        self._loop.set_exception_handler(None)
        if kind is None:
            assert asyncio.all_tasks() <= self._tasks_before, "tasks were left behind"
            assert not self.faults, f"the loop met exceptions: {self.faults}"
        for fault in (*self.upstream.faults, *self.authorization_server.faults):
            raise fault

    async def _settle(self) -> None:
        """What was accepted or closed tells so in the next rounds of the loop."""
        for _ in range(20):
            await asyncio.sleep(0)

    # ── for tests ─────────────────────────────────────────────────────────────────────────────────

    async def works_on(self, count: int) -> None:
        """Wait until the gateway works on so many requests."""
        async with asyncio.timeout(10.0):
            while sum(route.in_progress() for route in self.gateway.metrics.routes.values()) != count:
                await asyncio.sleep(0.001)

    async def caller(self, ssl: tls.SSLContext | None = None, source: str | None = None) -> RawCaller:
        """A new connection to the first listener, whose task waits for a request: else that is no fast one.

        It comes from `source`, any address of the loopback network.
        """
        caller = await RawCaller.connect(self.address, ssl, source)
        self._callers.append(caller)
        if ways.is_fast():
            await self._settle()
        return caller

    async def ask(self, data: bytes) -> Answer:
        """One request on a connection of its own."""
        return await (await self.caller()).ask(data)

    async def get(self, target: str = "/", *fields: str) -> Answer:
        """One GET on a connection of its own."""
        return await self.ask(request("GET", target, *fields))
