"""Connections to the admin listener: one that stands still is closed, and their number is bounded.

aiohttp closes an idle connection, but not one that drips its head or does not read its response. Here the
time of each runs while it stays in one phase and nothing moves.

Rules: the timeouts are those of callers. Where there are too many connections, one makes room, so that nobody
shuts probes out by holding them all: the one that has waited longest for a request, or else for its reader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from operator import itemgetter
from typing import Final, cast

from aiohttp import web_server
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse

from gateway.core.settings.all_settings import Limits
from gateway.observe.faults import report

MOST_CONNECTIONS: Final = 64

_LOGGER: Final = logging.getLogger("gateway.admin")

Answering = Callable[[BaseRequest], Awaitable[StreamResponse]]
OnFault = Callable[[bool], Response]
"""Makes the response to what went wrong; the argument says whether the fault is ours."""


class _Phase(Enum):
    HEAD = 0  # it has begun
    IDLE = 1
    WORK = 2
    WRITE = 3
    CLOSING = 4


class Connection(RequestHandler):
    """Reports faults by pages of ours, and knows since when it has stood still.

    Attributes:
        is_working: a request is being answered.
    """

    __slots__ = ("_has_begun_head", "_limits", "_on_fault", "_since_s", "_stand", "_wire", "is_working")

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, limits: Limits, on_fault: OnFault
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=cast("logging.Logger", None),
            keepalive_timeout=limits.keepalive_timeout_s,
            lingering_time=limits.head_timeout_s,
        )
        self._limits = limits
        self._on_fault = on_fault
        self._has_begun_head = False
        self._since_s = loop.time()
        self._stand = (_Phase.IDLE, 0)
        self._wire: asyncio.Transport | None = None
        self.is_working = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: aiohttp lets go of it before everything is sent."""
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Note whether a head has begun."""
        before = len(self._messages)
        super().data_received(data)
        if data:
            self._has_begun_head = len(self._messages) == before

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> StreamResponse:
        """Answer without quoting the request."""
        if request.writer.output_size > 0:
            raise ConnectionError("a response has begun, no other can follow")
        if status >= 500:
            _LOGGER.error("the admin listener failed", exc_info=exc)
        return self._on_fault(status >= 500)

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        if self._wire is not None:
            self._wire.abort()

    def rank(self) -> tuple[bool, float] | None:
        """The lower, the sooner it makes room for another; None: it is at work."""
        phase = self._phase()
        return None if phase is _Phase.WORK else (phase in (_Phase.WRITE, _Phase.CLOSING), self._since_s)

    def check(self, now_s: float) -> None:
        """Close it if it stands still for too long."""
        phase = self._phase()
        unsent_bytes = self._wire.get_write_buffer_size() if self._wire is not None else 0
        if (phase, unsent_bytes) != self._stand:
            self._stand, self._since_s = (phase, unsent_bytes), now_s
        limits = self._limits
        most_s = limits.head_timeout_s if phase is _Phase.HEAD else limits.keepalive_timeout_s
        if phase is not _Phase.WORK and now_s - self._since_s >= most_s:
            self.abort()

    def _phase(self) -> _Phase:
        if self.transport is None:
            return _Phase.CLOSING
        if self.writing_paused:
            return _Phase.WRITE
        if self.is_working or self._messages:
            return _Phase.WORK
        return _Phase.HEAD if self._has_begun_head else _Phase.IDLE


class Server(web_server.Server):
    """Makes connections of ours, and bounds their number."""

    def __init__(self, answer: Answering, limits: Limits, on_fault: OnFault) -> None:
        super().__init__(self._answer)
        self._answer_with = answer
        self._limits = limits
        self._on_fault = on_fault

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        return Connection(self, self._loop, self._limits, self._on_fault)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Accept a connection; where there are too many, another one makes room."""
        if len(self._connections) >= MOST_CONNECTIONS:
            self._makes_room(cast("Connection", handler)).abort()
        super().connection_made(handler, transport)

    def _makes_room(self, newest: Connection) -> Connection:
        connections = cast("list[Connection]", self.connections)
        ranked = [(rank, each) for each in connections if (rank := each.rank()) is not None]
        return min(ranked, key=itemgetter(0))[1] if ranked else newest

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        connection = cast("Connection", request.protocol)
        connection.is_working = True
        try:
            return await self._answer_with(request)
        finally:
            connection.is_working = False

    def look(self, now_s: float) -> None:
        """Close what stands still. A sweeper that rests comes a second late, which does no harm here."""
        for connection in cast("list[Connection]", self.connections):
            try:
                connection.check(now_s)
            except Exception as error:  # noqa: BLE001 - the others are looked at nevertheless
                report(self._loop, error)
