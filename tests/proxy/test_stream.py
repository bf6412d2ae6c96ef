"""The rest of an answer on its way to a caller: written where it comes, or by a task where it has to wait."""

from __future__ import annotations

import asyncio
import random
import ssl
from math import inf

import pytest

from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.sizes import MIB
from gateway.core.settings.upstream_settings import Scheme
from gateway.proxy.link import TLS_PART_BYTES
from gateway.proxy.outgoing.upstream_flow import FULL_READ_BYTES
from tests.proxy.test_pump import connected, content, pieces, until
from tests.wire.caller import RawCaller
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig

LENGTH, CHUNKED = "Content-Length: %d", "Transfer-Encoding: chunked"
PATIENT = Timeouts(response_s=60.0, idle_s=60.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def answers(body, framing):
    """Send the body in pieces of odd sizes, each by itself."""

    async def answer(exchange):
        field = framing if framing == CHUNKED else framing % len(body)
        exchange.write(f"HTTP/1.1 200 OK\r\n{field}\r\n\r\n".encode())
        for piece in pieces(body):
            await exchange.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == CHUNKED else piece)
            await asyncio.sleep(0)
        exchange.write(b"0\r\n\r\n" if framing == CHUNKED else b"")

    return answer


async def test_what_comes_is_written_without_waking_the_task():
    async def drip(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n")
        while await part.acquire():
            await exchange.send(b"x")

    part = asyncio.Semaphore(1)
    async with Rig(drip) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await caller.head()
        assert await caller.reader.readexactly(1) == b"x"
        upstream = connected(rig)._upstream
        await until(lambda: upstream.pass_on is not None)
        waits_for = upstream._waiter
        for _ in range(50):
            part.release()
            assert await caller.reader.readexactly(1) == b"x"

        assert waits_for is not None
        assert upstream._waiter is waits_for
        assert connected(rig)._call.answer_bytes == 51
        caller.leave()
        await rig.upstream.close()


async def test_nothing_of_the_next_answer_reaches_the_caller_before():
    """Both answers come on one connection, and each in two parts."""

    async def in_halves(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nha")
        await half.acquire()
        await exchange.send(b"lf")
        await half.acquire()
        await exchange.send(exchange.target)

    half = asyncio.Semaphore(0)
    async with Rig(in_halves) as rig:
        callers = [await rig.caller() for _ in range(2)]
        for caller, target in zip(callers, (b"/one", b"/two"), strict=True):
            await caller.send(request("GET", target.decode()))
            await caller.head()
            heard = await caller.reader.readexactly(2)
            for size in (2, 4):
                half.release()
                heard += await caller.reader.readexactly(size)
            assert heard == b"half" + target
        for caller in callers:
            caller.end_writing()

        assert [await caller.rest() for caller in callers] == [b"", b""]
        assert rig.upstream.connections == 1


@pytest.mark.parametrize(("is_tls", "most_bytes"), [(False, FULL_READ_BYTES), (True, TLS_PART_BYTES)])
async def test_what_came_in_a_full_read_is_left_to_the_task(authority, is_tls, most_bytes):
    """Else the connection would be read on and on, and others would wait; a TLS transport gets less."""

    async def half(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
        await asyncio.sleep(1000)

    certificate = authority.leaf("localhost") if is_tls else None
    trusting = ssl.create_default_context(cafile=authority.ca_file) if is_tls else None
    async with Rig(half, listeners=(ListenerSettings(LOOPBACK, certificate),)) as rig:
        caller = await rig.caller(trusting)
        await caller.send(request("GET", "/"))
        await caller.head()
        upstream = connected(rig)._upstream
        await until(lambda: upstream.pass_on is not None)
        upstream.data_received(b"x" * most_bytes)
        assert (upstream.buffered_bytes, upstream.is_stuck) == (0, False)
        await caller.reader.readexactly(most_bytes)
        upstream.data_received(b"x" * (most_bytes + 1))

        assert (upstream.buffered_bytes, upstream.is_stuck) == (most_bytes + 1, True)
        caller.leave()
        await rig.upstream.close()


async def test_where_the_caller_stops_the_task_waits_for_it():
    """And no longer for the upstream, which is not to be blamed, whether it sends more or not."""

    async def one_part(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        await asyncio.sleep(1000)

    async with Rig(one_part) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await caller.head()
        upstream = connected(rig)._upstream
        await until(lambda: upstream.pass_on is not None)
        caller.writer.transport.pause_reading()
        while not connected(rig).writing_paused:
            upstream.data_received(bytes(100_000))
        await until(lambda: upstream.is_stuck)

        assert upstream._deadline_s == inf
        assert upstream.pass_on is None
        caller.leave()
        await rig.upstream.close()


async def test_what_comes_for_a_caller_that_has_left_is_no_fault():
    async def one_part(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        await asyncio.sleep(1000)

    async with Rig(one_part) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await caller.head()
        upstream = connected(rig)._upstream
        await until(lambda: upstream.pass_on is not None)
        connected(rig).connection_lost(None)
        upstream.data_received(b"x")
        await until(lambda: rig.told.records)

        assert rig.told.records[0].error == "caller_gone"
        await rig.upstream.close()


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED], ids=["by length", "chunked"])
@pytest.mark.parametrize("upstream_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("caller_tls", [False, True], ids=["to http", "to https"])
async def test_a_body_keeps_its_order_where_the_caller_stops_and_goes(
    authority, framing, upstream_tls, caller_tls
):
    """So some parts are written where they come, and others wait for their turn."""
    body = content(6 * MIB)

    def routes(rig):
        known = {"scheme": Scheme.HTTPS, "host": "localhost", "ca_file": authority.ca_file}
        settings = rig.upstream_settings(**(known if upstream_tls else {}))
        return [rig.route(upstream=settings, timeouts=PATIENT)]

    certificate = authority.leaf("localhost")
    async with Rig(
        answers(body, framing),
        routes=routes,
        upstream_tls=server_context(certificate) if upstream_tls else None,
        listeners=(ListenerSettings(LOOPBACK, certificate if caller_tls else None),),
    ) as rig:
        trusting = ssl.create_default_context(cafile=authority.ca_file) if caller_tls else None
        callers = [await RawCaller.connect(rig.address, trusting) for _ in range(2)]
        got = await asyncio.gather(*(stop_and_go(caller) for caller in callers))
        for caller in callers:
            caller.leave()

    assert [answer.body == body for answer in got] == [True, True]
    assert [record.answer_bytes for record in rig.told.records] == [len(body)] * 2


async def stop_and_go(caller):
    """Ask, and read by fits and starts."""

    async def by_turns():
        while True:
            caller.writer.transport.pause_reading()
            await asyncio.sleep(0.001 * random.Random(1).randrange(20))
            caller.writer.transport.resume_reading()
            await asyncio.sleep(0.002)

    turns = asyncio.create_task(by_turns())
    await caller.send(request("GET", "/"))
    answer = await caller.answer()
    turns.cancel()
    return answer
