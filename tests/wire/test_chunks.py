"""Chunked requests: sizes, extensions and trailers that servers read differently. RFC 9112 section 7.1."""

import asyncio
from contextlib import suppress

import pytest

from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.refusal import NEXT, POST
from tests.wire.rig import Rig

CHUNK_JUNK = {
    "a word": b"x\r\nabc\r\n0\r\n\r\n",
    "a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a space inside": b"3 3\r\nabc\r\n0\r\n\r\n",
    "too long": b"FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    "empty": b"\r\nabc\r\n0\r\n\r\n",
    "bare LF": b"3\nabc\n0\n\n",
    "bare LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "bare CR behind the size": b"3\rabc\r\n0\r\n\r\n",
    "no CRLF behind the data": b"3\r\nabcd\r\n0\r\n\r\n",
    "bare LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "LF in an extension": b"3;a=\nb\r\nabc\r\n0\r\n\r\n",
    "CR in an extension": b"3;a=\rb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;a=\0\r\nabc\r\n0\r\n\r\n",
    "bare LF in the trailers": b"3\r\nabc\r\n0\r\nX-Foo: a\n\r\n",
    "a folded trailer": b"3\r\nabc\r\n0\r\nX-Foo: a\r\n b\r\n\r\n",
    "a trailer without colon": b"3\r\nabc\r\n0\r\nX-Foo\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNK_JUNK.values(), ids=CHUNK_JUNK)
@pytest.mark.parametrize("is_split", [False, True], ids=["at once", "head first"])
async def test_chunks_that_two_servers_read_differently_are_refused(body, is_split):
    """The exchange may have begun; it must not end as if the body had."""
    async with Rig() as rig:
        caller = await rig.caller()
        head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        if is_split:
            await caller.send(head)
            await rig.upstream.until(lambda: rig.upstream.requests)
            head = b""
        answer = await caller.ask(head + body + NEXT)

        assert (answer.status, answer.closes) == (400, True)
        assert await caller.rest() == b""
        assert not [each for each in rig.upstream.requests if each.has_body and each.raw_body]
        assert not [each for each in rig.upstream.requests if each.target == b"/smuggled"]


@pytest.mark.parametrize("extension", [b";a=b", b";a", b';a="b;c"', b" ;a=b"])
async def test_a_short_chunk_extension_is_dropped(extension):
    """RFC 9112 section 7.1.1: a recipient ignores extensions it does not know."""
    async with Rig() as rig:
        answer = await rig.ask(
            POST + b"Transfer-Encoding: chunked\r\n\r\n3" + extension + b"\r\nabc\r\n0\r\n\r\n"
        )

        if answer.status == 200:
            assert rig.upstream.requests[0].raw_body == b"3\r\nabc\r\n0\r\n\r\n"
        else:
            assert (answer.status, extension) == (400, b" ;a=b")


async def test_a_flood_of_chunk_extensions_is_cut_off():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        flood = b"1;" + b"a" * 8000 + b"\r\nx\r\n"
        for _ in range(200):
            await caller.send(flood)
            await asyncio.sleep(0)
        answer = await caller.answer("POST")

        assert (answer.status, answer.closes) == (400, True)
        assert len(b"".join(each.raw_body for each in rig.upstream.requests)) == 0


async def test_small_chunks_are_no_flood():
    """A caller that sends one byte at a time pays five more for each; that is its right."""
    async with Rig() as rig:
        caller = await rig.caller()
        body = chunked(*(b"x" for _ in range(20_000)))
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body[:100])
        await rig.upstream.until(lambda: rig.upstream.requests)
        answer = await caller.ask(body[100:])

        assert answer.status == 200
        assert rig.upstream.requests[0].content == b"x" * 20_000


@pytest.mark.parametrize("is_split", [False, True], ids=["in one write", "one after the other"])
@pytest.mark.parametrize(
    "trailers",
    [b"", b"X-Leak: 1\r\n", b"Authorization: Bearer stolen\r\n", b"X-A: 1\r\nHost: evil.test\r\n"],
    ids=["none", "X-Leak", "Authorization", "Host last"],
)
async def test_request_trailers_never_become_header_fields(trailers, is_split):
    """aiohttp hands the last trailer of a chunked request to the header of the next one."""
    first = POST + b"Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
    first += chunked(b"abc", trailers=trailers)
    async with Rig() as rig:
        caller = await rig.caller()
        if is_split:
            assert (await caller.ask(first)).status == 200
            assert (await caller.ask(NEXT)).status == 200
        else:
            await caller.send(first + NEXT)
            await answered_or_closed(caller)
            await answered_or_closed(caller)

        for each in rig.upstream.requests:
            assert not {b"x-leak", b"x-a"} & set(each.head.names)
            assert each.head.value("Host") == b"127.0.0.1:%d" % rig.upstream.port
            assert each.token == "token_1"
            assert each.trailers == []


async def answered_or_closed(caller):
    """A pipelined request behind chunks may be left to another connection (RFC 9112 section 9.3.2)."""
    with suppress(Broken):
        await caller.answer()


async def test_trailers_that_arrive_apart_from_the_last_chunk_do_not_leak():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Le")
        await rig.upstream.until(lambda: rig.upstream.requests)
        assert (await caller.ask(b"ak: 1\r\n\r\n")).status == 200
        assert (await caller.ask(NEXT)).status == 200

        assert [b"x-leak" in each.head.names for each in rig.upstream.requests] == [False, False]


async def test_many_chunked_requests_are_served_on_one_connection():
    """Each begins a parser of its own; pipelined GETs behind them must still all be answered."""
    async with Rig() as rig:
        caller = await rig.caller()
        for number in range(40):
            body = chunked(b"%d" % number, trailers=b"X-Leak: 1\r\n")
            assert (await caller.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)).status == 200
        await caller.send(NEXT * 40)
        for _ in range(40):
            assert (await caller.answer()).status == 200

        assert len(rig.upstream.requests) == 80
        assert not [each for each in rig.upstream.requests if b"x-leak" in each.head.names]


async def test_a_flood_of_trailers_is_cut_off():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        for number in range(400):
            await caller.send(b"X-%d: " % number + b"a" * 4000 + b"\r\n")
            await asyncio.sleep(0)
        answer = await caller.ask(b"\r\n" + NEXT)

        assert 400 <= answer.status < 500
        assert await caller.rest() == b""


@pytest.mark.parametrize("size", [100_000, 300_000])
async def test_what_follows_the_last_request_of_a_connection_gets_no_response(size):
    """It may belong to a good request, for which no error is true; the caller sends that again elsewhere."""
    held = asyncio.Event()

    async def hold(exchange):
        await exchange.body()
        await held.wait()
        exchange.write(ok())

    async with Rig(hold) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        first = request("POST", "/", "Transfer-Encoding: chunked", body=chunked(b"abc"))
        caller.write(first + request("POST", "/", body=b"x" * size))
        await asyncio.sleep(0)
        held.set()

        answers = [await caller.answer(), await caller.answer()]
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[-1].closes
        assert await caller.rest() == b""
        assert len(rig.upstream.requests) == 2
