"""A small authorization server (RFC 6749 section 5.1) that counts its token requests.

Started as `python -m bench.authorization_server PORT`.

- `POST /token/LIFE_S` answers a token that lives so many seconds; `POST /token/LIFE_S/DELAY_MS` lets it be
  waited for.
  With a proof (RFC 9449) it is a DPoP token; nobody verifies the proof, whose making is what is measured.
- `GET /count/CLIENT_ID` tells how many token requests that client has made.

A token is `CLIENT_ID.SERIAL.EXPIRES_MS`, the instant of its end in milliseconds of Unix time, so that the
strict upstream can refuse an expired one without asking.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import collections
import sys
import time
from urllib.parse import unquote_plus

from aiohttp import web

_counts = web.AppKey("counts", collections.Counter[str])


async def _token(request: web.Request) -> web.Response:
    client_id = await _client_id(request)
    if client_id is None:
        return web.json_response({"error": "invalid_client"}, status=401)
    counts = request.app[_counts]
    counts[client_id] += 1
    await asyncio.sleep(int(request.match_info.get("delay_ms", "0")) / 1000)
    kind = "DPoP" if "DPoP" in request.headers else "Bearer"
    return _answer(f"{client_id}.{counts[client_id]}", kind, int(request.match_info["life_s"]))


def _answer(name: str, kind: str, life_s: int) -> web.Response:
    expires_ms = time.time_ns() // 1_000_000 + life_s * 1000
    answer = {"access_token": f"{name}.{expires_ms}", "token_type": kind, "expires_in": life_s}
    return web.json_response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


async def _client_id(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic_client_id(value)
    client_id = (await request.post()).get("client_id")
    return client_id if isinstance(client_id, str) else None


def _basic_client_id(value: str) -> str | None:
    try:
        return unquote_plus(base64.b64decode(value, validate=True).decode().partition(":")[0])
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _count(request: web.Request) -> web.Response:
    return web.json_response({"count": request.app[_counts][request.match_info["client_id"]]})


def application() -> web.Application:
    """Return the server, its counters at zero."""
    app = web.Application()
    app[_counts] = collections.Counter()
    app.router.add_post(r"/token/{life_s:\d+}", _token)
    app.router.add_post(r"/token/{life_s:\d+}/{delay_ms:\d+}", _token)
    app.router.add_get("/count/{client_id}", _count)
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
