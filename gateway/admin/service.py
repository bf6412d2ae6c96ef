"""The admin listener itself.

Rules: a table instead of a router (`gateway.admin.pages`), and aiohttp's `Server` without an Application,
so that every response is ours; what aiohttp would write about a malformed request quotes it, and is replaced.
A body that is made in pieces blocks the loop for one piece at a time, however many ask, and takes memory for
a few. It is compressed where the request allows it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse

from gateway.admin.connection import Server
from gateway.admin.guard import is_cross_site, is_foreign_host, takes_gzip
from gateway.admin.pages import Page, page, problem
from gateway.admin.view import AdminView
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.listener_settings import Address, SocketAccess
from gateway.core.settings.sizes import KIB
from gateway.net.inherited_sockets import InheritedSockets
from gateway.net.tcp_sockets import listening_sockets
from gateway.net.unix_socket import UnixSocket, listen_at

_BACKLOG: Final = 128
_SHUTDOWN_S: Final = 1.0
_WRITE_BYTES: Final = 32 * KIB
_LEVEL: Final = 1  # of compression: it takes a tenth of the time that making the text does
_GZIP: Final = zlib.MAX_WBITS | 16
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_BAD_REQUEST: Final = problem(400, "malformed_request", "The request is malformed")
_FAULT: Final = problem(500, "internal_error", "The gateway failed")
_CROSS_SITE: Final = problem(403, "cross_site", "Requests of web pages are refused")
_FOREIGN_HOST: Final = problem(421, "foreign_host", "The request is addressed to another host")


_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class AdminServer:
    """A running admin listener; `address` holds the port that it got."""

    address: Address
    listeners: tuple[asyncio.AbstractServer, ...]
    server: Server
    file: UnixSocket | None

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self.file is not None:
            self.file.remove_file()
        for listener in self.listeners:
            listener.close()
        await asyncio.sleep(0)  # whoever was accepted just now is closed, too
        self.server.pre_shutdown()
        await self.server.shutdown(_SHUTDOWN_S)


async def start_admin(address: Address, view: AdminView, limits: Limits = _LIMITS) -> AdminServer:
    """Listen on `address`; port 0 takes any free one. `limits` hold the times of its connections.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    pages = _Pages(address, view)
    server = Server(pages.answer, limits, lambda is_ours: _response(_FAULT if is_ours else _BAD_REQUEST))
    loop = asyncio.get_running_loop()
    if address.path is not None:
        made = listen_at(address.path, SocketAccess(), _BACKLOG)
        listener = await loop.create_unix_server(server, sock=made.sock, backlog=_BACKLOG)
        return AdminServer(address, (listener,), server, made)
    sockets = await listening_sockets(address, InheritedSockets())
    bound = Address(address.host, sockets[0].getsockname()[1])
    # Not by its name: to resolve it again, uvloop would start four threads for good.
    listeners = [await loop.create_server(server, sock=each, backlog=_BACKLOG) for each in sockets]
    return AdminServer(bound, tuple(listeners), server, None)


class _Pages:
    """Serves the pages of a gateway."""

    def __init__(self, address: Address, view: AdminView) -> None:
        self._address = address
        self._view = view
        self._turn = asyncio.Lock()

    async def answer(self, request: BaseRequest) -> StreamResponse:
        """Answer one request."""
        if is_foreign_host(request.headers.get("Host"), self._address):
            return _response(_FOREIGN_HOST)
        if is_cross_site(request.headers):
            return _response(_CROSS_SITE)
        shown = page(request.method, request.path, self._view)
        if isinstance(shown.body, bytes):
            return _response(shown)
        if shown.prepare is not None:
            await asyncio.to_thread(shown.prepare)
        return await self._stream(request, shown, shown.body)

    async def _stream(self, request: BaseRequest, shown: Page, pieces: Iterator[bytes]) -> StreamResponse:
        packer = zlib.compressobj(_LEVEL, wbits=_GZIP) if takes_gzip(request.headers) else None
        headers = _headers(shown) | {"Vary": "Accept-Encoding"}
        if packer is not None:
            headers["Content-Encoding"] = "gzip"
        answer = StreamResponse(status=shown.status, headers=headers)
        await answer.prepare(request)
        ready = bytearray()
        while request.method != "HEAD" and (piece := await self._next(pieces)) is not None:
            ready += piece if packer is None else packer.compress(piece)
            if len(ready) >= _WRITE_BYTES:
                await answer.write(bytes(ready))
                ready.clear()
        if packer is not None and request.method != "HEAD":
            ready += packer.flush()
        await answer.write_eof(bytes(ready))
        return answer

    async def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        """Make one piece; everything else on the loop has its turn before the next, whoever asks for it."""
        async with self._turn:
            piece = next(pieces, None)
            await asyncio.sleep(0)
            return piece


def _headers(shown: Page) -> dict[str, str]:
    return {**_HEADERS, **shown.headers, "Content-Type": shown.content_type}


def _response(shown: Page) -> Response:
    assert isinstance(shown.body, bytes)
    return Response(status=shown.status, body=shown.body, headers=_headers(shown))
