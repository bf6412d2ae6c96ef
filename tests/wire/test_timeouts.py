"""Time-outs: which one ends what, and that none ends anything else. Design section 4, `timeout` and `timeouts`."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest

from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.wire.messages import Broken, ok, request
from tests.wire.moods import HALF, hangs, hangs_after
from tests.wire.rig import Rig
from tests.wire.servers import full_backlog


@asynccontextmanager
async def slow_reader(address):
    """A connection for which the kernel takes next to nothing that its owner has not taken."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        yield sock


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


async def test_a_slow_reader_is_not_taken_for_a_slow_upstream():
    """While the gateway does not read, the upstream cannot be late (back-pressure).

    The caller takes so little that the gateway does not read for three times as long as the upstream may pause.
    """

    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12000000\r\n\r\n")
        for _ in range(120):
            await exchange.send(b"x" * 100_000)

    loop, taken = asyncio.get_running_loop(), 0
    async with Rig(flood, routes=within(response_s=0.5, idle_s=0.5)) as rig, slow_reader(rig.address) as sock:
        await loop.sock_sendall(sock, request("GET", "/"))
        for _ in range(15):
            await asyncio.sleep(0.1)
            taken += len(await loop.sock_recv(sock, 2_000))
        while part := await loop.sock_recv(sock, 1 << 20):
            taken += len(part)
            if taken > 12_000_000:
                break

        await rig.told.until(lambda: rig.told.records)
        assert (rig.told.records[0].error, rig.told.records[0].answer_bytes) == ("", 12_000_000)


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
