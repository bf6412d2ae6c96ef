"""Addresses of a group that fail: what callers notice, and when an address is left alone. Over real sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from gateway.core.settings.balance_settings import Balance, BalanceSettings, EjectSettings, RetrySettings
from tests.wire.groups import grouped
from tests.wire.messages import chunked, ok, request

GET = request("GET", "/")
DOWN = ok(b"down", status="503 Service Unavailable")
IN_TURN = BalanceSettings(Balance.ROUND_ROBIN)
NEVER = {"eject": None, "balance": IN_TURN}


async def reset(exchange):
    exchange.reset()


def group_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group


@pytest.mark.parametrize("sick", [DOWN, reset], ids=["503", "reset"])
async def test_a_request_that_failed_is_tried_once_more_on_another_address(sick):
    async with grouped(2, group=NEVER) as (rig, backends):
        backends[0].script = sick
        caller = await rig.caller()
        assert [(await caller.ask(GET)).status for _ in range(6)] == [200] * 6
        assert backends.counts[1] == 6
        assert sum(group_in(rig).counts.retries.values()) == backends.counts[0]
        assert {outcome for _, outcome in group_in(rig).counts.retries} == {"answered"}


@pytest.mark.parametrize(
    "sent",
    [
        request("POST", "/", body=b"once"),
        request("PATCH", "/", body=b"once"),
        request("POST", "/"),
    ],
)
async def test_what_is_not_idempotent_is_never_sent_twice(sent):
    async with grouped(2, DOWN, group=NEVER) as (rig, backends):
        answer = await rig.ask(sent)
        assert (answer.status, answer.body) == (503, b"down")
        assert sum(backends.counts) == 1


async def test_a_body_at_hand_is_sent_again_whole():
    async with grouped(2, group=NEVER) as (rig, backends):
        backends[0].script = DOWN
        for _ in range(2):
            answer = await rig.ask(
                request("PUT", "/", "Transfer-Encoding: chunked", body=chunked(b"one", b"two"))
            )
            assert answer.status == 200
        assert {each.content for one in backends.all for each in one.requests} == {b"onetwo"}
        assert backends.counts == [1, 2]


async def test_the_last_answer_is_the_callers_where_every_address_is_sick():
    async with grouped(2, group=NEVER) as (rig, backends):
        backends[0].script = DOWN
        backends[1].script = ok(b"bad", status="502 Bad Gateway")
        assert (await rig.get()).status == 502
        assert backends.counts == [1, 1]
        assert group_in(rig).counts.retries == {("503", "failed"): 1}


async def test_nothing_is_retried_where_that_is_off_or_there_is_no_other_address():
    async with grouped(2, DOWN, group=NEVER | {"retry": RetrySettings(tries=0)}) as (rig, backends):
        assert (await rig.get()).status == 503
        assert sum(backends.counts) == 1
    async with grouped(1, DOWN) as (rig, backends):
        assert (await rig.get()).status == 503
        assert backends.counts == [1]


async def test_what_the_caller_was_told_before_binds_the_answer_to_its_address():
    async def hints_first(exchange):
        exchange.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        exchange.write(DOWN)

    async with grouped(2, hints_first, group=NEVER) as (rig, backends):
        caller = await rig.caller()
        await caller.send(GET)
        assert (await caller.answer()).status in (103, 503)
        await rig.works_on(0)
        assert sum(backends.counts) == 1


async def test_where_every_address_is_sick_retries_add_a_quarter_at_most():
    async def sick(exchange):
        await asyncio.sleep(0)
        exchange.write(DOWN)

    async with grouped(4, sick, group=NEVER) as (rig, backends):
        callers = [await rig.caller() for _ in range(50)]

        async def ask(caller):
            for _ in range(20):
                assert (await caller.ask(GET)).status == 503

        await asyncio.gather(*map(ask, callers))
        assert 1000 < sum(backends.counts) <= 1250
        assert (
            sum(n for (_, outcome), n in group_in(rig).counts.retries.items() if outcome == "over_budget") > 0
        )


async def test_an_address_that_fails_is_left_alone_and_tried_by_one_request():
    eject = EjectSettings(after=3, for_s=0.05)
    async with grouped(3, group={"balance": IN_TURN, "eject": eject}) as (rig, backends):
        backends[0].script = DOWN
        caller = await rig.caller()
        while not group_in(rig).counts.ejections:
            assert (await caller.ask(GET)).status == 200
        assert backends.counts[0] == 3
        assert group_in(rig).counts.ejections == {"503": 1}
        backends[0].script = ok()
        while backends.counts[0] == 3:
            assert (await caller.ask(GET)).status == 200
            await asyncio.sleep(0.005)
        before = backends.counts
        for _ in range(6):
            await caller.ask(GET)
        assert [now - then for now, then in zip(backends.counts, before, strict=True)] == [2, 2, 2]


async def test_a_failed_trial_costs_no_caller_anything():
    eject = EjectSettings(after=1, for_s=0.02)
    async with grouped(2, group={"balance": IN_TURN, "eject": eject}) as (rig, backends):
        backends[0].script = DOWN
        caller = await rig.caller()
        while backends.counts[0] < 3:
            assert (await caller.ask(GET)).status == 200
            await asyncio.sleep(0.005)
        (target,) = [each for each in group_in(rig).targets if each.failures]
        assert target.ejections == 1
        assert target.health.ejections == 3


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "500 Internal Server Error"])
async def test_what_is_about_the_request_never_ejects(status):
    async with grouped(2, ok(b"no", status=status), group={"eject": EjectSettings(after=1)}) as (rig, _):
        for _ in range(4):
            await rig.get()
        assert group_in(rig).counts.ejections == {}


async def test_an_address_is_left_alone_for_as_long_as_it_asks():
    later = ok(b"down", "Retry-After: 120", status="503 Service Unavailable")
    async with grouped(2, group={"balance": IN_TURN}) as (rig, backends):
        backends[0].script = later
        caller = await rig.caller()
        assert [(await caller.ask(GET)).status for _ in range(8)] == [200] * 8
        assert backends.counts == [1, 8]
        (target,) = [each for each in group_in(rig).targets if each.health.is_out]
        assert 110 < target.health.until_s - asyncio.get_running_loop().time() <= 120


async def test_the_last_address_is_never_left_alone():
    async with grouped(2, DOWN, group={"eject": EjectSettings(after=1)}) as (rig, _):
        for _ in range(6):
            assert (await rig.get()).status == 503
        assert sum(each.health.is_out for each in group_in(rig).targets) == 1


async def test_those_that_are_out_are_tried_when_the_others_cannot_be_reached():
    async with grouped(2, group={"eject": EjectSettings(after=1, for_s=60.0)}) as (rig, backends):
        backends[0].script = backends[1].script = DOWN
        await rig.get()
        (out,) = [index for index, each in enumerate(group_in(rig).targets) if each.health.is_out]
        backends[out].script = ok()
        await backends[1 - out].close()
        assert (await rig.get()).status == 200


async def test_three_addresses_one_killed_one_sick_one_well_and_all_back():
    eject = EjectSettings(after=3, for_s=0.1)
    group = {"balance": IN_TURN, "eject": eject}
    async with grouped(3, group=group) as (rig, backends):
        callers = [await rig.caller() for _ in range(8)]
        statuses = Counter()

        async def load(rounds):
            async def ask(caller):
                for _ in range(rounds):
                    statuses[(await caller.ask(GET)).status] += 1

            await asyncio.gather(*map(ask, callers))

        await load(5)
        await backends[0].close()
        backends[1].script = DOWN
        await load(30)
        assert statuses == {200: 8 * 35}
        await backends[0].start()
        backends[1].script = ok()
        while any(each.health.is_out for each in group_in(rig).targets):
            await load(1)
            await asyncio.sleep(0.01)
        before = backends.counts
        await load(6)
        gained = [now - then for now, then in zip(backends.counts, before, strict=True)]
        assert set(statuses) == {200}
        assert gained == [16, 16, 16]


@pytest.mark.parametrize("balance", [Balance.WARM, Balance.ROUND_ROBIN])
async def test_under_load_only_what_may_not_be_sent_twice_is_lost_at_addresses_that_fall(balance):
    """With the limits that a file without `eject` and `retry` has, but for the time that an address is out."""

    async def works(exchange):
        await exchange.body()
        await asyncio.sleep(0.005)
        with suppress(ConnectionResetError):
            exchange.write(ok())

    async def is_sick(exchange):
        await exchange.body()
        exchange.write(DOWN)

    group = {"balance": BalanceSettings(balance), "eject": EjectSettings(for_s=0.1)}
    async with grouped(3, works, group=group) as (rig, backends):
        callers = [await rig.caller() for _ in range(50)]
        lost = Counter()

        async def load(rounds, after=None):
            async def ask(number, caller):
                sent = GET if number % 10 else request("POST", "/", body=b"once")
                for turn in range(rounds):
                    status = (await caller.ask(sent)).status
                    if status != 200:
                        lost["GET" if number % 10 else "POST", status] += 1
                    if number == 1 and turn == 2 and after is not None:
                        await after()

            await asyncio.gather(*(ask(*each) for each in enumerate(callers)))

        async def falls_sick():
            backends[1].script = is_sick

        await load(6)
        assert not lost
        await load(12, backends[0].close)
        assert {method for method, _ in lost} <= {"POST"}
        assert lost["POST", 502] <= 5  # they were in the one that was killed
        lost.clear()
        await load(15, falls_sick)
        assert set(lost) <= {("POST", 503)}
        assert sum(each.health.is_out for each in group_in(rig).targets) == 2
        lost.clear()
        await backends[0].start()
        backends[1].script = works
        async with asyncio.timeout(60.0):
            while any(each.health.is_out for each in group_in(rig).targets):
                await load(2)
        before = backends.counts
        await load(6)
        gained = [now - then for now, then in zip(backends.counts, before, strict=True)]
        assert not lost
        assert min(gained) >= max(gained) / 2  # warm ones go first among equals


async def test_health_survives_a_reload():
    async with grouped(2, group={"eject": EjectSettings(after=1, for_s=60.0)}) as (rig, backends):
        backends[0].script = backends[1].script = DOWN
        await rig.get()
        before = [each.health for each in group_in(rig).targets]
        await rig.gateway.reload(rig.settings)
        assert [each.health for each in group_in(rig).targets] == before
        assert sum(each.is_out for each in before) == 1


async def test_what_happened_is_shown_and_recorded():
    eject = EjectSettings(after=1, for_s=60.0)
    async with grouped(2, group={"balance": IN_TURN, "eject": eject}) as (rig, backends):
        backends[0].script = DOWN
        caller = await rig.caller()
        for _ in range(3):
            await caller.ask(GET)
        await rig.told.until(lambda: len(rig.told.records) == 3)
        sick, well = (f"127.0.0.1:{each.port}" for each in backends.all)
        assert [each.upstream_address for each in rig.told.records] == [well] * 3
        (shown,) = rig.gateway.overview.groups()
        one, other = shown["addresses"]
        assert (one["address"], one["state"], one["failures"], one["ejections"]) == (
            sick,
            "ejected",
            {"503": 1},
            1,
        )
        assert (other["address"], other["state"], other["requests"]) == (well, "up", 3)
        lines = rig.gateway.metrics.render().decode().splitlines()
        assert 'gateway_upstream_targets{state="ejected",upstream="orders"} 1.0' in lines
        assert 'gateway_upstream_ejections_total{reason="503",upstream="orders"} 1.0' in lines
        retried = 'gateway_upstream_retries_total{outcome="answered",reason="503",upstream="orders"} 1.0'
        assert retried in lines
