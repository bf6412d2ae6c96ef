"""A gateway that has nothing to do hardly wakes the machine."""

import asyncio

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.observe.sweeper import REST_S
from tests.wire.caller import RawCaller
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig

pytestmark = pytest.mark.time_lapse

PATIENT = Limits(head_timeout_s=0.3, keepalive_timeout_s=600.0)
UNHURRIED = Limits(head_timeout_s=3.0, keepalive_timeout_s=12.0)


def sweeps_of(rig):
    """The instants of its sweeps from now on."""
    instants = []
    rig.gateway._sweeper._looks.append(instants.append)
    return instants


async def until_it_rests(rig):
    while rig.gateway.census.open or rig.gateway._room.open or not rig.gateway._sweeper._rests:
        await asyncio.sleep(0.1)


async def served(rig):
    """Serves one request of a caller, who then leaves."""
    caller = await rig.caller()
    assert (await caller.ask(request("GET", "/"))).status == 200
    await caller.close()


async def test_without_callers_it_wakes_once_a_second():
    async with Rig(admin=LOOPBACK) as rig:
        await served(rig)
        await until_it_rests(rig)
        instants = sweeps_of(rig)
        await asyncio.sleep(5 * REST_S)

    assert 1 <= len(instants) <= 6, "the first may be due at once"


async def idle_callers(rig, count=3):
    """Callers that were served and keep their connections, once the sweeper rests."""
    callers = [await rig.caller() for _ in range(count)]
    for caller in callers:
        assert (await caller.ask(request("GET", "/"))).status == 200
    async with asyncio.timeout(100):
        while rig.gateway._room.open or not rig.gateway._sweeper._rests:
            await asyncio.sleep(0.1)
    return callers


async def test_callers_that_keep_idle_connections_do_not_wake_it_more_often():
    async with Rig(limits=UNHURRIED) as rig:
        await idle_callers(rig)
        instants = sweeps_of(rig)
        await asyncio.sleep(5 * REST_S)

    assert 1 <= len(instants) <= 6, "the first may be due at once"


async def test_an_idle_connection_is_closed_on_time():
    async with Rig(limits=UNHURRIED) as rig:
        loop = asyncio.get_running_loop()
        (caller,) = await idle_callers(rig, count=1)
        (connection,) = rig.gateway.doors.listeners()[0].connections
        deadline_s, instants = connection.read_deadline_s, sweeps_of(rig)
        assert await caller.rest() == b""

        last_s = next(at_s for at_s in instants if at_s >= deadline_s)
        before_s = max(at_s for at_s in instants if at_s < deadline_s)
        assert last_s - before_s < REST_S / 2, "it came often once the end was near"
        assert loop.time() >= deadline_s


async def test_it_rests_beside_a_head_that_has_begun_only_until_that_can_be_late():
    async with Rig(limits=UNHURRIED) as rig:
        (caller,) = await idle_callers(rig, count=1)
        (connection,) = rig.gateway.doors.listeners()[0].connections
        before_s = connection.read_deadline_s
        await caller.send(b"GET / HTTP/1.1\r\n")
        while connection.read_deadline_s == before_s:
            await asyncio.sleep(0)
        late_at_s = connection.read_deadline_s
        assert connection.is_idle(late_at_s - 0.01)
        assert not connection.is_idle(late_at_s)
        assert (await caller.answer()).status == 408


async def test_it_does_not_rest_beside_callers_where_a_timeout_is_shorter_than_its_rest():
    async with Rig(limits=PATIENT) as rig:
        callers = [await rig.caller() for _ in range(2)]
        for caller in callers:
            await caller.ask(request("GET", "/"))
        while rig.gateway._room.open:
            await asyncio.sleep(0.1)
        instants = sweeps_of(rig)
        await asyncio.sleep(REST_S)

        assert not rig.gateway._sweeper._rests
        assert len(instants) > 3


async def test_whoever_comes_beside_idle_callers_wakes_it_first():
    async with Rig(limits=UNHURRIED) as rig:
        await idle_callers(rig)
        instants = sweeps_of(rig)
        await rig.caller()
        while rig.gateway.census.open < 4:
            await asyncio.sleep(0)

        assert instants


async def test_whoever_comes_wakes_it_first():
    """It looks at everything, files included, and from then on at timeouts ten times a second."""
    async with Rig() as rig:
        await until_it_rests(rig)
        instants = sweeps_of(rig)
        caller = await rig.caller()
        assert (await caller.ask(request("GET", "/"))).status == 200

        assert instants
        assert not rig.gateway._sweeper._rests


async def test_it_does_not_rest_while_a_connection_to_an_upstream_is_kept():
    """Kept a second too long, it may be closed by the other side just when it is used."""
    async with Rig() as rig:
        await served(rig)
        rests = []
        while rig.gateway._room.open:
            rests.append(rig.gateway._sweeper._rests)
            await asyncio.sleep(0.1)

    assert rests
    assert not any(rests)


async def test_admin_connections_that_stand_still_are_closed_while_it_rests():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)], admin=LOOPBACK, limits=PATIENT) as rig:
        await until_it_rests(rig)
        caller = await RawCaller.connect(rig.gateway.admin_address)
        await caller.send(b"GET /healthz HTTP/1.1\r\nX: ")
        async with asyncio.timeout(60):
            assert await caller.rest() == b""
        await caller.close()
