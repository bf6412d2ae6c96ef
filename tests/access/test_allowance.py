"""How many credentials are verified anew in a second."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.allowance import Allowance
from gateway.access.waiting_room import MOST_WAITING
from gateway.core.access.gcra import Rate
from tests.access.clocks import Hands
from tests.oauth.virtual_time import in_virtual_time


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_never_more_than_the_burst_and_the_rate(pauses_s):
    hands = Hands()
    allowance, began_s, taken = Allowance(lambda: hands.now_s, Rate.of(10, 1.0, 5)), hands.now_s, 0
    for pause_s in pauses_s:
        hands.pass_s(pause_s)
        taken += allowance.take()
        assert taken <= 5 + 10 * (hands.now_s - began_s) + 1e-6


def test_after_a_rest_the_burst_is_back():
    hands = Hands()
    allowance = Allowance(lambda: hands.now_s, Rate.of(10, 1.0, 5))
    assert [allowance.take() for _ in range(6)] == [True] * 5 + [False]
    hands.pass_s(1)

    assert [allowance.take() for _ in range(6)] == [True] * 5 + [False]


@in_virtual_time
async def test_beyond_it_everybody_waits_a_turn():
    loop = asyncio.get_running_loop()
    allowance, began_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time()
    assert allowance.take()

    async def turn():
        assert await allowance.turn("a", began_s + 10)
        return loop.time() - began_s

    waits = await asyncio.gather(turn(), turn(), turn())
    assert [round(wait, 3) for wait in waits] == [0.1, 0.2, 0.3]


@in_virtual_time
async def test_whose_turn_would_come_too_late_does_not_wait():
    loop = asyncio.get_running_loop()
    allowance = Allowance(loop.time, Rate.of(10, 1.0, 1))
    allowance.take()

    assert not await allowance.turn("a", loop.time() + 0.05)
    assert await allowance.turn("a", loop.time() + 0.15)


@in_virtual_time
async def test_the_queue_is_bounded():
    loop = asyncio.get_running_loop()
    allowance, until_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time() + 1e6
    assert allowance.take()
    turns = await asyncio.gather(*(allowance.turn("a", until_s) for _ in range(MOST_WAITING + 7)))

    assert turns.count(False) == 7


@in_virtual_time
async def test_who_comes_from_another_network_waits_for_one_turn_of_each():
    loop = asyncio.get_running_loop()
    allowance, began_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time()
    assert allowance.take()

    async def turn(network):
        assert await allowance.turn(network, began_s + 100)
        return round(loop.time() - began_s, 3)

    greedy = [asyncio.create_task(turn("a")) for _ in range(50)]
    await asyncio.sleep(0)
    assert await turn("b") == 0.2
    assert await asyncio.gather(*greedy) == [0.1, *(round(0.3 + number / 10, 3) for number in range(49))]


@in_virtual_time
async def test_nobody_is_locked_out_by_a_network_that_fills_the_queue():
    loop = asyncio.get_running_loop()
    allowance, until_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time() + 1e6
    greedy = [asyncio.create_task(allowance.turn("a", until_s)) for _ in range(MOST_WAITING + 100)]
    await asyncio.sleep(0)

    assert (allowance.is_used_up_for("a"), allowance.is_used_up_for("b")) == (True, False)
    assert await allowance.turn("b", loop.time() + 0.25)
    assert (await asyncio.gather(*greedy)).count(False) == 100


@in_virtual_time
async def test_whoever_leaves_takes_no_turn():
    loop = asyncio.get_running_loop()
    allowance, began_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time()
    assert allowance.take()
    gone = [asyncio.create_task(allowance.turn("a", began_s + 100)) for _ in range(5)]
    await asyncio.sleep(0)
    for each in gone:
        each.cancel()

    assert await allowance.turn("a", began_s + 100)
    assert round(loop.time() - began_s, 3) == 0.1
