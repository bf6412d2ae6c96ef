"""What the connections of one listening socket share: their settings, their deadlines and their end.

This is aiohttp's server with connections of ours. `request_reader` and `caller` say what they replace, and
why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse

from gateway.core.http.entrance import Entrance
from gateway.observe.faults import report
from gateway.proxy.caller import CallerConnection, Terms
from gateway.proxy.link import CallersServer
from gateway.proxy.route import Route


class Listener(CallersServer):
    """The connections of one listening socket."""

    def __init__(self, terms: Terms, entrance: Entrance) -> None:
        # aiohttp never calls the handler that it is given: `CallerConnection.start` calls ours.
        super().__init__(_unused, handler_cancellation=True)
        self.terms = terms
        self._entrance = entrance

    def __call__(self) -> CallerConnection:
        """Make the protocol of a new connection."""
        return CallerConnection(self, self.terms, self._entrance, self._loop)

    def go_on(self, terms: Terms, entrance: Entrance) -> None:
        """Use these for new connections, and for the next request of each existing one."""
        self.terms = terms
        self._entrance = entrance
        for connection in self._connections:
            cast("CallerConnection", connection).go_on(terms, entrance)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Register a connection; the terms may have changed during its TLS handshake."""
        super().connection_made(handler, transport)
        cast("CallerConnection", handler).go_on(self.terms, self._entrance)

    def give_up(self) -> None:
        """Close idle connections, and every other one after the request that it serves or waits for."""
        self.is_given_up = True
        self.pre_shutdown()

    def end_connections(self) -> None:
        """Close idle connections, and every other one after its request; new ones go on to come in.

        Tunnels end for whose callers a certificate spoke: others vouch for certificates now.
        """
        self.pre_shutdown()
        for connection in self._connections:
            opened = cast("CallerConnection", connection).opened
            if opened is not None and opened.presented is not None and opened.presented.place.certificate:
                opened.withdraw()

    def busy_routes(self) -> Iterator[Route]:
        """Yield the routes of the current calls."""
        for connection in self._connections:
            call = cast("CallerConnection", connection).front.call
            if call is not None and call.route is not None:
                yield call.route

    def is_idle(self, until_s: float) -> bool:
        """Whether each connection waits for nothing but a head, and may do so beyond `until_s`."""
        return all(cast("CallerConnection", each).is_idle(until_s) for each in self._connections)

    def look(self, now_s: float) -> None:
        """Act on deadlines that have passed; called by the sweeper."""
        for connection in list(self._connections):
            try:
                cast("CallerConnection", connection).check_deadlines(now_s)
            except Exception as error:  # noqa: BLE001 - one failure must not stop the others
                report(self._loop, error)
                with suppress(Exception):  # its deadlines can no longer be trusted
                    cast("CallerConnection", connection).abort()

    async def drain(self, grace_s: float) -> None:
        """Let every call finish within `grace_s`, then end the rest; call it after accepting has stopped."""
        self.pre_shutdown()
        tasks = [c._task_handler for c in self._connections if c._task_handler is not None]  # noqa: SLF001
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for connection in list(self._connections):
            connection.force_close()
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)


async def _unused(request: BaseRequest) -> StreamResponse:
    raise NotImplementedError(request)
