"""The admin listener itself.

Rules: a table instead of a router (`gateway.admin.pages`); `aiohttp.web.Server` without an Application, so
that every answer is ours; what aiohttp would write about a malformed request quotes it, and is replaced.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.admin.guard import is_cross_site, is_foreign_host
from gateway.admin.pages import Page, page, problem
from gateway.admin.view import AdminView
from gateway.core.settings import Address

_LOGGER: Final = logging.getLogger("gateway.admin")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_BAD_REQUEST: Final = problem(400, "malformed_request", "The request is malformed")
_FAULT: Final = problem(500, "internal_error", "The gateway failed")
_CROSS_SITE: Final = problem(403, "cross_site", "Web pages are not served")
_FOREIGN_HOST: Final = problem(421, "foreign_host", "The request is addressed to another host")


@dataclass(frozen=True, slots=True)
class AdminServer:
    """A running admin listener; `address` holds the port that it got."""

    address: Address
    runner: web.ServerRunner

    async def close(self) -> None:
        """Stop listening and close every connection."""
        await self.runner.cleanup()


async def start_admin(address: Address, view: AdminView) -> AdminServer:
    """Listen on `address`; port 0 takes any free one.

    Raises:
        OSError: the address is in use or not ours.
    """
    server = _Server(partial(_answer, address, view), access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _site(runner, address).start()
    except OSError:
        await runner.cleanup()
        raise
    return AdminServer(_bound(runner, address), runner)


def _site(runner: web.ServerRunner, address: Address) -> web.BaseSite:
    if address.path is not None:
        return web.UnixSite(runner, address.path)
    return web.TCPSite(runner, address.host, address.port)


def _bound(runner: web.ServerRunner, address: Address) -> Address:
    if address.path is not None:
        return address
    return Address(address.host, runner.addresses[0][1])


async def _answer(address: Address, view: AdminView, request: web.BaseRequest) -> web.Response:
    if is_foreign_host(request.headers.get("Host"), address):
        return _response(_FOREIGN_HOST)
    if is_cross_site(request.headers):
        return _response(_CROSS_SITE)
    return _response(page(request.method, request.path, view))


def _response(shown: Page) -> web.Response:
    headers = {**_HEADERS, **shown.headers, "Content-Type": shown.content_type}
    return web.Response(status=shown.status, body=shown.body, headers=headers)


class _Connection(RequestHandler):
    """Answers what went wrong with pages of ours."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, no other can follow")
        if status >= 500:
            _LOGGER.error("the admin listener failed", exc_info=exc)
        return _response(_FAULT if status >= 500 else _BAD_REQUEST)


class _Server(web.Server):
    """Makes connections of ours."""

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)
