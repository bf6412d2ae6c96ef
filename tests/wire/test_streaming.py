"""Long bodies stream, and neither side can make the gateway hold what the other does not take."""

import asyncio
import hashlib

import pytest

from tests.wire.messages import request
from tests.wire.rig import Rig
from tests.wire.servers import stands_still

MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 256  # 64 KiB


async def test_a_long_download_arrives_whole():
    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
        for _ in range(128):
            await exchange.send(BLOCK)

    async with Rig(flood) as rig:
        assert hashlib.sha256((await rig.get()).body).digest() == hashlib.sha256(BLOCK * 128).digest()


async def test_a_long_chunked_download_arrives_whole():
    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(128):
            await exchange.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        await exchange.send(b"0\r\n\r\n")

    async with Rig(flood) as rig:
        answer = await rig.get()

        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(BLOCK * 128).digest()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["by length", "chunked"])
async def test_a_long_upload_arrives_whole(is_chunked):
    async with Rig() as rig:
        caller = await rig.caller()
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {8 * MIB}"
        await caller.send(request("PUT", "/", framing))
        for _ in range(128):
            await caller.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if is_chunked else BLOCK)
        answer = await caller.ask(b"0\r\n\r\n" if is_chunked else b"")

        assert answer.status == 200
        assert (
            hashlib.sha256(rig.upstream.requests[0].content).digest() == hashlib.sha256(BLOCK * 128).digest()
        )
        assert rig.told.records[0].request_bytes == 8 * MIB


async def test_a_body_streams_while_it_is_sent():
    """Neither side waits for the end of the other's body: a part goes out before the next one comes."""

    async def chat(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            part = await exchange.some()
            exchange.write(b"%x\r\n%b\r\n" % (len(part), part))
        exchange.write(b"0\r\n\r\n")
        exchange.close()

    async with Rig(chat, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 1000"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        heard = []
        await caller.send(b"one")
        await caller.head()
        for word in (b"two", b"three", b""):
            heard.append((await caller.reader.readuntil(b"\r\n"), await caller.reader.readuntil(b"\r\n"))[1])
            await caller.send(word)

        assert heard == [b"one\r\n", b"two\r\n", b"three\r\n"]


async def test_an_upstream_that_never_stops_is_held_back_by_a_caller_who_does_not_read():
    sent = 0

    async def endless(exchange):
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 256 * MIB:
            await exchange.send(b"10000\r\n" + BLOCK + b"\r\n")
            sent += len(BLOCK)

    async with Rig(endless) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await stands_still(lambda: sent)

        assert sent < 64 * MIB  # what the sockets of the loopback swallow


async def test_a_caller_who_never_stops_is_held_back_by_an_upstream_that_does_not_read():
    async def deaf(exchange):
        await stop.wait()

    stop = asyncio.Event()
    async with Rig(deaf) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Transfer-Encoding: chunked"))
        sent = 0

        async def flood():
            nonlocal sent
            while sent < 256 * MIB:
                await caller.send(b"10000\r\n" + BLOCK + b"\r\n")
                sent += len(BLOCK)

        flooding = asyncio.create_task(flood())
        await stands_still(lambda: sent)
        flooding.cancel()
        stop.set()

        assert sent < 64 * MIB


# ── Expect: 100-continue ──────────────────────────────────────────────────────────────────────────────
