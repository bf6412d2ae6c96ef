"""The rest of a body on its way to an upstream: passed on where it comes, or by a task where it has to wait."""

from __future__ import annotations

import asyncio
import random

from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.sizes import MIB
from gateway.proxy.outgoing.upstream_flow import FULL_READ_BYTES, FULL_READS_AT_ONCE
from tests.wire.messages import ok, request
from tests.wire.moods import hangs_after
from tests.wire.rig import Rig

SIZE = 8 * MIB
PATIENT = Timeouts(response_s=60.0, idle_s=60.0)


def content(size=SIZE):
    """Bytes that are nowhere like those of another place."""
    return random.Random(size).randbytes(size)


def pieces(body):
    """The body in parts of odd sizes."""
    sizes, start = [1, 70_001, 16_384, 300_007, 5], 0
    while start < len(body):
        size = sizes[start % len(sizes)]
        yield body[start : start + size]
        start += size


async def until(claim):
    async with asyncio.timeout(20.0):
        while not claim():
            await asyncio.sleep(0.001)


def connected(rig):
    (only,) = rig.gateway.doors.listeners()[0].connections
    return only


async def test_what_comes_is_passed_on_without_a_stop_on_the_way():
    """The payload counts what is read from it: with both sides quick that is the first part alone."""
    body = content(1_000_000)
    async with Rig(hangs_after()) as rig:
        caller = await rig.caller()
        await caller.send(request("PUT", "/", f"Content-Length: {len(body)}"))
        await caller.send(body[:1])
        await rig.upstream.until(lambda: rig.upstream.requests)
        await until(lambda: connected(rig)._call.body.received_bytes == 1)
        for start in range(1, 999_001, 1000):
            await caller.send(body[start : start + 1000])
            await until(lambda end=start + 1000: connected(rig)._call.body.received_bytes >= end)
        payload = connected(rig)._call.payload

        assert connected(rig)._call.body.received_bytes > 900_000
        assert payload.total_bytes == 1
        caller.leave()


async def test_what_came_in_too_many_full_reads_in_a_row_is_left_to_the_task():
    """Else the caller would be read on and on, and others would wait."""
    async with Rig(hangs_after()) as rig:
        caller = await rig.caller()
        await caller.send(request("PUT", "/", "Content-Length: 900000") + b"x")
        await rig.upstream.until(lambda: rig.upstream.requests)
        await until(lambda: connected(rig)._pass_on is not None)
        payload = connected(rig)._call.payload
        full = [FULL_READ_BYTES + 1] * FULL_READS_AT_ONCE
        for count in [*full, FULL_READ_BYTES, *full]:
            connected(rig).data_received(b"x" * count)
            await until(lambda: not connected(rig)._upstream.writing_paused)
        assert payload.total_bytes == 1
        connected(rig).data_received(b"x" * (FULL_READ_BYTES + 1))

        assert payload.total_bytes == FULL_READ_BYTES + 2
        assert connected(rig)._reading_paused
        caller.leave()


async def test_a_body_keeps_its_order_where_the_upstream_stops_and_goes():
    """So some parts are passed on, and others wait for their turn."""
    body, received = content(), bytearray()

    async def stop_and_go(exchange):
        while len(received) < len(body):
            for _ in range(random.Random(len(received)).randrange(30)):
                await asyncio.sleep(0)
            received.extend(await exchange.some(random.Random(len(received)).randrange(1, 1 << 20)))
        exchange.write(ok(b"all"))

    async with Rig(stop_and_go, routes=lambda rig: [rig.route(timeouts=PATIENT)]) as rig:
        caller = await rig.caller()
        await caller.send(request("PUT", "/", f"Content-Length: {len(body)}"))
        for piece in pieces(body):
            await caller.send(piece)
        answer = await caller.answer("PUT")

    assert answer.body == b"all"
    assert bytes(received) == body
    assert rig.told.records[0].request_bytes == len(body)


async def test_what_stands_behind_a_body_is_the_next_request():
    body = content(1_000_001)
    async with Rig() as rig:
        caller = await rig.caller()
        first = request("PUT", "/one", f"Content-Length: {len(body)}") + body
        for piece in pieces(first + request("GET", "/two")):
            await caller.send(piece)
        answers = [await caller.answer("PUT"), await caller.answer("GET")]

    assert [answer.status for answer in answers] == [200, 200]
    assert [one.target for one in rig.upstream.requests] == [b"/one", b"/two"]
    assert rig.upstream.requests[0].content == body
