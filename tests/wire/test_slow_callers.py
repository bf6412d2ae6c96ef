"""Callers who drip, stall or only sit there: cut off, each in the way that tells them why.

RFC 9110 section 15.5.9, RFC 9112 section 9.5; threats "slow peers".
"""

import asyncio

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import Timeouts
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig

PATIENT = Limits(head_timeout_s=0.3, keepalive_timeout_s=30.0)
HASTY = Limits(head_timeout_s=30.0, keepalive_timeout_s=0.3)


def idle(idle_s):
    return lambda rig: [rig.route(timeouts=Timeouts(idle_s=idle_s, response_s=10.0))]


@pytest.mark.parametrize(
    "start", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: ", b"\r\n"]
)
async def test_a_head_that_stops_is_answered_408(start):
    async with Rig(limits=PATIENT) as rig:
        caller = await rig.caller()
        await caller.send(start)
        answer = await caller.answer()

        assert (answer.status, answer.code, answer.closes) == (408, "request_timeout", True)
        assert await caller.rest() == b""
        assert rig.upstream.saw_nothing


async def test_a_head_that_drips_is_answered_408():
    """Each byte must not buy another time-out."""
    async with Rig(limits=PATIENT) as rig:
        caller = await rig.caller()

        async def drip():
            await caller.send(b"GET / HTTP/1.1\r\nX-Slow: ")
            while True:
                await asyncio.sleep(0.05)
                await caller.send(b"a")

        dripping = asyncio.create_task(drip())
        answer = await caller.answer()
        dripping.cancel()

        assert answer.status == 408


async def test_the_second_head_of_a_connection_has_its_own_time():
    async with Rig(limits=PATIENT) as rig:
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/"))).status == 200
        await asyncio.sleep(0.5)
        assert (await caller.ask(request("GET", "/"))).status == 200
        await caller.send(b"GET / HT")
        assert (await caller.answer()).status == 408


@pytest.mark.time_lapse
@pytest.mark.parametrize(
    "first",
    [
        [],
        [request("GET", "/")],
        [request("POST", "/", body=b"abc")],
        [request("POST", "/", "Content-Length: 3"), b"abc"],
        [request("POST", "/", "Transfer-Encoding: chunked"), chunked(b"abc")],
        [request("POST", "/", "Transfer-Encoding: chunked"), chunked(b"abc", trailers=b"X-T: 1\r\n")],
    ],
    ids=["nothing", "GET", "POST", "POST in two parts", "chunked in two parts", "trailers"],
)
async def test_an_idle_connection_is_closed_without_a_word(first):
    """A 408 on an idle connection would be taken for the answer to the next request."""
    async with Rig(limits=Limits(head_timeout_s=1.0, keepalive_timeout_s=2.0)) as rig:
        caller = await rig.caller()
        for part in first:
            await caller.send(part)
            await asyncio.sleep(0.1)
        if first:
            assert (await caller.answer()).status == 200

        assert await caller.rest() == b""


@pytest.mark.parametrize("parts", [1, 2], ids=["whole", "in two parts"])
async def test_a_connection_that_is_idle_for_less_stays(parts):
    async with Rig(limits=Limits(head_timeout_s=0.2, keepalive_timeout_s=5.0)) as rig:
        caller = await rig.caller()
        for _ in range(2):
            data = request("POST", "/", body=b"abcdef")
            for part in (data[:-3], data[-3:]) if parts == 2 else (data,):
                await caller.send(part)
                await asyncio.sleep(0.02)
            assert (await caller.answer()).status == 200
            await asyncio.sleep(0.4)


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_a_body_that_stops_is_answered_408_and_never_ends_cleanly(framing):
    async with Rig(routes=idle(0.3)) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", framing) + b"3\r\nabc\r\n")
        answer = await caller.answer()

        assert (answer.status, answer.code, answer.closes) == (408, "request_timeout", True)
        assert await caller.rest() == b""
        await rig.upstream.until(lambda: not rig.upstream.open)
        assert not rig.upstream.requests[0].has_body


async def test_a_body_that_drips_within_the_idle_time_is_served():
    async with Rig(routes=idle(0.4)) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 8"))
        for _ in range(8):
            await asyncio.sleep(0.1)
            await caller.send(b"x")

        assert (await caller.answer()).status == 200


@pytest.mark.parametrize("phase_s", [0.0, 0.03, 0.06, 0.09])
async def test_a_caller_who_stops_reading_is_cut_off_and_blamed(phase_s):
    """Both sides have stopped, the upstream because of the caller: whichever is looked at first, it is the caller."""

    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(500):
            await exchange.send(b"x" * 100_000)

    async with Rig(flood, routes=idle(0.3)) as rig:
        await asyncio.sleep(phase_s)  # against the ticks at which the gateway looks at its deadlines
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests and not rig.upstream.open)
        with pytest.raises(Broken):
            await caller.answer()

        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].error == "caller_gone"


async def test_a_caller_who_reads_slowly_is_served():
    """Longer than the idle time in all, never as long between two reads; the upstream is always ahead."""

    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(200):
            await exchange.send(b"x" * 100_000)

    async with Rig(flood, routes=idle(0.5)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        head = await caller.head()
        for _ in range(30):
            await caller.reader.readexactly(300_000)
            await asyncio.sleep(0.05)
        await caller.reader.readexactly(11_000_000)

        assert head.value("Content-Length") == b"20000000"


async def test_the_routes_timeout_ends_the_call_of_a_caller_who_does_not_read():
    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(500):
            await exchange.send(b"x" * 100_000)

    routes = lambda rig: [rig.route(timeouts=Timeouts(total_s=0.3, idle_s=30.0))]  # noqa: E731
    async with Rig(flood, routes=routes) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        async with asyncio.timeout(3.0):
            await rig.told.until(lambda: rig.told.records)

        assert rig.told.records[0].error == "route_timeout"
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_a_caller_who_does_not_read_the_last_answer_is_cut_off():
    """The gateway has done its part; the connection must not stay for ever."""
    async with Rig(ok(b"x" * 8_000_000), limits=HASTY, routes=idle(0.3)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/", "Connection: close"))
        await rig.told.until(lambda: rig.told.records)
        before = open_connections(rig)
        await until(lambda: open_connections(rig) < before or before == 0)


@pytest.mark.time_lapse
async def test_a_caller_who_goes_on_sending_after_a_refusal_is_left():
    """The lingering that lets the answer arrive is bounded."""
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(b"GET / HTTP/1.1\r\nNo colon\r\n\r\n")

        async def go_on():
            while True:
                await caller.send(b"x" * 1000)
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(go_on())
        await until(lambda: open_connections(rig) == 0)
        sending.cancel()

        assert answer.status == 400


def open_connections(rig):
    return sum(len(listener.connections) for listener in rig.gateway.doors.listeners())


async def until(claim):
    async with asyncio.timeout(100.0):
        while not claim():
            await asyncio.sleep(0.02)
