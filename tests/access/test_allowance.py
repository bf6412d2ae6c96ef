"""How many credentials are verified anew in a second."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.allowance import MOST_WAITING, Allowance
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
        assert await allowance.turn(began_s + 10)
        return loop.time() - began_s

    waits = await asyncio.gather(turn(), turn(), turn())
    assert [round(wait, 3) for wait in waits] == [0.1, 0.2, 0.3]


@in_virtual_time
async def test_whose_turn_would_come_too_late_does_not_wait():
    loop = asyncio.get_running_loop()
    allowance = Allowance(loop.time, Rate.of(10, 1.0, 1))
    allowance.take()

    assert not await allowance.turn(loop.time() + 0.05)
    assert await allowance.turn(loop.time() + 0.15)


@in_virtual_time
async def test_the_queue_is_bounded():
    loop = asyncio.get_running_loop()
    allowance, until_s = Allowance(loop.time, Rate.of(10, 1.0, 1)), loop.time() + 1e6
    turns = await asyncio.gather(*(allowance.turn(until_s) for _ in range(MOST_WAITING + 7)))

    assert turns.count(False) == 7
