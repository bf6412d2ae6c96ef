"""The proxy that one writes with aiohttp in an afternoon.

Started as `python -m bench.plain_aiohttp PORT UPSTREAM`.

`web.Application` in front, `ClientSession` behind, asyncio's own loop, a static token: what a team has that
does not use the gateway. Nothing is tuned, nothing is spoilt.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "authorization")
)
_session = web.AppKey("session", aiohttp.ClientSession)
_upstream = web.AppKey("upstream", str)


async def _forward(request: web.Request) -> web.StreamResponse:
    headers = _end_to_end(request.headers)
    headers["Authorization"] = "Bearer static"
    body = request.content if request.body_exists else None
    url = request.app[_upstream] + request.path_qs
    async with request.app[_session].request(
        request.method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        return await _relay(request, answer)


async def _relay(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


async def _open_session(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        app[_session] = session
        yield


def application(upstream: str) -> web.Application:
    """Return the proxy in front of one upstream, such as `http://127.0.0.1:8080`."""
    app = web.Application()
    app[_upstream] = upstream
    app.cleanup_ctx.append(_open_session)
    app.router.add_route("*", "/{path:.*}", _forward)
    return app


if __name__ == "__main__":
    web.run_app(
        application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None
    )
