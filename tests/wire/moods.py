"""What an upstream may do to a request, as handlers for `FakeUpstream`."""

import asyncio

from tests.wire.messages import ok

BIG = b"x" * 3_000_000


def closes(*parts):
    """Read the request, write the parts, close."""

    async def handler(exchange):
        await exchange.body()
        for part in parts:
            exchange.write(part)
        exchange.close()

    return handler


def resets(*parts):
    """Read the request, write the parts, and reset the connection once they are out."""

    async def handler(exchange):
        await exchange.body()
        for part in parts:
            await exchange.send(part)
        await asyncio.sleep(0.02)
        exchange.reset()

    return handler


async def hangs(exchange):
    await exchange.gone()


def hangs_after(*parts):
    async def handler(exchange):
        await exchange.body()
        for part in parts:
            await exchange.send(part)
        await exchange.gone()

    return handler


HALF = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "length, nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "length, long": b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + BIG,
    "chunked, in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
    "chunked, between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "chunked, before the last CRLF": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "chunked, in the trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Foo: a\r\n",
    "chunked, junk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    "chunked, too long": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!!\r\n",
}


async def echo(exchange):
    exchange.write(ok(await exchange.body()))


# ── framings ──────────────────────────────────────────────────────────────────────────────────────────
