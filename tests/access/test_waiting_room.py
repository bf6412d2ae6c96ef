"""So many at a time, and in a fair order; whoever leaves takes nothing along."""

import asyncio

from gateway.access.waiting_room import FairSlots
from tests.oauth.virtual_time import in_virtual_time


@in_virtual_time
async def test_so_many_at_a_time_and_then_networks_take_turns():
    slots, served = FairSlots(2), []

    async def serve(network):
        assert await slots.take(network, 1e6)
        served.append(network)

    tasks = [asyncio.create_task(serve(network)) for network in "aaaaab"]
    await asyncio.sleep(0)
    assert served == ["a", "a"]
    slots.give_back()
    slots.give_back()
    await asyncio.sleep(0.001)
    assert served == ["a", "a", "a", "b"]
    for _ in range(4):
        slots.give_back()
    await asyncio.gather(*tasks)

    assert [await slots.take("c", 0) for _ in range(3)] == [True, True, False]


@in_virtual_time
async def test_who_has_waited_long_enough_gets_none():
    loop, slots = asyncio.get_running_loop(), FairSlots(1)
    assert await slots.take("a", 1)
    began_s = loop.time()

    assert not await slots.take("b", 5)
    assert loop.time() == began_s + 5


@in_virtual_time
async def test_who_leaves_at_the_moment_of_being_let_on_gives_the_slot_to_the_next():
    slots = FairSlots(1)
    assert await slots.take("a", 1)
    leaving = asyncio.create_task(slots.take("b", 1e6))
    staying = asyncio.create_task(slots.take("c", 1e6))
    await asyncio.sleep(0)
    slots.give_back()
    leaving.cancel()

    assert await staying
    slots.give_back()
    assert await slots.take("d", 0)
    assert not await slots.take("d", 0)
