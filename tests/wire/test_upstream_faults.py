"""Whatever an upstream does, a caller gets one whole answer, or a broken one; never somebody else's.

RFC 9112 sections 6.3, 9.3 to 9.5; design section 5, "Headers and paths".
"""

import asyncio
import time

import pytest

from gateway.core.settings import Limits, Scheme, Timeouts, UpstreamSettings
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig
from tests.wire.servers import full_backlog

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


def to(**members):
    """Routes to an upstream that is not the fake."""
    settings = UpstreamSettings(**({"scheme": Scheme.HTTP, "host": "127.0.0.1", "port": 1} | members))
    return lambda rig: [rig.route(upstream=settings)]


# ── no answer ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refused_connection_is_answered_502():
    async with Rig(routes=to()) as rig:
        answer = await rig.get()

        assert (answer.status, answer.code) == (502, "upstream_unreachable")
        assert answer.problem["side"] == "upstream"
        assert rig.told.records[0].error == "upstream_unreachable"


async def test_a_missing_unix_socket_is_answered_502():
    async with Rig(routes=to(scheme=Scheme.UNIX, socket_path="/nowhere/at/all.sock")) as rig:
        assert (await rig.get()).code == "upstream_unreachable"


async def test_a_name_that_does_not_resolve_is_answered_502():
    async with Rig(routes=to(host="no-such-host.invalid")) as rig:
        answer = await rig.get()

        assert (answer.status, answer.code) == (502, "upstream_name_unresolved")
        assert answer.head.value("Proxy-Status").startswith(b"gateway; error=dns_error")


