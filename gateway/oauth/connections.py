"""Connections to authorization servers that are kept, and what aiohttp does not tell of them.

Rules:

- Bytes that come while nothing is asked close the connection: they could be taken for the next answer
  (aiohttp#13656).
- Whoever sent a request in vain learns whether the connection had been kept and no byte of an answer came:
  then the server had most probably closed it, and the request may be made once more.
- Which address was reached is remembered, and tried first next time (`core.resolution`).

`ResponseHandler`, its factory and `_release` are seams which only a minor release of aiohttp may move.
"""

from __future__ import annotations

import asyncio
import ssl
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from gateway.core.resolution import Ip
from gateway.net.resolver import Name
from gateway.oauth.aiohttp_resolver import Addresses

_NO_MATTER_OF_PLACE: Final = (aiohttp.ClientConnectorDNSError, aiohttp.ClientSSLError)


class Trail:
    """Which connection a request took; make one before a request is sent."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        _TRAIL.set(self)

    def took(self, wire: Wire) -> None:
        """Remember the connection."""
        self._wire = wire

    @property
    def is_connected(self) -> bool:
        """Whether there was a connection at all."""
        return self._wire is not None

    @property
    def led_to_dead_connection(self) -> bool:
        """Whether the request went out on a connection that had been kept, and no byte came back."""
        return self._wire is not None and self._wire.requests > 1 and not self._wire.is_answering

    async def tls_error(self) -> ssl.SSLError | None:
        """Give what ended TLS on the connection, if that did: aiohttp may only say that it cannot write."""
        await asyncio.sleep(0)  # uvloop closes first, and tells why in the next round of the loop
        lost = self._wire.lost if self._wire is not None else None
        return lost if isinstance(lost, ssl.SSLError) else None


_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


class Wire(ResponseHandler):
    """One connection.

    Attributes:
        requests: that were sent on it, the one in flight included.
        is_answering: a byte of an answer to the latest one came.
        lost: why the connection is lost; in TLS 1.3 an alert about our certificate comes after the handshake.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.requests = 0
        self.is_answering = False
        self._is_idle = False
        self.lost: BaseException | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remember why, and tell whoever waits."""
        self.lost = exc
        super().connection_lost(exc)

    def set_response_params(self, **params: Any) -> None:
        """Begin a request, in the task of who sends it."""
        self.requests += 1
        self.is_answering = self._is_idle = False
        if (trail := _TRAIL.get()) is not None:
            trail.took(self)
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer, or what nobody asked for."""
        if data and self._is_idle:
            self.abort()
            return
        self.is_answering = self.is_answering or bool(data)  # nothing: aiohttp goes on with what it has
        super().data_received(data)

    def rest(self) -> None:
        """Expect nothing until the next request."""
        self._is_idle = True


class Connector(aiohttp.TCPConnector):
    """Connections of the kind above, to where the process's resolver says."""

    def __init__(self, addresses: Addresses, **options: Any) -> None:
        super().__init__(resolver=addresses, use_dns_cache=False, **options)
        self._addresses = addresses
        self._factory = partial(_wire, self._loop)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Give a connection; a server that is at none of its addresses is looked up anew first."""
        name = self._addresses.name((req.proxy or req.url).raw_host or "")
        try:
            connection = await super().connect(req, traces, timeout)
        except aiohttp.ClientConnectorError as error:
            if name is None or isinstance(error, _NO_MATTER_OF_PLACE) or not await _has_moved(name):
                raise
            connection = await super().connect(req, traces, timeout)
        if name is not None and connection.transport is not None:
            name.reached(Ip(connection.transport.get_extra_info("peername", ("",))[0]))
        return connection

    def _release(self, key: Any, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        if isinstance(protocol, Wire):
            protocol.rest()
        super()._release(key, protocol, should_close=should_close)


async def _has_moved(name: Name) -> bool:
    before = name.addresses
    return not set(await name.find_anew()) <= set(before)


def _wire(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Wire(loop)
