"""A gateway that has nothing to do hardly wakes the machine."""

import asyncio

import pytest

from gateway.core.settings import Limits
from gateway.observe.sweeper import REST_S
from tests.wire.caller import RawCaller
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig

pytestmark = pytest.mark.time_lapse

PATIENT = Limits(head_timeout_s=0.3, keepalive_timeout_s=600.0)


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
