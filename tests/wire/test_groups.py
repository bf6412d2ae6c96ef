"""Groups of upstream addresses, over real sockets: which address a request goes to, and who stays out of it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.settings.balance_settings import Balance, BalanceSettings
from gateway.core.settings.upstream_settings import AddressSettings, Scheme, UpstreamSettings
from gateway.upstreams.group_state import group_state
from tests.net.look_ups import Zone
from tests.wire.certificates import Authority, server_context
from tests.wire.groups import at, group_of, grouped, route_to
from tests.wire.messages import ok, request
from tests.wire.rig import Rig
from tests.wire.servers import FakeUpstream

GET = request("GET", "/")


def balanced(kind, header=""):
    return {"balance": BalanceSettings(kind, header)}


async def test_requests_one_after_the_other_stay_on_a_warm_connection():
    async with grouped(8) as (rig, backends):
        caller = await rig.caller()
        for _ in range(40):
            assert (await caller.ask(GET)).status == 200
        assert sum(backends.connections) == 1
        assert sorted(backends.counts) == [0] * 7 + [40]


@pytest.mark.parametrize(("balance", "handshakes"), [(Balance.WARM, 1), (Balance.ROUND_ROBIN, 8)])
async def test_a_quiet_gateway_makes_few_handshakes(tmp_path, balance, handshakes):
    authority = Authority.make(tmp_path)
    context = server_context(authority.leaf("127.0.0.1"))
    async with grouped(8, group={"ca_file": authority.ca_file, **balanced(balance)}, tls=context) as (
        rig,
        backends,
    ):
        caller = await rig.caller()
        for _ in range(100):
            assert (await caller.ask(GET)).status == 200
        assert sum(backends.connections) == handshakes


async def test_requests_at_the_same_time_go_to_those_with_the_fewest():
    async def held(exchange):
        await go.wait()
        exchange.write(ok())

    go = asyncio.Event()
    async with grouped(3, held) as (rig, backends):
        asked = [asyncio.create_task(rig.get()) for _ in range(6)]
        await rig.works_on(6)
        for each in backends.all:
            await each.until(lambda each=each: len(each.requests) == 2)
        go.set()
        assert [each.status for each in await asyncio.gather(*asked)] == [200] * 6


async def test_turns_share_requests_evenly():
    async with grouped(3, group=balanced(Balance.ROUND_ROBIN)) as (rig, backends):
        caller = await rig.caller()
        for _ in range(12):
            await caller.ask(GET)
        assert backends.counts == [4, 4, 4]


async def test_a_hashed_field_keeps_to_one_address_each_and_uses_all():
    async with grouped(3, group=balanced(Balance.HASH, "X-User")) as (rig, backends):
        caller = await rig.caller()
        for turn in range(3):
            for user in range(16):
                await caller.ask(request("GET", "/", f"x-user: u{user}"))
            if turn == 0:
                first = backends.counts
        assert backends.counts == [3 * each for each in first]
        assert min(first) > 0


async def test_each_address_has_the_host_of_its_own_url_unless_the_group_has_a_name():
    async with grouped(2, group=balanced(Balance.ROUND_ROBIN)) as (rig, backends):
        caller = await rig.caller()
        await caller.ask(GET)
        await caller.ask(GET)
        for each in backends.all:
            assert each.requests[0].head.value("Host") == b"127.0.0.1:%d" % each.port

    def named(rig):
        place = rig.upstream_settings()
        service = UpstreamSettings(Scheme.HTTP, "api.example.com", 80)
        return [route_to(rig, group_of(AddressSettings(service, place)), has_token=False)]

    async with Rig(routes=named) as rig:
        assert (await rig.get()).status == 200
        assert rig.upstream.requests[0].head.value("Host") == b"api.example.com"


async def test_a_failed_connect_goes_to_the_next_address_whatever_the_method():
    async with grouped(3, group=balanced(Balance.ROUND_ROBIN)) as (rig, backends):
        await backends[0].close()
        await backends[1].close()
        for _ in range(6):
            answer = await rig.ask(request("POST", "/", body=b"once"))
            assert answer.status == 200
        assert backends.counts == [0, 0, 6]


async def test_the_error_is_that_of_the_last_address_once_none_can_be_reached():
    async with grouped(2) as (rig, backends):
        await backends[0].close()
        await backends[1].close()
        answer = await rig.get()
        assert (answer.status, answer.code) == (502, "upstream_unreachable")


async def test_a_backup_serves_only_when_no_other_can_be_reached():
    def with_backup(rig):
        group = group_of(at(backup.port, is_backup=True), at(rig.upstream.port))
        return [route_to(rig, group, has_token=False)]

    async with grouped(1) as (_, spare):
        backup = spare[0]
        async with Rig(routes=with_backup) as rig:
            for _ in range(3):
                await rig.get()
            assert (len(rig.upstream.requests), len(backup.requests)) == (3, 0)
            await rig.upstream.close()
            assert (await rig.get()).status == 200
            assert len(backup.requests) == 1


async def test_a_name_that_moves_takes_its_requests_along():
    """New requests go to the new address once the name is looked up again; exchanges at the old one end."""

    async def held(exchange):
        await go.wait()
        exchange.write(ok())

    go = asyncio.Event()

    def named(rig):
        group = group_of(at(rig.upstream.port, "pair.test"), **balanced(Balance.ROUND_ROBIN))
        return [route_to(rig, group, has_token=False)]

    with Zone(pair_test=["127.0.0.1"]) as zone:
        async with Rig(held, routes=named, get_addr_info=zone) as rig:
            (group,) = rig.gateway.generation.groups.values()
            running = asyncio.create_task(rig.get())
            await rig.upstream.until(lambda: rig.upstream.requests)
            moved = FakeUpstream()
            moved.port = rig.upstream.port
            await moved.start(host="127.0.0.2")
            zone.records["pair.test"] = ["127.0.0.2"]
            await group.resolve_anew()  # as `core.resolution.RENEW_S` does
            while [each.id.ip for each in group.targets] != ["127.0.0.2"]:
                await asyncio.sleep(0.05)
                await group.resolve_anew()
            assert [(await rig.get()).status for _ in range(3)] == [200] * 3
            go.set()
            assert (await running).status == 200
            assert (len(rig.upstream.requests), len(moved.requests)) == (1, 3)
            assert moved.requests[0].head.value("Host") == b"pair.test:%d" % moved.port
            await moved.close()


async def test_all_addresses_of_a_name_are_targets():
    def named(rig):
        group = group_of(at(rig.upstream.port, "pair.test"), **balanced(Balance.ROUND_ROBIN))
        return [route_to(rig, group, has_token=False)]

    with Zone(pair_test=["127.0.0.1", "127.0.0.2"]) as zone:
        async with Rig(routes=named, get_addr_info=zone) as rig:
            for _ in range(4):
                assert (await rig.get()).status == 200  # nothing listens at 127.0.0.2
            (group,) = rig.gateway.generation.groups.values()
            port = rig.upstream.port
            assert [each.name for each in group.targets] == [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]


async def test_a_name_that_does_not_resolve_is_an_error_of_its_own():
    def named(rig):
        return [route_to(rig, group_of(at(rig.upstream.port, "nowhere.test")), has_token=False)]

    with Zone() as zone:
        async with Rig(routes=named, get_addr_info=zone) as rig:
            answer = await rig.get()
            assert (answer.status, answer.code) == (502, "upstream_name_unresolved")
            zone.records["nowhere.test"] = ["127.0.0.1"]
            while (await rig.get()).status != 200:
                await asyncio.sleep(0.05)


async def test_the_state_of_a_group_shows_what_its_names_lead_to():
    def named(rig):
        return [route_to(rig, group_of(at(rig.upstream.port, "pair.test"), at(9)), has_token=False)]

    def shown(group):
        (name,) = group_state(group, rig.gateway._clock.now_s())["names"]
        return name

    with Zone(pair_test=["127.0.0.2", "127.0.0.1"]) as zone:
        async with Rig(routes=named, get_addr_info=zone) as rig:
            (group,) = rig.gateway.generation.groups.values()
            assert shown(group) == {"name": "pair.test", "addresses": [], "age_s": None, "trouble": None}
            assert (await rig.get()).status == 200
            found = {"name": "pair.test", "addresses": ["127.0.0.1", "127.0.0.2"]}
            assert shown(group) == found | {"age_s": shown(group)["age_s"], "trouble": None}
            assert 0 <= shown(group)["age_s"] < 10
            del zone.records["pair.test"]
            while not shown(group)["trouble"]:
                await group.resolve_anew()
                await asyncio.sleep(0.01)
            assert shown(group)["trouble"] == "there is no such name"
            assert shown(group)["addresses"] == found["addresses"]


@pytest.mark.time_lapse
async def test_a_refused_token_is_replaced_and_the_request_replayed_once_on_any_address():
    async with grouped(2, route={"has_token": True}, group=balanced(Balance.ROUND_ROBIN)) as (rig, backends):
        for each in backends.all:
            each.demand("token_2")
        assert [(await rig.get()).status for _ in range(3)] == [200] * 3
        assert sorted(backends[0].tokens + backends[1].tokens) == ["token_1"] + ["token_2"] * 3
        assert rig.authorization_server.granted == 2


async def test_a_reload_keeps_the_group_and_its_connections():
    async with grouped(2) as (rig, backends):
        caller = await rig.caller()
        await caller.ask(GET)
        (before,) = rig.gateway.generation.groups.values()
        await rig.gateway.reload(rig.settings)
        (after,) = rig.gateway.generation.groups.values()
        assert before is after
        await caller.ask(GET)
        assert sum(backends.connections) == 1
