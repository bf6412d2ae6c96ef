"""One verification for each credential, whoever waits or leaves."""

import asyncio

from gateway.access.flights import Flights
from gateway.core.access.finding import Bad

BAD = Bad("bad")


class Work:
    def __init__(self):
        self.begun, self.may_end = 0, asyncio.Event()

    async def __call__(self):
        self.begun += 1
        await self.may_end.wait()
        return BAD


def now_s():
    return asyncio.get_running_loop().time()


async def test_whoever_comes_meanwhile_joins():
    flights, work = Flights(now_s), Work()
    waiting = [asyncio.ensure_future(flights.join(b"a", work, now_s() + 60)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    work.may_end.set()

    assert await waiting[1] == await waiting[2] == BAD
    assert work.begun == 1
    assert len(flights) == 0


async def test_a_deadline_leaves_it_to_whoever_comes_next():
    flights, work = Flights(now_s), Work()

    assert await flights.join(b"a", work, now_s()) is None
    assert b"a" in flights
    work.may_end.set()
    assert await flights.join(b"a", work, now_s() + 60) == BAD
    assert work.begun == 1


async def test_the_end_ends_all_of_them():
    flights, work = Flights(now_s), Work()
    waiting = asyncio.ensure_future(flights.join(b"a", work, now_s() + 60))
    await asyncio.sleep(0)
    await flights.close()

    assert await waiting is None
    assert len(flights) == 0
