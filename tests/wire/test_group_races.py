"""Addresses of a group that take long to be reached: raced against the next one, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from gateway.core.settings.balance_settings import Balance, BalanceSettings, EjectSettings
from gateway.core.settings.route_settings import Timeouts
from gateway.core.upstreams.signs import Sign
from gateway.upstreams.attempts import HEAD_START_S, Attempts
from tests.net.look_ups import Zone
from tests.net.test_race import black_hole
from tests.wire.certificates import Authority, server_context
from tests.wire.groups import Backends, at, group_of, grouped, route_to
from tests.wire.messages import request
from tests.wire.rig import Rig

GET = request("GET", "/")
HOLE, V6, V4 = "127.0.0.2", "::1", "127.0.0.1"
IN_TURN = BalanceSettings(Balance.ROUND_ROBIN)
PAIR = "pair.test"


def group_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group


def targets_of(rig):
    return {each.id.ip: each for each in group_in(rig).targets}


def to_name(**members):
    def routes(rig):
        return [
            route_to(rig, group_of(at(rig.upstream.port, PAIR), balance=IN_TURN, **members), has_token=False)
        ]

    return routes


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind((V6, 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="needs ::1")


@needs_ipv6
async def test_a_family_that_cannot_be_reached_costs_one_head_start_and_no_request():
    with Zone(pair_test=[V6, V4]) as zone:
        async with Rig(routes=to_name(), get_addr_info=zone) as rig:
            with black_hole(V6, rig.upstream.port):
                answers = [await rig.ask(request("POST", "/", body=b"once")) for _ in range(8)]
            assert [each.status for each in answers] == [200] * 8
            dead = targets_of(rig)[V6]
            assert (dead.failures, dead.health.is_cut_off) == ({Sign.CONNECT: 1}, True)
            assert all(each.running == 0 for each in group_in(rig).targets)


@needs_ipv6
async def test_a_family_that_can_be_reached_again_is_found_by_a_trial():
    with Zone(pair_test=[V6, V4]) as zone:
        brief = EjectSettings(for_s=0.1)
        async with Rig(routes=to_name(eject=brief), get_addr_info=zone) as rig:
            with black_hole(V6, rig.upstream.port):
                while not targets_of(rig) or not targets_of(rig)[V6].health.is_out:
                    assert (await rig.get()).status == 200
            server = await asyncio.start_server(rig.upstream._accept, V6, rig.upstream.port)
            while targets_of(rig)[V6].health.is_out:
                assert (await rig.get()).status == 200
                await asyncio.sleep(0.01)
            server.close()
            assert not targets_of(rig)[V6].health.is_cut_off


async def test_an_address_that_is_never_reached_in_time_is_ejected_like_one_that_refuses():
    with Zone(pair_test=[HOLE, V4]) as zone:
        async with Rig(routes=to_name(eject=EjectSettings(after=2)), get_addr_info=zone) as rig:
            with black_hole(HOLE, rig.upstream.port):
                answers = [await rig.ask(request("POST", "/", body=b"once")) for _ in range(8)]
            assert [each.status for each in answers] == [200] * 8
            dead = targets_of(rig)[HOLE]
            assert (dead.failures, dead.health.is_out) == ({Sign.CONNECT: 2}, True)
            assert not dead.health.is_cut_off


async def test_a_server_that_was_reached_has_its_time_for_tls(tmp_path):
    """A handshake that takes long is no reason for a second one elsewhere."""
    authority = Authority.make(tmp_path)
    accepted = asyncio.Queue()
    slow = await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), V4, 0)
    backends = Backends(1)
    await backends[0].start(server_context(authority.leaf(V4)))
    ports = (slow.sockets[0].getsockname()[1], backends[0].port)

    def routes(rig):
        group = group_of(*(at(port, ca_file=authority.ca_file) for port in ports), balance=IN_TURN)
        return [route_to(rig, group, has_token=False)]

    async with Rig(routes=routes) as rig:
        asked = asyncio.create_task(rig.get())
        writer = await accepted.get()
        await asyncio.sleep(2 * HEAD_START_S)
        assert backends[0].connections == 0
        writer.transport.abort()
        assert (await asked).status == 200
        assert backends[0].connections == 1
    slow.close()
    await backends[0].close()


async def test_a_backup_is_not_raced():
    """It serves only when the others have failed, and one that takes long has not."""

    def routes(rig):
        group = group_of(at(rig.upstream.port, HOLE), at(rig.upstream.port, V4, is_backup=True))
        timeouts = Timeouts(connect_s=4 * HEAD_START_S, response_s=20.0, idle_s=20.0)
        return [route_to(rig, group, has_token=False, timeouts=timeouts)]

    async with Rig(routes=routes) as rig:
        with black_hole(HOLE, rig.upstream.port):
            began_s = time.monotonic()
            assert (await rig.get()).status == 200
            assert time.monotonic() - began_s >= 1.9 * HEAD_START_S


@pytest.mark.parametrize("share", [0.0, 0.5, 1.5])
async def test_a_caller_who_leaves_during_a_race_leaves_nothing_behind(share):
    def routes(rig):
        group = group_of(at(rig.upstream.port, HOLE), at(rig.upstream.port, "127.0.0.3"), balance=IN_TURN)
        return [route_to(rig, group, has_token=False)]

    async with Rig(routes=routes) as rig:
        with black_hole(HOLE, rig.upstream.port), black_hole("127.0.0.3", rig.upstream.port):
            caller = await rig.caller()
            await caller.send(GET)
            await rig.works_on(1)
            await asyncio.sleep(share * HEAD_START_S)
            caller.leave()
            while any(each.running for each in group_in(rig).targets):
                await asyncio.sleep(0.001)
        assert [(each.running, each.failures) for each in group_in(rig).targets] == [(0, {})] * 2


async def test_of_two_that_are_reached_together_one_serves_and_the_other_is_closed():
    async with grouped(2) as (rig, backends):
        group = group_in(rig)
        with Attempts() as attempts:
            for each in group.targets:
                attempts.begin(each, 10.0)
            while not all(task.done() for task in attempts._running):
                await asyncio.sleep(0.001)
            target, connection = await attempts.first()
        await backends[1].until(lambda: backends[1].connections == 1 and backends[1].open == 0)
        assert (target, connection.is_open, attempts.overtaken) == (group.targets[0], True, [])
        assert [each.running for each in group.targets] == [1, 0]
        target.pool.release(connection)
