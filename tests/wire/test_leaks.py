"""After a mixed crowd of requests nothing is left: no task, no socket, no connection."""

import asyncio
import gc
from pathlib import Path

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import Timeouts
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

HASTY = Limits(head_timeout_s=3.0, keepalive_timeout_s=30.0)


def hasty_routes(rig):
    return [rig.route(timeouts=Timeouts(response_s=3.0, idle_s=3.0))]


async def moody(exchange):
    """Everything that an upstream may do, by the path."""
    mood = exchange.target.rpartition(b"/")[2]
    if mood == b"close":
        exchange.close()
        return
    if mood == b"hang":
        await exchange.gone()
        return
    if mood == b"early":
        exchange.write(ok(b"enough", status="413 Content Too Large"))
        await exchange.gone()
        return
    await exchange.body()
    if mood == b"half":
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        exchange.close()
    elif mood == b"garbage":
        exchange.write(b"\x00\r\n\r\n")
    else:
        exchange.write(ok(b"x" * 1000))


MIX = [
    request("GET", "/ok"),
    request("POST", "/ok", body=b"abc" * 100),
    request("POST", "/ok", "Transfer-Encoding: chunked", body=chunked(b"a", b"b")),
    request("GET", "/close"),
    request("GET", "/hang"),
    request("POST", "/early", "Content-Length: 100000") + b"x" * 1000,
    request("GET", "/half"),
    request("GET", "/garbage"),
    request("POST", "/ok", "Content-Length: 100") + b"stalls",
    b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
    b"GET /ok HTTP/1.0\r\n\r\n",
    b"GET /ok HT",
]


def open_files():
    return sum(1 for _ in Path("/dev/fd").iterdir())


async def one(rig, number):
    """One request of the mix; every third caller leaves without waiting."""
    caller = await rig.caller()
    await caller.send(MIX[number % len(MIX)])
    if number % 3 == 0:
        await asyncio.sleep(0.01 * (number % 7))
        caller.leave()
        return
    try:
        async with asyncio.timeout(30.0):
            await caller.answer()
    except (Broken, TimeoutError):
        pass
    await caller.close()


async def test_two_hundred_mixed_requests_leave_no_task_no_socket_and_no_connection():
    async with Rig(moody) as rig:
        await rig.get("/ok")  # what is opened once and for ever is open now
    before = open_files()
    async with Rig(moody, routes=hasty_routes, limits=HASTY) as rig:
        tasks_before = len(asyncio.all_tasks())
        for _ in range(4):
            await asyncio.gather(*(one(rig, number) for number in range(50)))
        async with asyncio.timeout(100.0):
            while any(len(listener.connections) for listener in rig.gateway.doors.listeners()):
                await asyncio.sleep(0.05)
        await rig.upstream.until(lambda: not [each for each in rig.upstream._tasks if each.cancelling()])

        assert len(rig.told.records) >= 180
        idle = sum(len(pool._idle) for pool in rig.gateway.generation.pools.values())
        assert sum(len(pool._all) for pool in rig.gateway.generation.pools.values()) == idle
        assert len(asyncio.all_tasks()) <= tasks_before + idle, "only the fake's own tasks may remain"
        assert rig.gateway._handler._budget.left_bytes == rig.settings.limits.replay_total_bytes
    gc.collect()
    await asyncio.sleep(0.5)

    assert open_files() <= before


async def test_every_request_is_counted_once_whatever_became_of_it():
    async with Rig(moody, routes=hasty_routes, limits=HASTY) as rig:
        await asyncio.gather(*(one(rig, number) for number in range(60)))
        await rig.told.until(lambda: not rig.gateway.metrics.routes["/"].in_progress())
        counted = sum(sum(route.statuses.values()) for route in rig.gateway.metrics.routes.values())

        assert counted == len(rig.told.records)
        assert rig.gateway.metrics.routes["/"].in_progress() == 0
