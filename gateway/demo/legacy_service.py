"""The demo's legacy service: it requires a token, and does not care where it comes from.

=============================  ======================================================================
``GET /``                      a public page
``GET /users?client=NAME``     how many users reach the API through a client, by default the token's
``POST /orders``               the number, length and hash of an order
``GET /headers``               the header fields received, without the token
``GET /stream?bytes=N``        N bytes
=============================  ======================================================================

All of these also exist below ``/occ/v2`` and ``/legacy-bare``. A request without a valid token gets 401 with
a challenge (RFC 6750 section 3); below ``/legacy-bare`` without one, as from old services.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

from aiohttp import web

from gateway.demo.serving import DemoServer, bounded_number
from gateway.demo.tokens import Issued, TokenCheck
from gateway.demo.users import users_through

BARE: Final = "/legacy-bare"
PREFIXES: Final = ("", "/occ/v2", BARE)
CHUNK_BYTES: Final = 64 * 1024
LONGEST_STREAM_BYTES: Final = 16 * 1024**3

_ISSUED: Final = web.RequestKey("issued", Issued)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LegacyService(DemoServer):
    """``async with LegacyService(server.book) as service``: serves at `service.url`.

    `requests` and `rejections` count the requests with and without a valid token.
    """

    def __init__(self, tokens: TokenCheck, port: int = 0) -> None:
        super().__init__(port)
        self.requests = 0
        self.rejections = 0
        self._tokens = tokens
        self._orders = 0

    def application(self) -> web.Application:
        """Return the application with the routes of the module's docstring."""
        application = web.Application()
        application.add_routes([web.get("/", _public)])
        for prefix in PREFIXES:
            application.add_routes(
                [
                    web.get(f"{prefix}/users", self._guarded(_users)),
                    web.post(f"{prefix}/orders", self._guarded(self._order)),
                    web.get(f"{prefix}/headers", self._guarded(_headers)),
                    web.get(f"{prefix}/stream", self._guarded(_stream)),
                ]
            )
        return application

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            issued = self._tokens.check(_bearer(request))
            if issued is None:
                self.rejections += 1
                return _rejected(request)
            self.requests += 1
            request[_ISSUED] = issued
            return await handler(request)

        return guarded

    async def _order(self, request: web.Request) -> web.Response:
        digest, length = sha256(), 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            length += len(chunk)
        self._orders += 1
        order = {"order": self._orders, "bytes": length, "sha256": digest.hexdigest()}
        return web.json_response(order | _told(request), status=201)


async def _public(_: web.Request) -> web.Response:
    return web.Response(text="The legacy service. /users and /orders require a token.\n")


async def _users(request: web.Request) -> web.Response:
    client = request.query.get("client", request[_ISSUED].client_id)
    return web.json_response({"client": client, "users": users_through(client)} | _told(request))


async def _headers(request: web.Request) -> web.Response:
    number = request[_ISSUED].number
    fields = [
        [name, f"Bearer (token number {number})" if name.lower() == "authorization" else value]
        for name, value in request.headers.items()
    ]
    return web.json_response({"headers": fields} | _told(request))


async def _stream(request: web.Request) -> web.StreamResponse:
    left_bytes = bounded_number(request.query.get("bytes", ""), LONGEST_STREAM_BYTES)
    if left_bytes is None:
        raise web.HTTPBadRequest(text=f"bytes must be a number up to {LONGEST_STREAM_BYTES}\n")
    response = web.StreamResponse(
        headers={"Content-Length": str(left_bytes), "Content-Type": "application/octet-stream"}
    )
    await response.prepare(request)
    chunk = bytes(CHUNK_BYTES)
    while left_bytes:
        await response.write(chunk[:left_bytes])
        left_bytes -= min(left_bytes, CHUNK_BYTES)
    return response


def _bearer(request: web.Request) -> str:
    fields = request.headers.getall("Authorization", [])
    scheme, _, token = fields[0].partition(" ") if len(fields) == 1 else ("", "", "")
    return token if scheme.lower() == "bearer" else ""


def _rejected(request: web.Request) -> web.Response:
    headers = {}
    if not request.path.startswith(BARE):
        error = ', error="invalid_token"' if "Authorization" in request.headers else ""
        headers["WWW-Authenticate"] = f'Bearer realm="legacy"{error}'
    return web.json_response({"message": "a valid token is required"}, status=401, headers=headers)


def _told(request: web.Request) -> dict[str, object]:
    issued = request[_ISSUED]
    return {"token_number": issued.number, "token_client": issued.client_id}
