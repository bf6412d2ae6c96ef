"""Checks of the addresses of a group, over real sockets: what takes an address out, what brings it back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.core.settings.balance_settings import Balance, BalanceSettings, CheckSettings, EjectSettings
from gateway.core.settings.upstream_settings import AddressSettings, Scheme, UpstreamSettings
from tests.net.look_ups import Zone
from tests.net.test_race import descriptors
from tests.wire.certificates import Authority, server_context
from tests.wire.groups import at, group_of, grouped, route_to
from tests.wire.messages import ok, request
from tests.wire.moods import hangs
from tests.wire.rig import Rig
from tests.wire.servers import FakeUpstream

GET = request("GET", "/")
DOWN = ok(b"down", status="503 Service Unavailable")
CHECK = CheckSettings("/health", every_s=0.02, timeout_s=0.2)
IN_TURN = BalanceSettings(Balance.ROUND_ROBIN)
CHECKED = {"check": CHECK, "balance": IN_TURN}


def checked_with(answer):
    """Serve requests well, and checks with `answer`: bytes or a handler."""

    async def handler(exchange):
        if exchange.target != b"/health":
            exchange.write(ok())
        elif isinstance(answer, bytes):
            exchange.write(answer)
        else:
            await answer(exchange)

    return handler


async def resets(exchange):
    exchange.reset()


def group_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group


def states(rig):
    (shown,) = rig.gateway.overview.groups()
    return [each["state"] for each in shown["addresses"]]


def checks_in(rig):
    (shown,) = rig.gateway.overview.groups()
    return [each["check"] for each in shown["addresses"]]


def served(backend):
    """How many requests of callers it has had."""
    return sum(each.target != b"/health" for each in backend.requests)


async def until(rig, *wanted):
    async with asyncio.timeout(20.0):
        while states(rig) != list(wanted):
            await asyncio.sleep(0.005)


async def until_checked(rig, count=1):
    """Wait until each address was checked so often, or more."""
    wanted = count * len(group_in(rig).targets)
    async with asyncio.timeout(20.0):
        while sum(group_in(rig).counts.checks.values()) < wanted or None in checks_in(rig):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("sick", "words"),
    [
        (DOWN, "503"),
        (resets, "the upstream closed the connection"),
        (hangs, "no response within 0.2 s"),
        (b"SSH-2.0-OpenSSH\r\n", "the response is not HTTP/1.x"),
    ],
    ids=["503", "reset", "hang", "no HTTP"],
)
async def test_an_address_that_checks_find_dead_gets_no_requests_until_they_find_it_alive(sick, words):
    async with grouped(2, group=CHECKED) as (rig, backends):
        await until_checked(rig)
        backends[0].script = checked_with(sick)
        await until(rig, "checked_down", "up")
        check = checks_in(rig)[0]
        assert (check["outcome"], check["result"]) == ("failed", words)
        before = served(backends[0])
        caller = await rig.caller()
        for _ in range(6):
            assert (await caller.ask(GET)).status == 200
        assert served(backends[0]) == before

        backends[0].script = ok()
        await until(rig, "up", "up")
        for _ in range(6):
            await caller.ask(GET)
        assert served(backends[0]) == before + 3


async def test_an_address_that_nobody_listens_at_is_found_by_its_first_check():
    async with grouped(2, group=CHECKED) as (rig, backends):
        await until_checked(rig)
        await backends[1].close()
        await until(rig, "up", "checked_down")
        assert checks_in(rig)[1]["result"] == "no connection to the upstream: Connection refused"
        await backends[1].start()
        await until(rig, "up", "up")


async def test_a_check_carries_no_token_names_its_service_and_has_a_connection_of_its_own():
    async with grouped(1, group=CHECKED, route={"has_token": True}) as (rig, backends):
        await until_checked(rig, 3)
        (upstream,) = backends.all
        assert len(upstream.requests) <= upstream.connections
        head = upstream.requests[0].head
        assert head.line == b"GET /health HTTP/1.1"
        assert head.value("Host") == b"127.0.0.1:%d" % upstream.port
        assert head.value("Authorization") is None
        assert head.value("User-Agent").startswith(b"gateway/")


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found"])
async def test_any_status_below_500_is_alive_unless_others_are_expected(status):
    async with grouped(1, checked_with(ok(b"no", status=status)), group=CHECKED) as (rig, _):
        await until_checked(rig, 2)
        assert states(rig) == ["up"]
    strict = {"check": replace(CHECK, expect=frozenset({200}))}
    async with grouped(1, checked_with(ok(b"no", status=status)), group=strict) as (rig, _):
        await until(rig, "checked_down")


async def test_where_all_are_down_requests_go_to_them_all_the_same(caplog):
    async with grouped(2, checked_with(DOWN), group=CHECKED) as (rig, backends):
        await until(rig, "checked_down", "checked_down")
        caller = await rig.caller()
        assert [(await caller.ask(GET)).status for _ in range(4)] == [200] * 4
        assert [served(each) for each in backends.all] == [2, 2]
    said = [each.getMessage() for each in caplog.records if each.name == "gateway.upstreams"]
    assert len(said) == 3  # one for each address, and one about all
    assert said[-1].startswith("upstream orders: every address is down")


async def test_a_backup_serves_while_checks_find_all_others_dead():
    backups = FakeUpstream()
    await backups.start()

    def with_backup(rig):
        group = group_of(at(rig.upstream.port), at(backups.port, is_backup=True), check=CHECK)
        return [route_to(rig, group, has_token=False)]

    async with Rig(checked_with(DOWN), routes=with_backup) as rig:
        await until(rig, "checked_down", "up")
        assert (await rig.get()).status == 200
        assert (served(rig.upstream), served(backups)) == (0, 1)
    await backups.close()


async def test_checks_of_one_address_never_overlap():
    seen = []

    async def slow(exchange):
        seen.append(+1)
        await asyncio.sleep(0.05)
        exchange.write(ok())
        await exchange.gone()
        seen.append(-1)

    async with grouped(1, slow, group=CHECKED) as (rig, _):
        await until_checked(rig, 4)
    assert all(sum(seen[:length]) <= 1 for length in range(len(seen)))


async def test_a_request_tries_an_ejected_address_at_once_that_checks_find_alive_again():
    group = CHECKED | {"eject": EjectSettings(after=1, for_s=60.0)}
    async with grouped(2, group=group) as (rig, backends):
        await until_checked(rig)
        backends[0].script = DOWN
        caller = await rig.caller()
        while not any(each.health.is_out for each in group_in(rig).targets):
            assert (await caller.ask(GET)).status == 200
        await until(rig, "checked_down", "up")
        backends[0].script = ok()
        await until(rig, "ejected", "up")
        assert (await caller.ask(GET)).status == 200
        assert states(rig) == ["up", "up"]


async def test_the_certificate_must_be_for_the_service(tmp_path):
    authority = Authority.make(tmp_path)
    wrong = FakeUpstream()
    await wrong.start(server_context(authority.leaf("other.test")))

    def both(rig):
        service = UpstreamSettings(Scheme.HTTPS, "api.test", 443, ca_file=authority.ca_file)
        places = [
            replace(service, host="127.0.0.1", port=port, server_name="api.test")
            for port in (rig.upstream.port, wrong.port)
        ]
        group = group_of(*(AddressSettings(service, each) for each in places), check=CHECK)
        return [route_to(rig, group, has_token=False)]

    async with Rig(upstream_tls=server_context(authority.leaf("api.test")), routes=both) as rig:
        await until(rig, "up", "checked_down")
        await until_checked(rig)
        well, sick = checks_in(rig)
        assert (well["outcome"], sick["outcome"]) == ("alive", "failed")
        assert "for a name other than" in sick["result"]
        assert rig.upstream.requests[0].head.value("Host") == b"api.test"
    await wrong.close()


async def test_a_unix_socket_is_checked_too(tmp_path):
    def unix(rig):
        place = rig.upstream_settings()
        return [route_to(rig, group_of(AddressSettings(place, place), check=CHECK), has_token=False)]

    async with Rig(routes=unix, upstream_path=str(tmp_path / "a.sock")) as rig:
        await until_checked(rig, 2)
        assert states(rig) == ["up"]


async def test_a_name_is_looked_up_for_its_checks_and_what_comes_and_goes_is_checked_while_it_is_there():
    def named(rig):
        group = group_of(at(rig.upstream.port, "pair.test"), check=CHECK)
        return [route_to(rig, group, has_token=False)]

    with Zone(pair_test=["127.0.0.1", "127.0.0.2"]) as zone:
        async with Rig(routes=named, get_addr_info=zone) as rig:
            await until(rig, "up", "checked_down")  # nothing listens at 127.0.0.2, and no request came
            zone.records["pair.test"] = ["127.0.0.1"]
            while states(rig) != ["up"]:
                await group_in(rig).resolve_anew()
                await asyncio.sleep(0.01)
            zone.records["pair.test"] = ["127.0.0.1", "127.0.0.2"]
            while len(states(rig)) < 2:
                await group_in(rig).resolve_anew()
                await asyncio.sleep(0.01)
            assert states(rig) == ["up", "checked_down"]  # it is remembered


async def test_a_reload_keeps_what_is_known_of_addresses_that_stay():
    async with grouped(3, group=CHECKED) as (rig, backends):
        backends[0].script = checked_with(DOWN)
        await until(rig, "checked_down", "up", "up")
        (route,) = rig.settings.routes
        slower = replace(CHECK, every_s=60.0)
        fewer = replace(route.group, addresses=route.group.addresses[:2], check=slower)
        await rig.gateway.reload(replace(rig.settings, routes=(replace(route, group=fewer),)))
        assert states(rig) == ["checked_down", "up"]
        other = replace(fewer, check=replace(slower, path="/alive"))
        await rig.gateway.reload(replace(rig.settings, routes=(replace(route, group=other),)))
        assert states(rig) == ["up", "up"]  # that question was not asked yet
        unchecked = replace(fewer, check=None)
        await rig.gateway.reload(replace(rig.settings, routes=(replace(route, group=unchecked),)))
        async with asyncio.timeout(20.0):
            while rig.gateway.generations > 1 or rig.gateway.retired._ends:
                await asyncio.sleep(0.02)
        before = [len(each.requests) for each in backends.all]
        await asyncio.sleep(0.1)
        assert [len(each.requests) for each in backends.all] == before
        assert checks_in(rig) == [None, None]


async def test_nothing_is_left_behind_when_a_gateway_ends_in_the_middle_of_checks():
    async with grouped(2, hangs, group=CHECKED) as (rig, backends):
        before = descriptors()
        for each in backends.all:
            await each.until(lambda each=each: each.open)
        await rig.gateway.close()  # the rig looks for tasks
        for each in backends.all:
            await each.until(lambda each=each: not each.open)
        assert descriptors() <= before


async def test_a_group_without_checks_wakes_nobody():
    async with grouped(2) as (rig, backends):
        group = group_in(rig)
        assert group._checks is None
        assert (await rig.get()).status == 200
        assert sum(backends.counts) == 1
        assert rig.gateway.metrics.render().decode().count("gateway_upstream_checks_total{") == 0


async def test_checks_are_counted():
    async with grouped(2, group=CHECKED) as (rig, backends):
        backends[0].script = checked_with(DOWN)
        await until(rig, "checked_down", "up")
        lines = rig.gateway.metrics.render().decode().splitlines()
        assert 'gateway_upstream_targets{state="checked_down",upstream="orders"} 1.0' in lines
        counted = dict(each.rsplit(" ", 1) for each in lines if "upstream_checks_total{" in each)
        assert float(counted['gateway_upstream_checks_total{outcome="failed",upstream="orders"}']) >= 1
