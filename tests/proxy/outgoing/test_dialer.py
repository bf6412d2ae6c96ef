"""From a service to its addresses: moved names, black holes, names that do not resolve, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import (
    UpstreamConnectTimeout,
    UpstreamNameUnresolved,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.resolution import RENEW_S, REPEAT_S
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.net.race import DELAY_S
from gateway.net.resolver import Resolver
from tests.net.look_ups import Zone
from tests.net.test_race import HOLE, NOBODY, OTHER, WELL, black_hole, descriptors, settle
from tests.oauth.certificates import make_certificate
from tests.proxy.outgoing.test_pool import OK, WAIT_S, exchange, pool


class Stage(Zone):
    """A zone whose names lead to servers on one port of several loopback addresses.

    Attributes:
        taken: by address, the writers of the connections that came.
    """

    def __init__(self, port, **records):
        super().__init__(**records)
        self.port = port
        self.now_s = time.monotonic()
        self.resolver = Resolver(None, self, lambda: self.now_s)
        self.taken = {}
        self.servers = []
        self.readers = []
        self.writers = []

    def service(self, name="api", **more):
        return UpstreamSettings(Scheme.HTTP, name, self.port, **more)

    async def serve(self, address, **options):
        taken = self.taken[address] = asyncio.Queue()

        def accept(reader, writer):
            self.readers.append(reader)
            self.writers.append(writer)
            taken.put_nowait(writer)

        server = await asyncio.start_server(accept, address, self.port, **options)
        self.servers.append(server)

    async def took(self, address):
        async with asyncio.timeout(WAIT_S):
            return await self.taken[address].get()

    async def moved(self, pool, name, *addresses):
        """The name has other addresses, and that is found out before anything was idle for too long."""
        self.records[name] = addresses
        self.now_s += RENEW_S
        known = self.resolver.name(name)
        pool._dialer.use(self.now_s)
        await known.find_anew(WAIT_S)


@asynccontextmanager
async def stage(*addresses, **records):
    """Servers at `addresses`, on one port."""
    with socket.socket() as reserved:
        reserved.bind((WELL, 0))
        port = reserved.getsockname()[1]
    with Stage(port, **records) as made:
        try:
            for address in addresses:
                await made.serve(address)
            yield made
        finally:
            for server in made.servers:
                server.close()
            for writer in made.writers:
                writer.transport.abort()
            await settle()


async def busy(made, at, address):
    """A connection in the middle of an exchange that has had its answer, and its other end."""
    connection = await made.connect(WAIT_S)
    writer = await at.took(address)
    await exchange(connection, writer)
    return connection, writer


# ── which of several addresses ────────────────────────────────────────────────────────────────────


async def test_a_black_hole_costs_a_delay_once():
    """A dead first address, as IPv6 without a route is."""
    async with stage(WELL, api=[HOLE, WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        with black_hole(HOLE, at.port):
            took_s = []
            for _ in range(3):
                began_s = time.monotonic()
                connection = await made.connect(WAIT_S)
                took_s.append(time.monotonic() - began_s)
                assert connection.address == WELL
    assert took_s[0] >= DELAY_S - 0.01
    assert max(took_s[1:]) < DELAY_S


async def test_what_no_longer_answers_leads_to_the_next():
    async with stage(OTHER, WELL, api=[WELL, OTHER]) as at, pool(at.service(), resolver=at.resolver) as made:
        assert (await made.connect(WAIT_S)).address == WELL
        at.resolver.name("api").reached(NOBODY)  # gone: not among them
        at.records["api"] = [NOBODY, OTHER]
        at.now_s += RENEW_S
        await at.resolver.name("api").find_anew(WAIT_S)
        assert (await made.connect(WAIT_S)).address == OTHER


async def test_an_address_that_hangs_in_the_handshake_is_tried_last_next_time(tmp_path):
    """It takes the connection, so no race knows: the time-out does."""
    files = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    async with stage(HOLE, api=[HOLE, WELL]) as at:
        await at.serve(WELL, ssl=context)
        settings = UpstreamSettings(Scheme.HTTPS, "api", at.port, ca_file=str(files[0]))
        async with pool(settings, resolver=at.resolver) as made:
            with pytest.raises(UpstreamConnectTimeout, match="no connection"):
                await made.connect(0.3)
            with pytest.raises(UpstreamTlsFailed, match="another name"):  # it is for 127.0.0.1
                await made.connect(WAIT_S)


async def test_a_caller_who_leaves_in_the_handshake_changes_no_order():
    async with stage(HOLE, api=[HOLE, WELL]) as at:
        settings = UpstreamSettings(Scheme.HTTPS, "api", at.port)
        async with pool(settings, resolver=at.resolver) as made:
            leaves = asyncio.create_task(made.connect(WAIT_S))
            await at.took(HOLE)
            await at.readers[0].readexactly(1)  # of the handshake
            leaves.cancel()
            await asyncio.wait((leaves,))
        assert at.resolver.name("api").addresses == (HOLE, WELL)


async def test_all_that_refuse_are_told_as_that_and_at_once():
    before = descriptors()
    async with stage(api=[WELL, OTHER, NOBODY]) as at, pool(at.service(), resolver=at.resolver) as made:
        at.hold("never")
        began_s = time.monotonic()
        with pytest.raises(UpstreamUnreachable, match="Connection refused"):
            await made.connect(WAIT_S)
        assert time.monotonic() - began_s < DELAY_S
    assert descriptors() <= before + 1


@pytest.mark.parametrize("after_s", [0.0, 0.01, DELAY_S - 0.002, DELAY_S, DELAY_S + 0.002])
async def test_callers_who_leave_while_it_connects_leave_nothing_behind(after_s):
    async with stage(WELL, api=[HOLE, WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        with black_hole(HOLE, at.port):
            before = descriptors()
            tasks = [asyncio.create_task(made.connect(WAIT_S)) for _ in range(4)]
            await asyncio.sleep(after_s)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for connection in list(made._all):
                connection.abort()
            await settle()
            for writer in at.writers:
                writer.transport.abort()
            await settle()
            assert descriptors() <= before


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


async def test_addresses_and_sockets_never_touch_the_resolver(tmp_path):
    path = str(tmp_path / "socket")
    server = await asyncio.start_unix_server(lambda _, writer: writer.transport.abort(), path)
    async with stage(WELL) as at:
        services = [at.service(WELL), UpstreamSettings(Scheme.UNIX, "localhost", 80, path)]
        for service in services:
            async with pool(service, resolver=at.resolver) as made:
                await made.connect(WAIT_S)
                made.sweep(time.monotonic())
        assert (at.asked, at.resolver._names) == ([], {})
    server.close()
    await settle()


async def test_a_name_that_does_not_resolve_says_so():
    async with stage() as at, pool(at.service(), resolver=at.resolver) as made:
        with pytest.raises(UpstreamNameUnresolved):
            await made.connect(WAIT_S)


async def test_a_name_whose_look_up_hangs_is_too_slow_and_lands_for_the_next():
    async with stage(WELL, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        at.hold("api")
        with pytest.raises(UpstreamConnectTimeout, match="name was not resolved in time"):
            await made.connect(0.01)
        at.let_go("api")
        await made.connect(WAIT_S)
        assert at.asked == ["api"]


async def test_a_service_that_is_at_none_of_its_addresses_is_looked_up_anew_first():
    async with stage(OTHER, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        await at.resolver.name("api").find()
        at.records["api"] = [OTHER]
        at.now_s += REPEAT_S
        assert (await made.connect(WAIT_S)).address == OTHER
        assert at.asked == ["api"] * 2


async def test_a_connect_that_takes_too_long_has_the_name_looked_up_for_the_next():
    async with stage(OTHER, api=[HOLE]) as at, pool(at.service(), resolver=at.resolver) as made:
        with black_hole(HOLE, at.port):
            await at.resolver.name("api").find()
            at.records["api"] = [OTHER]
            at.now_s += REPEAT_S
            with pytest.raises(UpstreamConnectTimeout):
                await made.connect(0.05)
            await at.resolver.name("api").find_anew(WAIT_S)
            assert (await made.connect(WAIT_S)).address == OTHER
            assert at.asked == ["api"] * 2


# ── a name that moved ─────────────────────────────────────────────────────────────────────────────


async def test_idle_connections_to_an_address_that_is_gone_are_closed_and_running_ones_end():
    async with stage(WELL, OTHER, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        idle, _ = await busy(made, at, WELL)
        running, end = await busy(made, at, WELL)
        made.release(idle)
        running.begin(is_head=False)
        running.request_is_sent = True
        await at.moved(made, "api", OTHER)

        assert (idle.is_open, running.is_open, made.idle_connection()) == (False, True, None)
        happens = running.happens()
        end.write(OK)
        async with asyncio.timeout(WAIT_S):
            await happens
        running.check()
        made.release(running)
        assert (running.is_open, made.idle_connection()) == (False, None)
        assert (await made.connect(WAIT_S)).address == OTHER


async def test_connections_to_an_address_that_stays_are_kept():
    async with stage(WELL, OTHER, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        stays, _ = await busy(made, at, WELL)
        made.release(stays)
        await at.moved(made, "api", OTHER, WELL)
        assert made.idle_connection() is stays
        assert (await made.connect(WAIT_S)).address == WELL


async def test_a_connection_that_was_opened_while_the_name_moved_serves_one_exchange():
    async with stage(WELL, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        name = at.resolver.name("api")
        await name.find()
        opening = asyncio.create_task(made.connect(WAIT_S))
        await asyncio.sleep(0)
        at.records["api"] = [OTHER]
        name._known = name._known.__class__((OTHER,))
        connection = await opening
        assert (connection.address, connection.is_outdated) == (WELL, True)
        await exchange(connection, await at.took(WELL))
        made.release(connection)
        assert made.idle_connection() is None


async def test_a_pool_with_connections_keeps_its_name_fresh_and_one_without_does_not():
    async with stage(WELL, api=[WELL]) as at, pool(at.service(), resolver=at.resolver) as made:
        connection, _ = await busy(made, at, WELL)
        for looked_up in (2, 3, 4):
            at.now_s += RENEW_S
            made.sweep(at.now_s)
            await at.until(lambda: len(at.asked) == looked_up)  # noqa: B023 - awaited here
            await at.resolver.name("api").find_anew(WAIT_S)
        assert len(at.asked) == 4
        connection.abort()
        await settle()
        at.now_s += RENEW_S
        made.sweep(at.now_s)
        assert at.resolver.name("api").flight is None


async def test_a_pool_that_was_closed_is_told_of_no_move():
    async with stage(WELL, api=[WELL]) as at:
        async with pool(at.service(), resolver=at.resolver) as made:
            await made.connect(WAIT_S)
        assert not at.resolver.name("api").is_watched
