"""A gateway that goes on under other settings: what is alike stays, what is gone ends with its last exchange."""

import asyncio
import socket
import threading
from dataclasses import replace

import pytest

from gateway.core.settings.all_settings import LogSettings
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.generation import CannotChange
from gateway.listening import CannotListen
from gateway.observe.sweeper import SWEEP_S
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig


def others(rig, **members):
    return replace(rig.settings, **members)


async def until_alone(rig):
    """Wait until only the newest generation is in use, and those before it are closed."""
    async with asyncio.timeout(20.0):
        while rig.gateway.generations > 1 or rig.gateway.retired._ends:
            await asyncio.sleep(SWEEP_S / 5)


async def test_a_kept_connection_takes_the_new_routes_with_its_next_request():
    async with Rig(routes=lambda rig: [rig.route("/old", has_token=False)]) as rig:
        caller = await rig.caller()
        before = [(await caller.ask(request("GET", path))).status for path in ("/old", "/new")]
        await rig.gateway.reload(others(rig, routes=(rig.route("/new", has_token=False),)))
        after = [(await caller.ask(request("GET", path))).status for path in ("/old", "/new")]

    assert (before, after) == ([200, 404], [404, 200])


async def test_a_client_that_stays_keeps_its_token_and_requests_none():
    async with Rig() as rig:
        await rig.gateway.reload(others(rig, routes=(rig.route("/"), rig.route("/more"))))
        assert (await rig.get("/more")).status == 200
        await until_alone(rig)

        assert len(rig.authorization_server.requests) == 1


async def test_a_client_that_changed_requests_a_token_of_its_own():
    async with Rig() as rig:
        client = replace(rig.settings.clients[rig.grant.client], default_lifetime_s=77.0)
        await rig.gateway.reload(others(rig, clients={rig.grant.client: client}))
        await rig.told.until(lambda: len(rig.told.obtained) == 2)
        assert (await rig.get("/")).status == 200
        await until_alone(rig)

        tokens = [each.head.value("Authorization") for each in rig.upstream.requests]
    assert tokens == [b"Bearer token_2"]


async def test_an_upstream_that_stays_keeps_its_idle_connections():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
        await rig.get("/")
        await rig.gateway.reload(others(rig, routes=(rig.route("/x", has_token=False),)))
        await rig.get("/x")
        await until_alone(rig)

        assert rig.upstream.connections == 1


async def test_a_running_request_ends_on_the_route_that_it_began_on():
    let = asyncio.Event()

    async def slow(exchange):
        await let.wait()
        exchange.write(ok(b"late but whole"))

    async with Rig(slow, routes=lambda rig: [rig.route("/old", has_token=False)]) as rig:
        caller = await rig.caller()
        asked = asyncio.create_task(caller.ask(request("GET", "/old")))
        await rig.upstream.until(lambda: rig.upstream.requests)
        await rig.gateway.reload(others(rig, routes=()))
        generations = rig.gateway.generations
        let.set()
        answer = await asked
        await until_alone(rig)
        next_status = (await caller.ask(request("GET", "/old"))).status

    assert (generations, answer.status, answer.body, next_status) == (2, 200, b"late but whole", 404)


async def test_a_listener_that_is_gone_ends_each_connection_with_its_answer():
    let = asyncio.Event()

    async def slow(exchange):
        await let.wait()
        exchange.write(ok(b"last"))

    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with Rig(slow, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        idle, busy = await rig.caller(), await rig.caller()
        asked = asyncio.create_task(busy.ask(request("GET", "/")))
        await rig.upstream.until(lambda: rig.upstream.requests)
        elsewhere = ListenerSettings(Address("127.0.0.1", port))
        await rig.gateway.reload(others(rig, listeners=(elsewhere,)))
        assert await idle.rest() == b""
        let.set()
        answer = await asked

        assert (answer.body, answer.head.value("Connection")) == (b"last", b"close")
        assert await busy.rest() == b""
        assert [str(each) for each in rig.gateway.addresses] == [f"127.0.0.1:{port}"]


async def test_who_waits_in_the_queue_of_a_listener_that_is_gone_is_served():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
        sockets = [socket.create_connection(("127.0.0.1", rig.address.port)) for _ in range(100)]
        for each in sockets:
            each.sendall(request("GET", "/"))
        # Nothing has been accepted: the loop has had no turn.
        await rig.gateway.reload(others(rig, listeners=(ListenerSettings(Address("127.0.0.2", 0)),)))
        answers = [await asyncio.to_thread(_read_to_end, each) for each in sockets]

    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)


def _read_to_end(sock):
    with sock:
        sock.settimeout(20.0)
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


async def test_a_port_that_is_taken_changes_nothing(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
            theirs = ListenerSettings(Address("127.0.0.1", taken.getsockname()[1]))
            log = LogSettings(access=str(tmp_path / "log"))
            settings = others(rig, listeners=(ListenerSettings(LOOPBACK), theirs), routes=(), log=log)
            with pytest.raises(CannotListen, match="in use"):
                await rig.gateway.reload(settings)

            assert (await rig.get("/")).status == 200
            assert rig.gateway.generations == 1
            assert log.access not in " ".join(thread.name for thread in threading.enumerate())


async def test_what_cannot_change_is_refused_by_name():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
        with pytest.raises(CannotChange, match="admin"):
            await rig.gateway.reload(others(rig, admin=Address("127.0.0.1", 1), routes=()))

        assert (await rig.get("/")).status == 200


async def test_a_port_that_was_any_and_is_named_now_stays():
    async with Rig(routes=lambda rig: [rig.route(has_token=False)]) as rig:
        caller, address = await rig.caller(), rig.address
        await rig.gateway.reload(
            others(rig, listeners=(ListenerSettings(address), ListenerSettings(LOOPBACK)))
        )

        assert (await caller.ask(request("GET", "/"))).status == 200
        first, second = rig.gateway.addresses
        assert (first, second != first) == (address, True)
