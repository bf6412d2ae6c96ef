"""A worker accepts from the sockets of a slot that has no worker for the moment, and lets go of them later."""

from __future__ import annotations

import asyncio
import socket

from gateway.app import Gateway
from gateway.core.settings.listener_settings import Address
from gateway.crew.berths import bound
from gateway.crew.held import HeldSockets, SlotSockets, where_of
from gateway.net.inherited_sockets import InheritedSockets
from tests.config.documents import load_text
from tests.wire.caller import RawCaller
from tests.wire.messages import request
from tests.wire.servers import FakeUpstream


def two_sockets():
    return bound(socket.AF_INET, 0, ("127.0.0.1", 0), 2)


async def test_callers_behind_an_adopted_socket_are_served_and_stay_when_it_is_let_go():
    upstream = FakeUpstream()
    await upstream.start()
    own, others = two_sockets()
    port = own.getsockname()[1]
    text = f"listen: 127.0.0.1:{port}\nadmin: off\nlog: {{access: off}}\n"
    settings = load_text(f"{text}routes: [{{path: /, upstream: 'http://127.0.0.1:{upstream.port}'}}]\n")
    gateway = Gateway(settings, inherited=SlotSockets([own]))
    await gateway.start()
    callers = [await RawCaller.connect(Address("127.0.0.1", port)) for _ in range(24)]
    for caller in callers:
        await caller.send(request("GET", "/"))
    gateway.doors.adopt(1, [others.dup()])
    assert {(await caller.answer()).status for caller in callers} == {200}

    gateway.doors.let_go(1)
    gateway.doors.let_go(1)
    for caller in callers:  # whose connections were accepted here
        await caller.send(request("GET", "/"))
    assert {(await caller.answer()).status for caller in callers} == {200}
    waiting = [await RawCaller.connect(Address("127.0.0.1", port)) for _ in range(24)]
    accepted = await asyncio.gather(*(is_served(caller) for caller in waiting))
    assert {True, False} == set(accepted)  # those of the other queue wait for its own worker
    for caller in (*callers, *waiting):
        await caller.close()
    await gateway.close(grace_s=0.0)
    own.close()
    others.close()
    await upstream.close()


async def is_served(caller):
    await caller.send(request("GET", "/"))
    try:
        async with asyncio.timeout(0.5):
            return (await caller.answer()).status == 200
    except TimeoutError:
        return False


async def test_sockets_of_an_address_that_is_not_served_are_closed():
    settings = load_text(
        "listen: 127.0.0.1:0\nadmin: off\nroutes: [{path: /, upstream: 'http://127.0.0.1:1'}]\n"
    )
    gateway = Gateway(settings)
    await gateway.start()
    one, other = two_sockets()
    gateway.doors.adopt(1, [one])
    assert one.fileno() == -1
    await gateway.close(grace_s=0.0)
    other.close()


def test_the_supervisor_holds_each_place_once_and_closes_what_is_not_wanted():
    held = HeldSockets(InheritedSockets())
    pair, again = two_sockets(), two_sockets()
    place = where_of(pair[0])
    held.hold(place, pair, 0, 0)
    held.hold(place, again, 0, 0)
    assert [sock.fileno() for sock in again] == [-1, -1]
    assert held.of_slot(1) == held.own_of_slot(1) == [pair[1]]
    held.only([place])
    assert held.places == {place}
    held.only([])
    assert [sock.fileno() for sock in pair] == [-1, -1]


def test_what_the_service_manager_lent_is_for_all_and_stays():
    (lent,) = bound(socket.AF_INET, 0, ("127.0.0.1", 0), 1)
    held = HeldSockets(InheritedSockets([lent]))
    held.only([])
    assert held.of_slot(0) == held.of_slot(1) == [lent]
    assert held.own_of_slot(0) == []
    lent.close()
