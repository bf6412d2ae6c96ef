"""Names over real DNS packets, from a group in the gateway to the servers that they lead to.

Collected by `test_names_over_dns` only: it needs a network where port 53 is its own.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from gateway.core.resolution import EARLY_S, GRACE_S, HALVES_S
from gateway.core.settings.balance_settings import Balance, BalanceSettings
from gateway.core.settings.route_settings import Timeouts
from gateway.core.upstreams.signs import Sign
from tests.net.name_server import (
    AAAA,
    EMPTY,
    NO_SUCH_NAME,
    REFUSED,
    SERVER_FAILURE,
    SILENT,
    NameServer,
)
from tests.net.name_server import at as leads_to
from tests.net.test_race import black_hole
from tests.processes import running
from tests.wire.caller import RawCaller
from tests.wire.groups import at, group_of, route_to
from tests.wire.messages import request
from tests.wire.rig import Rig
from tests.wire.servers import FakeUpstream

GET = request("GET", "/")
OLD, NEW, DEAD = "127.0.0.1", "127.0.0.2", "127.0.0.9"
API = "api.test"
RESOLVE_S = 0.2
LONG_S = 10.0
CALLERS = 8
IN_TURN = BalanceSettings(Balance.ROUND_ROBIN)
QUICK = Timeouts(connect_s=0.3, response_s=20.0, idle_s=20.0)
FAMILY = "gateway_name_resolution_failures_total"


@asynccontextmanager
async def scene(said, *, resolve_s=RESOLVE_S, names=(API,), route=None, **members):
    """A rig whose upstream is at `OLD`, and a route to a group of `names`; what is said of api.test."""

    def to_group(rig):
        group = group_of(*(at(rig.upstream.port, name) for name in names), resolve_s=resolve_s, **members)
        return [route_to(rig, group, **({"has_token": False} | (route or {})))]

    async with NameServer(api_test=said) as names_server, Rig(routes=to_group) as rig:
        yield rig, names_server


@asynccontextmanager
async def also_at(rig, host):
    """Another server, on the same port of another address."""
    other = FakeUpstream()
    other.port = rig.upstream.port
    await other.start(host=host)
    try:
        yield other
    finally:
        await other.close()


def failures(rig, outcome, name=API):
    """How many look-ups failed in this way, as the metrics tell it."""
    start = f'{FAMILY}{{name="{name}",outcome="{outcome}"}} '
    lines = rig.gateway.metrics.render().decode().splitlines()
    return next(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def group_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group


def close_idle(rig):
    """Have the next request open a connection, as after `pool.IDLE_TIMEOUT_S` of silence."""
    for each in group_in(rig).targets:
        each.pool.close_idle()


@asynccontextmanager
async def under_load(callers):
    """Have callers ask one request after the other meanwhile; the statuses that they get."""
    statuses = []

    async def asks(caller):
        while not is_over.is_set():
            statuses.append((await caller.ask(GET)).status)
            await asyncio.sleep(0.001)

    is_over = asyncio.Event()
    asking = [asyncio.create_task(asks(each)) for each in callers]
    try:
        yield statuses
    finally:
        is_over.set()
        await asyncio.gather(*asking)


async def follow(name_server, moved):
    """Have the name lead to `NEW`, and give how long it takes until all requests go there."""
    name_server.says[API] = leads_to(NEW)
    moved_at_s = time.monotonic()
    async with asyncio.timeout(LONG_S):
        await moved.until(lambda: len(moved.requests) > 16)
    return time.monotonic() - moved_at_s


# ── a name that moves ─────────────────────────────────────────────────────────────────────────────


async def test_under_load_requests_follow_a_name_and_none_is_lost():
    async with scene(leads_to(OLD)) as (rig, name_server), also_at(rig, NEW) as moved:
        async with under_load([await rig.caller() for _ in range(CALLERS)]) as statuses:
            await rig.upstream.until(lambda: len(rig.upstream.requests) > 100)
            took_s = await follow(name_server, moved)
            at_old = len(rig.upstream.requests)
            await moved.until(lambda: len(moved.requests) > 200)
        assert set(statuses) == {200}
        assert took_s <= RESOLVE_S + 1
        assert len(rig.upstream.requests) <= at_old + CALLERS  # what was on its way
        assert rig.upstream.open == 0  # what was idle was closed
        assert {each.head.value("Host") for each in moved.requests} == {b"api.test:%d" % moved.port}


async def test_a_process_follows_a_name_as_its_file_says_and_loses_no_request(tmp_path):
    old, moved = FakeUpstream(), FakeUpstream()
    await old.start(host=OLD)
    moved.port = old.port
    await moved.start(host=NEW)
    api = {"addresses": [f"http://api.test:{old.port}"], "resolve": "1s"}
    document = {"upstreams": {"api": api}, "routes": [{"path": "/", "upstream": "api"}]}
    async with NameServer(api_test=leads_to(OLD)) as name_server, running(tmp_path, document) as gateway:
        callers = [await RawCaller.connect(gateway.address) for _ in range(CALLERS)]
        async with under_load(callers) as statuses:
            await old.until(lambda: len(old.requests) > 100)
            took_s = await follow(name_server, moved)
            at_old = len(old.requests)
            await moved.until(lambda: len(moved.requests) > 200)
        for each in callers:
            await each.close()
    assert set(statuses) == {200}
    assert took_s <= 1 + 1
    assert len(old.requests) <= at_old + CALLERS
    await old.close()
    await moved.close()


async def test_after_a_silence_a_request_goes_to_where_the_name_leads_by_then():
    """Both addresses serve, so nothing but a fresh answer tells the old from the new."""
    async with scene(leads_to(OLD)) as (rig, name_server), also_at(rig, NEW) as moved:
        assert (await rig.get()).status == 200
        close_idle(rig)
        name_server.says[API] = leads_to(NEW)
        await asyncio.sleep(RESOLVE_S + GRACE_S)  # nobody calls
        assert name_server.times(API) == 1
        assert (await rig.get()).status == 200
        assert len(moved.requests) == 1


async def test_an_address_that_dies_as_the_name_moves_costs_no_request():
    async with scene(leads_to(OLD), resolve_s=600.0) as (rig, name_server), also_at(rig, NEW) as moved:
        assert (await rig.get()).status == 200
        await asyncio.sleep(2 * EARLY_S)
        name_server.says[API] = leads_to(NEW)
        await rig.upstream.close()
        answers = await asyncio.gather(*(rig.ask(request("POST", "/", body=b"once")) for _ in range(8)))
        assert [each.status for each in answers] == [200] * 8
        assert len(moved.requests) == 8


async def test_an_address_that_falls_silent_as_the_name_moves_costs_no_request():
    async with scene(leads_to(OLD), resolve_s=600.0) as (rig, name_server), also_at(rig, NEW) as moved:
        assert (await rig.get()).status == 200
        await asyncio.sleep(2 * EARLY_S)
        await rig.upstream.close()
        with black_hole(OLD, rig.upstream.port):
            name_server.says[API] = leads_to(NEW)
            async with asyncio.timeout(LONG_S):
                answers = await asyncio.gather(*(rig.get() for _ in range(4)))
        assert [each.status for each in answers] == [200] * 4
        assert len(moved.requests) == 4


async def test_of_two_addresses_a_dead_one_costs_no_request():
    async with scene(leads_to(DEAD, OLD), balance=IN_TURN) as (rig, _):
        answers = [await rig.ask(request("POST", "/", body=b"once")) for _ in range(6)]
        assert [each.status for each in answers] == [200] * 6


async def test_ipv6_that_leads_nowhere_costs_a_head_start_once_and_no_request():
    async with scene(leads_to("::1", OLD), balance=IN_TURN) as (rig, _):
        with black_hole("::1", rig.upstream.port):
            answers = [await rig.ask(request("POST", "/", body=b"once")) for _ in range(6)]
        assert [each.status for each in answers] == [200] * 6
        assert sum(each.failures.get(Sign.CONNECT, 0) for each in group_in(rig).targets) == 1


async def test_an_address_that_comes_back_is_as_sick_as_it_was():
    async with scene(leads_to(DEAD, OLD), balance=IN_TURN) as (rig, name_server):
        group = group_in(rig)
        caller = await rig.caller()
        while not any(each.health.is_out for each in group.targets):
            assert (await caller.ask(GET)).status == 200
        for said in (leads_to(OLD), leads_to(DEAD, OLD)):
            name_server.says[API] = said
            while len(group.targets) != len(said.addresses):
                assert (await caller.ask(GET)).status == 200
                await asyncio.sleep(0.01)
        assert {each.id.ip: each.health.is_out for each in group.targets} == {DEAD: True, OLD: False}


# ── what a name server says, at the start and later ───────────────────────────────────────────────

NOWHERE = [
    pytest.param(NO_SUCH_NAME, "absent", id="NXDOMAIN"),
    pytest.param(EMPTY, "absent", id="empty"),
    pytest.param(SERVER_FAILURE, "failed", id="SERVFAIL"),
    pytest.param(REFUSED, "failed", id="REFUSED"),
]


@pytest.mark.parametrize(("said", "outcome"), NOWHERE)
async def test_at_the_start_a_name_that_leads_nowhere_is_told_at_once(said, outcome):
    async with scene(said) as (rig, name_server):
        answers = [await rig.get() for _ in range(3)]
        assert {(each.status, each.code) for each in answers} == {(502, "upstream_name_unresolved")}
        assert failures(rig, outcome) == name_server.times(API) == 1  # at most once a second


@pytest.mark.parametrize(("said", "outcome"), [*NOWHERE, pytest.param(SILENT, "failed", id="silence")])
async def test_later_it_keeps_its_addresses_and_may_move_again(said, outcome):
    async with scene(leads_to(OLD)) as (rig, name_server), also_at(rig, NEW) as moved:
        caller = await rig.caller()
        assert (await caller.ask(GET)).status == 200
        name_server.says[API] = said
        while not failures(rig, outcome):
            assert (await caller.ask(GET)).status == 200
            await asyncio.sleep(0.01)
        close_idle(rig)
        assert (await caller.ask(GET)).status == 200  # on a new connection
        name_server.says[API] = leads_to(NEW)
        while not moved.requests:
            assert (await caller.ask(GET)).status == 200
            await asyncio.sleep(0.01)


async def test_at_the_start_a_silent_name_server_is_waited_for_as_long_as_a_connection_may_take():
    async with scene(SILENT, route={"timeouts": QUICK}) as (rig, name_server):
        answer = await rig.get()
        assert (answer.status, answer.code) == (504, "upstream_connect_timeout")
        assert name_server.times(API) == 1


async def test_a_name_server_that_says_nothing_of_ipv6_delays_the_first_request_by_half_a_second():
    """The C library waits for both answers, with these options 3 s, with its own 15 s and more."""
    async with scene(leads_to(OLD, silent=(AAAA,))) as (rig, name_server), also_at(rig, NEW) as moved:
        began_s = time.monotonic()
        assert (await rig.get()).status == 200
        assert HALVES_S - 0.01 <= time.monotonic() - began_s < HALVES_S + 2
        name_server.says[API] = leads_to(NEW, silent=(AAAA,))
        caller = await rig.caller()
        began_s = time.monotonic()
        while not moved.requests:
            assert (await caller.ask(GET)).status == 200
            await asyncio.sleep(0.01)
        assert time.monotonic() - began_s <= RESOLVE_S + HALVES_S + 1


async def test_a_name_that_fails_holds_up_nobody_where_another_leads_anywhere():
    names = ("sick.test", API)
    async with scene(leads_to(OLD), names=names, balance=IN_TURN) as (rig, name_server):
        name_server.says["sick.test"] = SILENT
        began_s = time.monotonic()
        assert [(await rig.get()).status for _ in range(8)] == [200] * 8
        assert time.monotonic() - began_s < 4.0


async def test_an_answer_that_does_not_fit_into_a_packet_comes_by_tcp():
    async with scene(leads_to(OLD, is_cut=True)) as (rig, name_server):
        assert (await rig.get()).status == 200
        assert name_server.asked_by_tcp > 0
