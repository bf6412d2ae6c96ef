"""Upstreams of ours: one that tells what it got, one that asks the authorization server about each token.

A naive echo would parse the target, decode the body and hold it whole; this one tells the raw bytes, sizes
and hashes, so that a body of any length is compared without keeping it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from tests.real.oidc_provider import UPSTREAM

SHUTDOWN_S = 1.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on any port of 127.0.0.1, and give it."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """Tell in JSON what arrived: method, raw target, fields, and the body's length and hash."""
    if request.headers.get("Expect") and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    digest, length = hashlib.sha256(), 0
    async for part in request.content.iter_any():
        digest.update(part)
        length += len(part)
    return web.json_response(
        {
            "method": request.method,
            "target": request._message.path,
            "version": f"{request.version.major}.{request.version.minor}",
            "fields": [
                [name.decode("latin-1").lower(), value.decode("latin-1")]
                for name, value in request.raw_headers
            ],
            "bytes": length,
            "sha256": digest.hexdigest(),
        }
    )


def values(told: dict[str, list[list[str]]], name: str) -> list[str]:
    """Give what an echo told of one field."""
    return [value for key, value in told["fields"] if key == name.lower()]


@dataclass
class NumberedTokens:
    """An authorization server whose tokens are access_token_1, access_token_2, ..."""

    granted: int = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.granted += 1
        return web.json_response(
            {"access_token": f"access_token_{self.granted}", "token_type": "Bearer", "expires_in": 600}
        )


@dataclass
class Introspection:
    """Asks the authorization server about a token (RFC 7662)."""

    endpoint: str
    session: aiohttp.ClientSession

    async def __call__(self, token: str) -> dict[str, object]:
        basic = aiohttp.encode_basic_auth(UPSTREAM.client_id, UPSTREAM.client_secret)
        async with self.session.post(
            self.endpoint, data={"token": token}, headers={"Authorization": basic}
        ) as answer:
            assert answer.status == 200
            claims: dict[str, object] = await answer.json()
            return claims


@dataclass
class IntrospectingUpstream:
    """Asks the authorization server about the token of every request (RFC 7662), and answers its scope.

    While the authorization server is away it trusts the tokens that it was told are good, as a service does
    that has to go on; only so does a test see what the gateway does with a token that still lives.
    """

    introspection_endpoint: str
    session: aiohttp.ClientSession
    tokens: list[str] = field(default_factory=list)
    refused: int = 0
    _known: dict[str, dict[str, object]] = field(default_factory=dict)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        fields = request.headers.getall("Authorization", [])
        assert len(fields) == 1
        token = fields[0].removeprefix("Bearer ")
        claims = await self._claims(token)
        if not claims.get("active") or not self.is_presented_rightly(request, claims):
            self.refused += 1
            return web.json_response(
                {}, status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        if token not in self.tokens:
            self.tokens.append(token)
        return web.json_response(
            {
                "client_id": claims["client_id"],
                "scope": claims.get("scope"),
                "sha256": hashlib.sha256(body).hexdigest(),
            }
        )

    def is_presented_rightly(self, request: web.BaseRequest, claims: dict[str, object]) -> bool:
        """Whether this token may come with this request: a bound one may not."""
        return "cnf" not in claims

    def claims(self, token: str) -> dict[str, object]:
        """What the authorization server said of a token."""
        return self._known[token]

    async def _claims(self, token: str) -> dict[str, object]:
        try:
            self._known[token] = await Introspection(self.introspection_endpoint, self.session)(token)
        except aiohttp.ClientConnectionError:
            return self._known.get(token, {})
        return self._known[token]


@dataclass
class CertificateBoundUpstream(IntrospectingUpstream):
    """Wants the certificate that the token is bound to (RFC 8705 section 3.2)."""

    thumbprints: list[str] = field(default_factory=list)

    def is_presented_rightly(self, request: web.BaseRequest, claims: dict[str, object]) -> bool:
        assert request.transport is not None
        der = request.transport.get_extra_info("ssl_object").getpeercert(True)
        seen = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
        if claims["cnf"] != {"x5t#S256": seen}:
            return False
        if seen not in self.thumbprints:
            self.thumbprints.append(seen)
        return True


async def until(claim: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    """Ask again and again until `claim` holds; for what no event tells."""
    async with asyncio.timeout(within_s):
        while not await claim():
            await asyncio.sleep(0.02)
