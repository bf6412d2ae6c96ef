"""What is told of durations is measured: every exchange is observed, and a millisecond is not the least."""

from __future__ import annotations

import asyncio

from tests.wire.messages import ok, request
from tests.wire.rig import Rig

COUNT = 200


async def test_every_exchange_is_observed_and_none_takes_whole_milliseconds():
    """The loop's clock stands still within a turn, and uvloop's counts whole milliseconds."""
    async with Rig(ok(b"ok")) as rig:
        caller = await rig.caller()
        for _ in range(COUNT):
            await caller.ask(request("GET", "/"))
        records = rig.told.records
        metrics = rig.gateway.metrics.render().decode()

    assert f'gateway_upstream_duration_seconds_count{{route="/"}} {COUNT}.0' in metrics
    assert all(0 < record.upstream_s <= record.total_s for record in records)
    whole = [record for record in records if abs(record.total_s * 1000 - round(record.total_s * 1000)) < 1e-6]
    assert len(whole) < COUNT / 10
    assert rig.told.took_s and all(took_s > 0 for took_s in rig.told.took_s)


async def test_a_request_without_an_exchange_has_no_duration_of_one():
    async with Rig(routes=lambda rig: [rig.route("/only", has_token=False)]) as rig:
        await rig.get("/other")

    (record,) = rig.told.records
    assert (record.upstream_s, record.upstream_status) == (None, 0)
    assert record.total_s > 0


async def test_the_parts_of_a_request_are_no_longer_than_the_whole():
    async def slow(exchange):
        await asyncio.sleep(0.05)
        exchange.write(ok(b"ok"))

    async with Rig(slow, is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        answer = asyncio.create_task(rig.get())
        await rig.works_on(1)
        rig.authorization_server.gate.set()
        await answer

    (record,) = rig.told.records
    assert record.upstream_s >= 0.045
    assert record.token_s > 0
    assert record.token_s + record.upstream_s <= record.total_s