@pytest.mark.parametrize(
    "handler",
    [
        closes(),
        closes(b"HTTP/1.1 200 OK\r\nContent-"),
        closes(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"),
        resets(),
        closes(b"HT"),
    ],
    ids=["at once", "in a name", "between fields", "reset", "in the version"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_ends_before_the_head_is_answered_502(handler, method):
    async with Rig(handler) as rig:
        answer = await rig.ask(request(method, "/", body=b"abc"))

        assert (answer.status, answer.code) == (502, "upstream_closed")
        assert len(rig.upstream.requests) == 1, "a new connection that dies is no stale one"


GARBAGE = {
    "noise": b"\x00\xff\x17\x03 what is this\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a word for the status": b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status zero": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "an empty length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
    "a huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "gzip and chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked under an underscore": b"HTTP/1.1 200 OK\r\nTransfer_Encoding: chunked\r\nContent-Length: 2\r\nTransfer-Encoding: x\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nX-Foo\r\nContent-Length: 2\r\n\r\nok",
    "an empty name": b"HTTP/1.1 200 OK\r\n: foo\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-Foo: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a value": b"HTTP/1.1 200 OK\r\nX-Foo: a\rX-Bar: b\r\nContent-Length: 2\r\n\r\nok",
    "bare LF behind a field": b"HTTP/1.1 200 OK\r\nX-Foo: a\nX-Bar: b\r\nContent-Length: 2\r\n\r\nok",
    "bare LF everywhere": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "101 without a word of what to": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "103 with a body": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello",
    "a huge field": b"HTTP/1.1 200 OK\r\nX-Foo: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X-Foo: a\r\n" * 5000 + b"Content-Length: 2\r\n\r\nok",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X-Foo: aaaaaaaaaaaaaaaaaaaa\r\n" * 20_000,
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
async def test_an_answer_that_is_none_is_answered_502_and_its_connection_closed(raw):
    async with Rig(hangs_after(raw)) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/"))

        assert answer.status == 502
        assert answer.problem["side"] == "upstream"
        await rig.upstream.until(lambda: rig.upstream.open == 0)
        assert (await caller.ask(request("GET", "/"))).status == 502, "the caller's connection goes on"
        assert rig.upstream.connections == 2


@pytest.mark.parametrize("raw", [GARBAGE["no colon"], GARBAGE["two lengths"], GARBAGE["101 unasked"]])
async def test_an_answer_that_is_none_is_found_also_byte_by_byte(raw):
    async def handler(exchange):
        for at in range(len(raw)):
            await exchange.send(raw[at : at + 1])
            await asyncio.sleep(0)
        await exchange.gone()

    async with Rig(handler) as rig:
        assert (await rig.get()).status == 502


async def test_a_folded_line_of_an_answer_is_never_passed_on_as_one():
    """RFC 9112 section 5.2: a proxy refuses it or replaces the fold by spaces."""
    async with Rig(b"HTTP/1.1 200 OK\r\nX-Foo: a\r\n b\r\nContent-Length: 2\r\n\r\nok") as rig:
        answer = await rig.get()

        assert answer.status == 502 or answer.head.value("X-Foo").split() == [b"a", b"b"]


async def test_nothing_of_a_garbled_answer_is_quoted():
    async with Rig(closes(b"HTTP/1.1 200 OK\r\nSecret-Of-Upstream\r\n\r\n")) as rig:
        answer = await rig.get()

        assert answer.status == 502
        assert b"Secret-Of-Upstream" not in answer.head.raw + answer.body


async def test_informational_answers_without_end_are_not_kept_for_a_caller_who_does_not_read():
    taken = 0

    async def handler(exchange):
        nonlocal taken
        while taken < 3000:
            await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: " + b"a" * 10_000 + b"\r\n\r\n")
            taken += 1

    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        last = -1
        while last != taken:
            last = taken
            await asyncio.sleep(0.2)

        assert taken < 3000, "30 MB of informational answers were taken"


# ── broken bodies ─────────────────────────────────────────────────────────────────────────────────────

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


@pytest.mark.parametrize("end", [closes, resets])
@pytest.mark.parametrize("raw", HALF.values(), ids=HALF)
async def test_a_body_that_breaks_off_breaks_the_callers_answer(raw, end):
    async with Rig(end(raw)) as rig:
        caller = await rig.caller()
        with pytest.raises(Broken):
            answer = await caller.ask(request("GET", "/"))
            raise Broken(answer.code)  # a whole 502 is honest too: nothing had been passed on yet

        assert rig.told.records[0].error in ("upstream_answer_incomplete", "upstream_answer_invalid")


@pytest.mark.parametrize("raw", [HALF["length"], HALF["chunked, in a chunk"]], ids=["length", "chunked"])
async def test_a_body_that_breaks_off_later_breaks_the_answer_of_every_kind_of_caller(raw):
    """An HTTP/1.0 caller reads a chunked body until the close: only a reset can tell it."""

    async def handler(exchange):
        await exchange.send(raw)
        await arrived.wait()
        exchange.close()

    for data in (b"GET / HTTP/1.0\r\n\r\n", request("GET", "/")):
        arrived = asyncio.Event()
        async with Rig(handler) as rig:
            caller = await rig.caller()
            await caller.send(data)
            head = await caller.head()
            arrived.set()
            with pytest.raises(Broken):
                await caller.body_of(head)


async def test_a_body_until_close_that_is_reset_breaks_the_callers_answer():
    async with Rig(resets(b"HTTP/1.1 200 OK\r\n\r\nhello")) as rig:
        with pytest.raises(Broken):
            await rig.get()


async def test_nothing_follows_a_broken_answer():
    """A problem document behind half a body would be read as part of it."""
    async with Rig(closes(HALF["length"])) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/") + request("GET", "/next"))
        received = await caller.rest()

        assert b"problem" not in received
        assert received.count(b"HTTP/1.1") <= 1


# ── early answers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["413 Content Too Large", "401 Unauthorized", "200 OK"])
async def test_an_early_answer_passes_and_ends_both_connections(status):
    """The rest of the body has no reader; what follows it must not be read as a request."""

    async def early(exchange):
        exchange.write(ok(b"enough", status=status))
        await exchange.gone()

    async with Rig(early, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/", "Content-Length: 1000000") + b"x" * 1000)

        assert (answer.status, answer.body, answer.closes) == (int(status[:3]), b"enough", True)
        await caller.send(request("GET", "/smuggled"))
        assert await caller.rest() == b""
        await rig.upstream.until(lambda: not rig.upstream.open)
        assert len(rig.upstream.requests) == 1


async def test_an_early_answer_reaches_a_caller_who_is_still_sending():
    """Closing with unread bytes resets the connection and can destroy the answer on its way."""

    async def early(exchange):
        exchange.write(ok(b"enough", status="413 Content Too Large"))
        exchange.close()

    async with Rig(early) as rig:
        caller = await rig.caller()
        caller.write(request("POST", "/", "Content-Length: 3000000") + BIG)
        await asyncio.sleep(0.1)  # the answer is there, and nobody has looked
        answer = await caller.answer()

        assert (answer.status, answer.body) == (413, b"enough")


# ── pooled connections ────────────────────────────────────────────────────────────────────────────────


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


def within(**timeouts):
    return lambda rig: [rig.route(timeouts=Timeouts(**({"response_s": 5.0, "idle_s": 5.0} | timeouts)))]


async def test_an_upstream_that_accepts_nothing_is_answered_504():
    with full_backlog() as port:
        settings = UpstreamSettings(Scheme.HTTP, "127.0.0.1", port)
        routes = lambda rig: [rig.route(upstream=settings, timeouts=Timeouts(connect_s=0.2))]  # noqa: E731
        async with Rig(routes=routes) as rig:
            answer = await rig.get()

    assert (answer.status, answer.code) == (504, "upstream_connect_timeout")


async def test_an_upstream_that_does_not_answer_is_answered_504():
    async with Rig(hangs, routes=within(response_s=0.2)) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/"))

        assert (answer.status, answer.code) == (504, "upstream_timeout")
        await rig.upstream.until(lambda: not rig.upstream.open)
        assert not answer.closes


async def test_an_upstream_that_does_not_answer_a_post_is_answered_504():
    async with Rig(hangs_after(), routes=within(response_s=0.2)) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 6") + b"abc")
        await rig.upstream.until(lambda: rig.upstream.requests)
        await asyncio.sleep(0.4)  # the response time-out begins when the request is sent, not before
        answer = await caller.ask(b"def")

        assert (answer.status, answer.code) == (504, "upstream_timeout")
        assert rig.upstream.requests[0].content == b"abcdef"


async def test_half_a_head_is_no_answer():
    async with Rig(hangs_after(b"HTTP/1.1 200 OK\r\nContent-Le"), routes=within(response_s=0.2)) as rig:
        assert (await rig.get()).code == "upstream_timeout"


async def test_informational_answers_do_not_put_off_the_time_out():
    async def handler(exchange):
        while True:
            await exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.05)

    async with Rig(handler, routes=within(response_s=0.3)) as rig:
        async with asyncio.timeout(3.0):
            assert (await rig.get()).code == "upstream_timeout"


@pytest.mark.parametrize("name", ["length", "chunked, between chunks"])
async def test_a_body_that_stops_moving_breaks_the_callers_answer(name):
    async with Rig(hangs_after(HALF[name]), routes=within(idle_s=0.2)) as rig:
        with pytest.raises(Broken):
            await rig.get()

        assert rig.told.records[0].error == "upstream_timeout"
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_a_body_that_drips_is_not_idle():
    async def drip(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.06)
            await exchange.send(b"x")

    async with Rig(drip, routes=within(idle_s=0.35, response_s=0.35)) as rig:
        assert (await rig.get()).body == b"x" * 8


async def test_a_reader_who_pauses_is_not_taken_for_a_slow_upstream():
    """While the gateway does not read, the upstream cannot be late (design section 5, back-pressure)."""

    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12000000\r\n\r\n")
        for _ in range(120):
            await exchange.send(b"x" * 100_000)

    async with Rig(flood, routes=within(response_s=0.3, idle_s=3.0)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await asyncio.sleep(0.8)

        assert len((await caller.answer()).body) == 12_000_000


@pytest.mark.parametrize(
    "handler",
    [hangs, hangs_after(HALF["length"]), hangs_after(b"HTTP/1.1 200 OK\r\n")],
    ids=["before the head", "in the body", "in the head"],
)
async def test_the_routes_timeout_bounds_the_whole_request(handler):
    async with Rig(handler, routes=within(total_s=0.3)) as rig:
        caller = await rig.caller()
        try:
            answer = await caller.ask(request("GET", "/"))
            assert (answer.status, answer.code) == (504, "route_timeout")
        except Broken:
            assert handler is not hangs
        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].error == "route_timeout"
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_the_routes_timeout_bounds_an_answer_that_never_ends():
    async def for_ever(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    async with Rig(for_ever, routes=within(total_s=0.3)) as rig:
        with pytest.raises(Broken):
            await rig.get()


async def test_the_routes_timeout_bounds_an_upload_that_never_ends():
    async with Rig(routes=within(total_s=0.3)) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Transfer-Encoding: chunked"))
        drip = asyncio.create_task(drip_chunks(caller))
        answer = await caller.answer()
        drip.cancel()

        assert (answer.status, answer.code, answer.closes) == (504, "route_timeout", True)


async def drip_chunks(caller):
    while True:
        await caller.send(b"1\r\nx\r\n")
        await asyncio.sleep(0.01)


async def test_the_routes_timeout_does_not_outlive_its_request():
    """The next request of the connection takes a route without one, and longer."""

    async def handler(exchange):
        if exchange.target == b"/unbounded":
            await asyncio.sleep(0.5)
        exchange.write(ok())

    def routes(rig):
        return [
            rig.route("/"),
            rig.route("/unbounded"),
            rig.route("/bounded", timeouts=Timeouts(total_s=0.3)),
        ]

    async with Rig(handler, routes=routes) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/bounded"))).status == 200
        assert (await caller.ask(request("GET", "/unbounded"))).status == 200


async def test_the_limits_of_an_answers_head_are_the_settings_own():
    big = ok(b"ok", "X-Foo: " + "a" * 600)
    async with Rig(big, limits=Limits(header_bytes=512)) as rig:
        assert (await rig.get()).code == "upstream_answer_too_large"


async def test_chunks_of_an_answer_are_framed_anew():
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"one", b"two").replace(
        b"3\r\n", b"003;x=y\r\n"
    )
    async with Rig(raw) as rig:
        answer = await rig.get()

        assert (answer.body, answer.framing) == (b"onetwo", "chunked")


async def test_the_timeout_of_one_request_never_ends_the_exchange_of_another():
    """A refused exchange gives its connection back while its call waits for a token; another call uses it.

    The loop stands still over the deadline, so that everything that is due becomes due at once.
    """
    hung = asyncio.Event()

    async def handler(exchange):
        if exchange.target == b"/a":
            exchange.write(ok(b"no", status="401 Unauthorized"))
            return
        await hung.wait()
        exchange.write(ok(b"of b"))

    def routes(rig):
        timeouts = Timeouts(total_s=0.6, response_s=5.0)
        return [rig.route("/a", timeouts=timeouts), rig.route("/b", has_token=False)]

    async with Rig(handler, routes=routes) as rig:
        rig.authorization_server.gate.clear()
        began_s = asyncio.get_running_loop().time()
        first = asyncio.create_task(rig.get("/a"))
        await rig.told.until(lambda: rig.told.rejected)
        second = asyncio.create_task(rig.get("/b"))
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 2)
        assert rig.upstream.connections == 1
        await asyncio.sleep(began_s + 0.55 - asyncio.get_running_loop().time())
        time.sleep(0.3)
        assert (await first).status == 504
        hung.set()

        assert (await second).body == b"of b"
