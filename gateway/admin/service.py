"""The admin listener itself.

Rules: a table instead of a router (`gateway.admin.pages`), and `aiohttp.web.Server` without an Application,
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

from aiohttp import web

from gateway.admin.connection import Server
from gateway.admin.guard import is_cross_site, is_foreign_host, takes_gzip
from gateway.admin.pages import Page, page, problem
from gateway.admin.site import UnixSite
from gateway.admin.view import AdminView
from gateway.core.settings import KIB, Address, Limits, SocketAccess
from gateway.net.unix_socket import UnixSocket, listen_at

_BACKLOG: Final = 128
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
    runner: web.ServerRunner
    server: Server
    file: UnixSocket | None

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self.file is not None:
            self.file.remove_file()
        await self.runner.cleanup()


async def start_admin(address: Address, view: AdminView, limits: Limits = _LIMITS) -> AdminServer:
    """Listen on `address`; port 0 takes any free one. `limits` hold the times of its connections.

    Raises:
        OSError: the address is in use, or not one of this machine.
    """
    pages = _Pages(address, view)
    server = Server(pages.answer, limits, lambda is_ours: _response(_FAULT if is_ours else _BAD_REQUEST))
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        made = listen_at(address.path, SocketAccess(), _BACKLOG) if address.path is not None else None
        await _site(runner, address, made).start()
    except OSError:
        await runner.cleanup()
        raise
    return AdminServer(_bound(runner, address), runner, server, made)


def _site(runner: web.ServerRunner, address: Address, made: UnixSocket | None) -> web.BaseSite:
    return (
        web.TCPSite(runner, address.host, address.port)
        if made is None
        else UnixSite(runner, made.sock, _BACKLOG)
    )


def _bound(runner: web.ServerRunner, address: Address) -> Address:
    if address.path is not None:
        return address
    return Address(address.host, runner.addresses[0][1])


class _Pages:
    """Serves the pages of a gateway."""

    def __init__(self, address: Address, view: AdminView) -> None:
        self._address = address
        self._view = view
        self._turn = asyncio.Lock()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
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

    async def _stream(
        self, request: web.BaseRequest, shown: Page, pieces: Iterator[bytes]
    ) -> web.StreamResponse:
        packer = zlib.compressobj(_LEVEL, wbits=_GZIP) if takes_gzip(request.headers) else None
        headers = _headers(shown) | {"Vary": "Accept-Encoding"}
        if packer is not None:
            headers["Content-Encoding"] = "gzip"
        answer = web.StreamResponse(status=shown.status, headers=headers)
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


def _response(shown: Page) -> web.Response:
    assert isinstance(shown.body, bytes)
    return web.Response(status=shown.status, body=shown.body, headers=_headers(shown))
