"""Whatever an upstream does, a caller gets one whole answer, or a broken one; never somebody else's.

RFC 9112 sections 6.3 and 9.5.
"""

import asyncio

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.moods import BIG, HALF, closes, hangs_after, resets
from tests.wire.rig import Rig
from tests.wire.servers import stands_still


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
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked in HTTP/1.0, kept alive": b"HTTP/1.0 404 x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0 beside a length": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
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
        await stands_still(lambda: taken)

        assert taken < 3000, "30 MB of informational answers were taken"


# ── broken bodies ─────────────────────────────────────────────────────────────────────────────────────


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
