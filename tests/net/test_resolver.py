"""Names: looked up once for everybody, kept, renewed in the background. Time is the test's to tell."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.core.resolution import GRACE_S, RENEW_S, REPEAT_S, STALE_S, LookUp
from gateway.net.resolver import LATE, MOST_UNWATCHED, PATIENCE_S, Resolver, find_all_anew, find_any
from tests.net.look_ups import WAIT_S, Zone

A, B = "192.0.2.1", "192.0.2.2"
X, Y = "2001:db8::1", "2001:db8::2"
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
NONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Told(list):
    """A `ResolutionObserver`: the outcomes."""

    def looked_up(self, name, finding, before, after):
        self.append((name, finding.outcome))


class Scene(Zone):
    """A zone, a resolver that asks it, and a clock that stands still."""

    def __init__(self, **records):
        super().__init__(**records)
        self.now_s = 1000.0
        self.told = Told()
        self.resolver = Resolver(self.told, self, lambda: self.now_s, lambda: 0.0)

    def __exit__(self, *_):
        super().__exit__()
        self.resolver.close()

    async def look(self, name, passed_s, renew_s=RENEW_S):
        """Use `name` after some time, and give what it then has, once any look-up has landed."""
        self.now_s += passed_s
        name.use(self.now_s, renew_s)
        return await name.find_anew(WAIT_S) if name.flight is not None else name.addresses


async def failing(name):
    with pytest.raises(socket.gaierror):
        await name.find()


async def test_the_first_look_up_is_waited_for_and_its_answer_kept():
    with Scene(api=[A, B]) as scene:
        name = scene.resolver.name("api")
        assert [await name.find() for _ in range(3)] == [(A, B)] * 3
        assert (scene.asked, scene.told) == (["api"], [("api", LookUp.FOUND)])
        assert repr(name) == f"<Name api: {A}, {B}>"


async def test_a_name_is_one_whatever_its_case():
    with Scene(api=[A]) as scene:
        assert scene.resolver.name("API") is scene.resolver.name("api")


async def test_eight_who_want_one_name_cost_one_look_up_and_delay_no_other_name():
    with Scene(sick=[A], well=[B]) as scene:
        scene.hold("sick")
        waiting = [asyncio.create_task(scene.resolver.name("sick").find()) for _ in range(8)]
        await scene.until(lambda: scene.asked)
        async with asyncio.timeout(WAIT_S):
            assert await scene.resolver.name("well").find() == (B,)
        assert not any(task.done() for task in waiting)
        scene.let_go("sick")
        assert await asyncio.gather(*waiting) == [(A,)] * 8
        assert scene.asked == ["sick", "well"]


async def test_who_leaves_does_not_end_the_look_up():
    with Scene(api=[A]) as scene:
        scene.hold("api")
        name = scene.resolver.name("api")
        leaves, stays = (asyncio.create_task(name.find()) for _ in range(2))
        await scene.until(lambda: scene.asked)
        leaves.cancel()
        await asyncio.wait((leaves,))
        assert leaves.cancelled()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await name.find()
        scene.let_go("api")
        assert await stays == (A,)
        assert scene.asked == ["api"]


async def test_an_answer_is_renewed_in_the_background_while_the_name_is_used():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.records["api"] = [B]
        scene.hold("api")
        scene.now_s += RENEW_S
        assert await name.find() == (A,)
        await scene.until(lambda: len(scene.asked) == 2)
        assert await name.find() == (A,)
        scene.let_go("api")
        assert await scene.look(name, 0) == (B,)
        assert await scene.look(name, RENEW_S - 0.001) == (B,)
        assert len(scene.asked) == 2


async def test_an_answer_that_nobody_used_is_renewed_before_it_is_used():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.records["api"] = [B]
        scene.now_s += RENEW_S + GRACE_S
        assert await name.find() == (B,)


@pytest.mark.time_lapse
async def test_where_that_takes_long_the_old_answer_is_used():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.hold("api")
        scene.now_s += RENEW_S + GRACE_S
        async with asyncio.timeout(WAIT_S):
            assert await name.find() == (A,)


async def test_a_failure_keeps_the_last_answer():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.records["api"] = AGAIN
        for _ in range(5):
            assert await scene.look(name, STALE_S) == (A,)
        assert await name.find() == (A,)
        assert scene.told[1:] == [("api", LookUp.FAILED)] * 5


async def test_no_such_name_twice_and_late_gives_the_addresses_up_and_it_may_come_back():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        del scene.records["api"]
        assert await scene.look(name, STALE_S) == (A,)
        assert await scene.look(name, RENEW_S) == ()
        await failing(name)
        scene.records["api"] = [B]
        scene.now_s += REPEAT_S
        assert await name.find() == (B,)


@pytest.mark.parametrize("error", [AGAIN, NONE])
async def test_a_name_without_addresses_is_looked_up_once_a_second_at_most(error):
    with Scene(api=error) as scene:
        scene.records["api"] = error
        name = scene.resolver.name("api")
        for _ in range(3):
            await failing(name)
        assert scene.asked == ["api"]
        scene.now_s += REPEAT_S
        await failing(name)
        assert scene.asked == ["api"] * 2


@pytest.mark.time_lapse
async def test_a_look_up_that_takes_long_is_told_once_and_lands_all_the_same():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.records["api"] = [B]
        scene.hold("api")
        name.use(scene.now_s + RENEW_S)
        async with asyncio.timeout(WAIT_S):
            while len(scene.told) < 2:
                await asyncio.sleep(0.1)
        assert scene.told == [("api", LookUp.FOUND), ("api", LookUp.FAILED)]
        assert name._known.trouble == LATE.reason
        assert await name.find() == (A,)
        scene.let_go("api")
        assert await scene.look(name, 0) == (B,)


@pytest.mark.time_lapse
async def test_a_look_up_that_takes_long_and_fails_is_counted_once():
    with Scene(api=AGAIN) as scene:
        scene.records["api"] = AGAIN
        scene.hold("api")
        waits = asyncio.create_task(failing(scene.resolver.name("api")))
        async with asyncio.timeout(WAIT_S):
            while not scene.told:
                await asyncio.sleep(0.1)
        scene.let_go("api")
        await waits
        assert scene.told == [("api", LookUp.FAILED)]


async def test_who_comes_late_to_a_look_up_that_takes_long_does_not_wait_for_it():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.hold("api")
        scene.now_s += RENEW_S
        name.use(scene.now_s)
        scene.now_s += PATIENCE_S + GRACE_S
        async with asyncio.timeout(PATIENCE_S / 2):
            assert await name.find() == (A,)


async def test_a_name_is_renewed_as_often_as_the_busiest_of_those_who_use_it_wants():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        for passed_s, renew_s, count in ((1.0, RENEW_S, 1), (1.0, 2.0, 2), (2.0, RENEW_S, 2), (0.0, 2.0, 3)):
            await scene.look(name, passed_s, renew_s)
            assert len(scene.asked) == count


@pytest.mark.time_lapse
async def test_where_one_family_is_never_answered_the_other_serves():
    with Scene(api=[A, X]) as scene:
        scene.hold("api", socket.AF_INET6)
        name = scene.resolver.name("api")
        async with asyncio.timeout(WAIT_S):
            assert await name.find() == (A,)
        assert await name.find() == (A,)
        assert sorted(scene.asked_of_family) == [("api", socket.AF_INET), ("api", socket.AF_INET6)]
        assert (scene.asked, scene.told) == (["api"], [])
        scene.let_go("api")
        async with asyncio.timeout(WAIT_S):
            while name.addresses != (A, X):
                await asyncio.sleep(0.1)
        assert scene.told == [("api", LookUp.FOUND)]


@pytest.mark.time_lapse
async def test_a_family_that_moved_is_told_while_the_other_is_not_answered():
    with Scene(api=[A, X]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        moves = []
        name.watch(lambda: moves.append(name.addresses))
        scene.records["api"] = [B, Y]
        scene.hold("api", socket.AF_INET6)
        scene.now_s += RENEW_S
        name.use(scene.now_s)
        async with asyncio.timeout(WAIT_S):
            while not moves:
                await asyncio.sleep(0.1)
        assert moves == [(B, X)]
        scene.let_go("api")
        async with asyncio.timeout(WAIT_S):
            while len(moves) < 2:
                await asyncio.sleep(0.1)
        assert sorted(moves[1]) == [B, Y]


@pytest.mark.time_lapse
async def test_a_family_is_asked_for_again_while_the_other_is_still_not_answered():
    with Scene(api=[A]) as scene:
        scene.hold("api", socket.AF_INET6)
        name = scene.resolver.name("api")
        assert await name.find() == (A,)
        scene.records["api"] = [B]
        assert await scene.look(name, RENEW_S) == (B,)
        assert scene.asked == ["api"]
        assert sorted(scene.asked_of_family) == [("api", socket.AF_INET)] * 2 + [("api", socket.AF_INET6)]


@pytest.mark.time_lapse
async def test_a_look_up_under_way_is_the_only_one_though_a_family_has_landed():
    with Scene(api=[A]) as scene:
        scene.hold("api", socket.AF_INET6)
        name = scene.resolver.name("api")
        await name.find()
        assert await scene.look(name, RENEW_S / 2) == (A,)
        assert name.flight is None
        assert scene.asked == ["api"]


async def test_a_quick_look_up_asks_no_family_for_itself():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        assert name._halves._timer is None
        assert scene.asked_of_family == []


async def of_all(scene, *names, renew_s=RENEW_S):
    """Wait until one of several names can be used, and give what they then have."""
    known = [scene.resolver.name(each) for each in names]
    async with asyncio.timeout(WAIT_S):
        await find_any(known, scene.now_s, renew_s)
    return [each.addresses for each in known]


async def test_several_names_are_looked_up_together():
    with Scene(one=[A], two=[B]) as scene:
        scene.hold("one")
        scene.hold("two")
        waits = asyncio.create_task(of_all(scene, "one", "two"))
        await scene.until(lambda: len(scene.asked) == 2)
        scene.let_go("one")
        scene.let_go("two")
        assert await waits == [(A,), (B,)]


async def test_of_several_names_the_first_that_is_found_serves_if_another_takes_long():
    with Scene(slow=[A], well=[B]) as scene:
        scene.hold("slow")
        scene.hold("well")
        waits = asyncio.create_task(of_all(scene, "slow", "well"))
        await scene.until(lambda: len(scene.asked) == 2)
        scene.let_go("well")
        assert await waits == [(), (B,)]


async def test_a_name_that_failed_is_not_waited_for_where_another_has_addresses():
    with Scene(well=[B], sick=AGAIN) as scene:
        scene.records["sick"] = AGAIN
        assert await of_all(scene, "sick", "well") == [(), (B,)]
        scene.now_s += REPEAT_S
        scene.hold("sick")
        async with asyncio.timeout(PATIENCE_S / 2):
            assert await of_all(scene, "sick", "well") == [(), (B,)]
        await scene.until(lambda: scene.asked.count("sick") == 2)


async def test_where_no_name_is_found_nobody_waits_any_longer():
    with Scene() as scene:
        assert await of_all(scene, "one", "two") == [(), ()]
        assert sorted(scene.asked) == ["one", "two"]


async def test_several_names_are_looked_up_ahead_of_schedule_together():
    with Scene(one=[A], two=[B]) as scene:
        await of_all(scene, "one", "two")
        scene.now_s += REPEAT_S
        scene.records = {"one": [B], "two": [A]}
        known = [scene.resolver.name(each) for each in ("one", "two")]
        await find_all_anew(known)
        assert [each.addresses for each in known] == [(B,), (A,)]


async def test_a_look_up_out_of_turn_is_made_once_a_second_at_most():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        scene.records["api"] = [B]
        assert await name.find_anew(WAIT_S) == (A,)
        scene.now_s += REPEAT_S
        assert await name.find_anew(WAIT_S) == (B,)
        assert await name.find_anew(WAIT_S) == (B,)
        assert len(scene.asked) == 2


async def test_who_watches_is_told_when_an_address_is_gone_and_only_then():
    with Scene(api=[A]) as scene:
        name = scene.resolver.name("api")
        moves = []

        def moved():
            moves.append(name.addresses)

        name.watch(moved)
        await name.find()
        for addresses in ([A], [B, A], [A, B], [B], AGAIN, NONE, [A]):
            scene.records["api"] = addresses
            await scene.look(name, RENEW_S)
        assert moves == [(B,), (A,)]
        name.unwatch(moved)
        scene.records["api"] = [B]
        await scene.look(name, RENEW_S)
        assert len(moves) == 2


async def test_what_worked_goes_first_and_what_failed_last():
    with Scene(api=[A, B]) as scene:
        name = scene.resolver.name("api")
        await name.find()
        name.reached(B)
        assert name.addresses == (B, A)
        name.missed(B)
        assert await name.find() == (A, B)
        assert (name.has(B), name.has("192.0.2.9")) == (True, False)


async def test_names_that_nobody_watches_are_forgotten_the_oldest_first():
    with Scene() as scene:
        watched = scene.resolver.name("watched")
        watched.watch(lambda: None)
        names = [scene.resolver.name(f"n{number}") for number in range(MOST_UNWATCHED)]
        assert scene.resolver.name("n0") is names[0]
        scene.resolver.name("one-more")
        assert scene.resolver.name("n0") is names[0]
        assert scene.resolver.name("watched") is watched
        assert scene.resolver.name("n1") is not names[1]
