"""A gateway that has nothing to do hardly wakes the machine."""

import asyncio

import pytest

from gateway.observe.sweeper import REST_S
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig

pytestmark = pytest.mark.time_lapse


def sweeps_of(rig):
    """The instants of its sweeps from now on."""
    instants = []
    rig.gateway._sweeper._looks.append(instants.append)
    return instants


async def until_it_rests(rig):
    while rig.gateway._census.open or rig.gateway._room.open or not rig.gateway._sweeper._rests:
        await asyncio.sleep(0.1)


async def test_without_callers_it_wakes_once_a_second():
    async with Rig(admin=LOOPBACK) as rig:
        await rig.get()
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
