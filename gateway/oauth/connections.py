"""Kept connections to authorization servers, and what aiohttp does not say about them.

Rules:

- Bytes on an idle connection close it: they could be taken for the next answer (aiohttp#13656).
- If a request fails on a connection that was kept, before any byte of an answer, the server had most probably
  closed it. Whoever sent the request learns of this, since it may be made once more.
- The address that was reached is remembered and tried first next time (`core.resolution`).

`ResponseHandler`, its factory and `_release` are private to aiohttp; only a minor release may move them.
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
    """Which connection a request used; make one before sending the request."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        _TRAIL.set(self)

    def took(self, wire: Wire) -> None:
        """Note the connection."""
        self._wire = wire

    @property
    def is_connected(self) -> bool:
        """Whether there was any connection."""
        return self._wire is not None

    @property
    def led_to_dead_connection(self) -> bool:
        """Whether the request was sent on a kept connection, and no byte came back."""
        return self._wire is not None and self._wire.requests > 1 and not self._wire.is_answering

    async def tls_error(self) -> ssl.SSLError | None:
        """Return the TLS error that ended the connection, if any: aiohttp may only fail to write."""
        await asyncio.sleep(0)  # uvloop closes first, and says why in the next turn of the loop
        lost = self._wire.lost if self._wire is not None else None
        return lost if isinstance(lost, ssl.SSLError) else None


_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


class Wire(ResponseHandler):
    """One connection.

    Attributes:
        requests: how many were sent on it, the one in flight included.
        is_answering: a byte of the answer to the latest one has arrived.
        lost: why the connection was lost; in TLS 1.3 an alert about our certificate follows the handshake.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.requests = 0
        self.is_answering = False
        self._is_idle = False
        self.lost: BaseException | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note why, and tell whoever waits."""
        self.lost = exc
        super().connection_lost(exc)

    def set_response_params(self, **params: Any) -> None:
        """Begin a request; called in the task that sends it."""
        self.requests += 1
        self.is_answering = self._is_idle = False
        if (trail := _TRAIL.get()) is not None:
            trail.took(self)
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer; abort if nothing was asked."""
        if data and self._is_idle:
            self.abort()
            return
        self.is_answering = self.is_answering or bool(data)  # empty: aiohttp goes on with what it has
        super().data_received(data)

    def rest(self) -> None:
        """Expect no bytes until the next request."""
        self._is_idle = True


class Connector(aiohttp.TCPConnector):
    """Makes such connections, to the addresses that the process's resolver finds."""

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
        """Connect; if none of the server's addresses can be reached, look its name up again first."""
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
