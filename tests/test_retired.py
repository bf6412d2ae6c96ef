"""Earlier generations end once their last exchange is over."""

import asyncio

from gateway.retired import Retired


class Generation:
    """One with named pools and routes, which notes what is asked of it."""

    def __init__(self, *names):
        self.pools = {name: f"pool {name}" for name in names}
        self.routes = set(names)
        self.gave_way_to = self.closed_beside = None

    def give_way(self, to):
        self.gave_way_to = to

    def is_over(self, busy, now):
        return busy.isdisjoint(self.routes - now.routes)

    async def close(self, others=()):
        self.closed_beside = list(others)


async def retired_with(*olds, now):
    retired = Retired(asyncio.get_running_loop())
    for old in olds:
        retired.add(old, now)
    return retired


async def test_one_gives_way_at_once_and_stays_while_it_is_busy():
    old, now = Generation("a", "b"), Generation("b", "c")
    retired = await retired_with(old, now=now)

    assert old.gave_way_to is now
    assert not retired.end_those_over({"a"}, now)
    assert retired.generations == [old]
    assert retired.pools_with(now) == ["pool b", "pool c", "pool a"]


async def test_one_that_is_over_is_closed_beside_all_others_and_that_is_told():
    over, busy, now = Generation("a"), Generation("b"), Generation("c")
    retired = await retired_with(over, busy, now=now)
    told = asyncio.Event()
    retired.on_end = told.set

    assert retired.end_those_over({"b"}, now)
    assert retired.generations == [busy]
    await asyncio.wait_for(told.wait(), 10)
    assert over.closed_beside == [now, busy]
    assert busy.closed_beside is None


async def test_the_end_closes_what_is_left_and_waits_for_what_ends():
    old, now = Generation("a"), Generation("b")
    retired = await retired_with(old, now=now)
    ended = []

    async def work():
        await asyncio.sleep(0)
        ended.append(True)

    retired.end(work())
    await retired.close(now)

    assert ended == [True]
    assert old.closed_beside == [now]
