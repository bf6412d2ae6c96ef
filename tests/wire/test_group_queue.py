"""Groups that serve as many requests as they may: who waits, for how long, and what is not touched meanwhile."""

from __future__ import annotations

import asyncio

from gateway.core.settings.balance_settings import QueueSettings
from tests.wire.groups import grouped
from tests.wire.messages import ok, request

GET = request("GET", "/")


class Held:
    """A script that answers once it may."""

    def __init__(self):
        self.may = asyncio.Event()

    async def __call__(self, exchange):
        await exchange.body()
        await self.may.wait()
        exchange.write(ok())


def queue_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group.queue


async def waits(rig, count):
    async with asyncio.timeout(10.0):
        while queue_in(rig).waiting != count:
            await asyncio.sleep(0.001)


async def test_who_comes_beyond_the_limit_waits_in_turn():
    held = Held()
    async with grouped(1, held, group={"max_requests": 1}) as (rig, backends):
        asked = [asyncio.create_task(rig.get("/0"))]
        await backends[0].until(lambda: backends[0].requests)
        for number in range(1, 4):
            asked.append(asyncio.create_task(rig.get(f"/{number}")))
            await waits(rig, number)
        assert backends.counts == [1]
        held.may.set()
        assert [each.status for each in await asyncio.gather(*asked)] == [200] * 4
        assert [each.target for each in backends[0].requests] == [b"/0", b"/1", b"/2", b"/3"]
        assert (queue_in(rig).held, queue_in(rig).waiting) == (0, 0)


async def test_there_is_no_wait_for_who_finds_the_queue_full_and_no_longer_one_than_its_timeout():
    held = Held()
    queue = QueueSettings(length=1, timeout_s=0.05)
    async with grouped(1, held, group={"max_requests": 1, "queue": queue}) as (rig, backends):
        first = asyncio.create_task(rig.get())
        await backends[0].until(lambda: backends[0].requests)
        second = asyncio.create_task(rig.get())
        await waits(rig, 1)
        for answer in (await rig.get(), await second):
            assert (answer.status, answer.code) == (503, "upstream_overloaded")
            assert answer.head.value("Retry-After") == b"1"
        held.may.set()
        assert (await first).status == 200
        assert backends.counts == [1]


async def test_neither_token_nor_body_is_taken_while_a_request_waits():
    held = Held()
    async with grouped(1, held, group={"max_requests": 1}, route={"has_token": True}, is_warm=False) as (
        rig,
        backends,
    ):
        first = asyncio.create_task(rig.get())
        await backends[0].until(lambda: backends[0].requests)
        asked = rig.authorization_server.granted
        caller = await rig.caller()
        await caller.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        await waits(rig, 1)
        assert rig.authorization_server.granted == asked
        held.may.set()
        assert (await first).status == 200
        await caller.send(b"body")
        assert (await caller.answer()).status == 200
        assert backends[0].requests[1].content == b"body"


async def test_a_caller_that_leaves_the_queue_leaves_no_gap():
    held = Held()
    async with grouped(1, held, group={"max_requests": 1}) as (rig, backends):
        first = asyncio.create_task(rig.get())
        await backends[0].until(lambda: backends[0].requests)
        leaver = await rig.caller()
        await leaver.send(GET)
        await waits(rig, 1)
        last = asyncio.create_task(rig.get("/last"))
        await waits(rig, 2)
        await leaver.close()
        await waits(rig, 1)
        held.may.set()
        assert [(await each).status for each in (first, last)] == [200, 200]
        assert backends.counts == [2]
        assert queue_in(rig).held == 0


async def test_places_are_given_back_however_a_request_ends():
    async with grouped(1, group={"max_requests": 1, "queue": QueueSettings(length=0)}) as (rig, backends):
        caller = await rig.caller()
        for _ in range(3):
            assert (await caller.ask(GET)).status == 200
        await backends[0].close()
        for _ in range(3):
            assert (await rig.get()).status == 502
        assert queue_in(rig).held == 0
