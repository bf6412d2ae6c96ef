"""An upstream that does what upstreams do on a bad day, by path.

Started as `python -m bench.odd_upstream PORT`. It takes tokens of `authorization_server`, until they expire.

- `/fine` answers a few bytes, after reading the body if there is one.
- `/large` answers 1 MiB.
- `/cut` breaks off in the middle of a body, `/reset` before a head.
- `/private` says 401 whatever the token.
- `/early` answers 413 to the head of an upload and reads no more.
- `/odd` answers what is no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

_LARGE: Final = b"x" * (1024 * 1024)
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _fine(_: _Streams) -> bytes:
    return _answer(b"200 OK", b"fine")


async def _large(_: _Streams) -> bytes:
    return _answer(b"200 OK", _LARGE)


async def _private(_: _Streams) -> bytes:
    return _answer(b"401 Unauthorized", b"never", b"WWW-Authenticate: Bearer\r\n")


async def _odd(_: _Streams) -> bytes:
    return b"220 mail.example.com ESMTP\r\n\r\n"


async def _cut(streams: _Streams) -> bytes:
    streams[1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await streams[1].drain()
    return await _reset(streams)


async def _reset(streams: _Streams) -> bytes:
    held: socket.socket = streams[1].get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    streams[1].transport.abort()
    return b""


_ANSWERS: Final[dict[bytes, Callable[[_Streams], Awaitable[bytes]]]] = {
    b"/fine": _fine,
    b"/large": _large,
    b"/private": _private,
    b"/odd": _odd,
    b"/cut": _cut,
    b"/reset": _reset,
}


def _answer(status: bytes, body: bytes, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), fields, body)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, EOFError):
        while not writer.is_closing():
            writer.write(await _one(reader, writer))
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    path = lines[0].split(b" ")[1]
    if path == b"/early":
        writer.write(_answer(b"413 Content Too Large", b"too large", b"Connection: close\r\n"))
        await writer.drain()
        raise EOFError
    await _read_body(reader, fields)
    if not _is_living(fields.get(b"authorization", b"")):
        return _answer(b"401 Unauthorized", b"expired", b'WWW-Authenticate: Bearer error="invalid_token"\r\n')
    return await _ANSWERS.get(path, _fine)((reader, writer))


async def _read_body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> None:
    if b"transfer-encoding" in fields:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(fields.get(b"content-length", b"0")))


def _is_living(authorization: bytes) -> bool:
    expires_ms = authorization.rpartition(b".")[2]
    return expires_ms.isdigit() and time.time_ns() // 1_000_000 < int(expires_ms)


async def _main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
