"""An upstream that looks at the end of a token's life, and swallows uploads.

Started as `python -m bench.strict_upstream PORT`.

nginx cannot do either: it compares no instants, and a body it does not need it either keeps on disk or
answers before the end. Under `/strict`, where a living token of `authorization_server` is demanded:

- `/strict/denied` says 401 whatever the token.
- `/strict/slow` takes the head of an upload and then reads no more.
- anything else answers how many bytes of body it has read.

`GET /rejected` tells, to anybody, how many requests came with an expired token or none.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import uvloop

_CHALLENGE = b'WWW-Authenticate: Bearer error="invalid_token"\r\n'
_HEAD_END = b"\r\n\r\n"


class Tally:
    """How many tokens the upstream found expired or missing."""

    rejected = 0


class StrictUpstream(asyncio.Protocol):
    """One connection: heads are kept until whole, bodies (by Content-Length only) counted and dropped."""

    def __init__(self, tally: Tally) -> None:
        """Count into the given tally."""
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._body_bytes = 0
        self._left_bytes = 0
        self._reply = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        # Not isinstance: uvloop's transports have the methods of asyncio.Transport, but not its class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take heads and bodies in turn."""
        while data:
            data = self._take_body(data) if self._left_bytes else self._take_head(data)

    def _take_head(self, data: bytes) -> bytes:
        head, end, rest = (self._head + data).partition(_HEAD_END)
        if not end:
            self._head = head
            return b""
        self._head = b""
        self._begin(head.split(b"\r\n"))
        return rest

    def _begin(self, lines: list[bytes]) -> None:
        path = lines[0].split(b" ")[1]
        parted = (line.partition(b":") for line in lines[1:])
        fields = {name.lower(): value.strip() for name, _, value in parted}
        self._body_bytes = self._left_bytes = int(fields.get(b"content-length", b"0"))
        self._reply = self._decide(path, fields.get(b"authorization", b""))
        if path == b"/strict/slow" and self._transport:
            self._transport.pause_reading()
        if not self._left_bytes:
            self._answer()

    def _decide(self, path: bytes, authorization: bytes) -> bytes:
        if path == b"/rejected":
            return _answer(b"200 OK", b"%d" % self._tally.rejected)
        if path == b"/strict/denied":
            return _answer(b"401 Unauthorized", b"denied", _CHALLENGE)
        if not _is_living(authorization, time.time_ns() // 1_000_000):
            self._tally.rejected += 1
            return _answer(b"401 Unauthorized", b"expired", _CHALLENGE)
        return _answer(b"200 OK", b"%d" % self._body_bytes)

    def _take_body(self, data: bytes) -> bytes:
        taken = min(len(data), self._left_bytes)
        self._left_bytes -= taken
        if not self._left_bytes:
            self._answer()
        return data[taken:]

    def _answer(self) -> None:
        if self._transport:
            self._transport.write(self._reply)


def _answer(status: bytes, body: bytes, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), fields, body)


def _is_living(authorization: bytes, now_ms: int) -> bool:
    scheme, _, token = authorization.partition(b" ")
    expires_ms = token.rpartition(b".")[2]
    return scheme == b"Bearer" and expires_ms.isdigit() and now_ms < int(expires_ms)


async def _serve(port: int) -> None:
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(
        lambda: StrictUpstream(tally), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
