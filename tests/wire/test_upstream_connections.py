"""Connections to the upstream: used again only where nothing can be taken for another caller's answer.

RFC 9112 sections 9.3 to 9.6; RFC 9110 section 9.2.2; aiohttp#13656.
"""

import asyncio

import pytest

from tests.wire.messages import ok, request
from tests.wire.moods import BIG
from tests.wire.rig import Rig


async def test_bytes_on_an_idle_connection_never_reach_the_next_caller():
    """aiohttp#13656."""
    idle = asyncio.Event()

    async def first(exchange):
        exchange.write(ok(b"first"))
        await idle.wait()
        exchange.write(ok(b"of another caller"))

    async with Rig([first, ok(b"second")]) as rig:
        assert (await rig.get()).body == b"first"
        idle.set()
        async with asyncio.timeout(2.0):  # sooner than an idle connection ends by itself
            await rig.upstream.until(lambda: not rig.upstream.open)
        assert (await rig.get()).body == b"second"
        assert rig.upstream.connections == 2


@pytest.mark.parametrize("extra", [ok(b"of another caller"), b"\r\n", b"x", b"HTTP/1.1 200 OK\r\n"])
async def test_bytes_behind_an_answer_end_the_connection(extra):
    async with Rig([ok(b"first") + extra, ok(b"second")]) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/"))).body == b"first"
        assert (await caller.ask(request("GET", "/"))).body == b"second"
        if extra != b"\r\n":
            assert rig.upstream.connections == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_body_where_none_may_be_ends_the_connection(status):
    raw = f"HTTP/1.1 {status}\r\nX-A: b\r\n\r\n".encode() + ok(b"of another caller")
    async with Rig([raw, ok(b"second")]) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/"))).body == b""
        assert (await caller.ask(request("GET", "/"))).body == b"second"
        assert rig.upstream.connections == 2


async def test_a_body_behind_a_head_answer_ends_the_connection():
    async with Rig([ok(b"a body that must not be"), ok(b"second")]) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("HEAD", "/"))).head.value("Content-Length") == b"23"
        assert (await caller.ask(request("GET", "/"))).body == b"second"
        assert rig.upstream.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        ok(b"ok", "Connection: close"),
        ok(b"ok", "Connection: foo, Close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 304 Not Modified\r\n\r\n",
    ],
    ids=["close", "close in a list", "HTTP/1.0", "204", "304 of HTTP/1.0"],
)
async def test_a_connection_that_the_upstream_will_close_is_not_used_again(raw):
    async with Rig([raw, ok(b"second")]) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/"))).status == int(raw[9:12])
        assert (await caller.ask(request("GET", "/"))).body == b"second"
        assert [each.connection for each in rig.upstream.requests] == [1, 2]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;ext=1\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + ok(),
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok(),
    ],
    ids=["HTTP/1.0 that keeps", "chunked", "chunked with frills", "100 unasked", "two 103"],
)
async def test_a_connection_is_used_again_after_an_answer_that_ended(raw):
    async with Rig(raw) as rig:
        for _ in range(3):
            answer = await rig.get()
            assert (answer.status, answer.body) == (200, b"ok")

        assert rig.upstream.connections == 1


@pytest.mark.parametrize(
    ("start", "extra", "is_used_again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\n", b"x", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"", False),
        (b"HTTP/1.0 200 OK\r\n", b"", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", b"", True),
    ],
    ids=["1.1", "1.1 and a byte more", "1.1 that closes", "1.0", "1.0 that keeps"],
)
async def test_a_connection_is_used_again_after_a_long_body_too(start, extra, is_used_again):
    """The body comes in many reads, and what stands behind it in the last one."""

    async def long(exchange):
        await exchange.send(start + b"Content-Length: %d\r\n\r\n" % len(BIG))
        exchange.write(BIG + extra)

    async with Rig([long, ok(b"second")]) as rig:
        caller = await rig.caller()
        assert len((await caller.ask(request("GET", "/"))).body) == len(BIG)
        assert (await caller.ask(request("GET", "/"))).body == b"second"
        assert rig.upstream.connections == (1 if is_used_again else 2)


async def close_when_used_again(exchange):
    """Serve the first request of a connection, and die at the second as an idle time-out does."""
    await exchange.body()
    if exchange.connection == 1 and exchange.target != b"/first":
        exchange.close()
    else:
        exchange.write(ok(exchange.target))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
async def test_an_idempotent_request_on_a_stale_connection_is_sent_again(method):
    async with Rig(close_when_used_again) as rig:
        await rig.get("/first")
        answer = await rig.ask(request(method, "/again"))

        assert answer.status == 200
        assert [each.connection for each in rig.upstream.requests] == [1, 1, 2]


async def test_a_put_on_a_stale_connection_is_sent_again_with_its_whole_body():
    async with Rig(close_when_used_again) as rig:
        await rig.get("/first")
        answer = await rig.ask(request("PUT", "/again", body=b"abc" * 1000))

        assert answer.status == 200
        assert [each.content for each in rig.upstream.requests] == [b"", b"abc" * 1000, b"abc" * 1000]


@pytest.mark.parametrize("method", ["POST", "PATCH", "MKCOL"])
async def test_a_request_that_may_have_been_processed_is_never_sent_again(method):
    async with Rig(close_when_used_again) as rig:
        await rig.get("/first")
        answer = await rig.ask(request(method, "/again", body=b"pay 5"))

        assert (answer.status, answer.code) == (502, "upstream_closed")
        assert len(rig.upstream.requests) == 2


async def test_a_stale_connection_that_answered_a_little_is_not_sent_again():
    async def half(exchange):
        exchange.write(b"HTTP/1.1 2")
        exchange.close()

    async with Rig([ok(), half, ok()]) as rig:
        await rig.get()
        assert (await rig.get()).status == 502
        assert len(rig.upstream.requests) == 2


async def test_a_connection_that_was_closed_while_idle_costs_nobody_anything():
    async def one(exchange):
        await exchange.body()
        exchange.write(ok())
        exchange.close()

    async with Rig(one) as rig:
        for method in ("GET", "POST", "POST"):
            assert (await rig.ask(request(method, "/"))).status == 200
            await rig.upstream.until(lambda: not rig.upstream.open)

        assert rig.upstream.connections == 3


async def test_many_stale_connections_at_once_lose_no_get():
    async def gather_first(exchange):
        await exchange.body()
        if exchange.target == b"/first":
            await together.wait()
            exchange.write(ok())
        elif exchange.connection <= 20:
            exchange.close()
        else:
            exchange.write(ok())

    together = asyncio.Event()
    async with Rig(gather_first) as rig:
        first = [asyncio.create_task(rig.get("/first")) for _ in range(20)]
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 20)
        together.set()
        await asyncio.gather(*first)
        answers = await asyncio.gather(*(rig.get("/again") for _ in range(20)))

        assert {answer.status for answer in answers} == {200}


# ── time-outs ─────────────────────────────────────────────────────────────────────────────────────────
