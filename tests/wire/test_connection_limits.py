"""More connections than there may be: refused with a word, counted, told once; and room again afterwards.

Threats "one caller starves all" and "a connection that outlives its end".
"""

import asyncio
import logging
import os
import resource
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.proxy.census import Excess
from tests.wire.certificates import Authority
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig

TWO = Limits(connections=2, head_timeout_s=20.0)


def census(rig):
    return rig.gateway.census


async def count_is(rig, count):
    async with asyncio.timeout(50.0):
        while census(rig).open != count:
            await asyncio.sleep(0.01)


async def filled(rig):
    """As many callers as there may be, each of whom was served."""
    callers = [await rig.caller() for _ in range(census(rig).most)]
    for caller in callers:
        assert (await caller.ask(request("GET", "/"))).status == 200
    return callers


async def test_a_connection_too_many_is_answered_503_and_closed():
    async with Rig(limits=TWO) as rig:
        callers = await filled(rig)
        refused = await rig.caller()
        answer = await refused.ask(request("GET", "/"))

        assert (answer.status, answer.code, answer.closes) == (503, "too_many_connections", True)
        assert answer.head.value("Retry-After") == b"1"
        assert await refused.rest() == b""
        assert (await callers[0].ask(request("GET", "/"))).status == 200
        assert census(rig).refused[Excess.CONNECTIONS] == 1
        assert (
            'gateway_connections_refused_total{reason="connections"} 1.0'
            in rig.gateway.metrics.render().decode()
        )


async def test_a_caller_who_sends_a_long_request_in_parts_reads_the_503():
    """The answer is there before it is done sending; the connection must not be reset at once."""
    async with Rig(limits=TWO) as rig:
        await filled(rig)
        refused = await rig.caller()
        await refused.send(b"POST / HTTP/1.1\r\nHost: a\r\n")
        await asyncio.sleep(0.1)
        await refused.send(b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000)
        await asyncio.sleep(0.1)
        await refused.send(b"x" * 50_000)

        assert (await refused.answer("POST")).status == 503


@pytest.mark.parametrize("how", ["closes", "leaves"])
async def test_who_goes_makes_room(how):
    async with Rig(limits=TWO) as rig:
        for _ in range(5):
            callers = await filled(rig)
            for caller in callers:
                if how == "leaves":
                    caller.leave()
                else:
                    await caller.close()
            await count_is(rig, 0)


async def test_refusals_are_counted_each_and_told_once(caplog):
    async with Rig(limits=TWO) as rig:
        await filled(rig)
        with caplog.at_level(logging.WARNING, logger="gateway.connections"):
            for _ in range(40):  # more than linger at once
                assert (await rig.get("/")).status == 503

        assert census(rig).refused[Excess.CONNECTIONS] == 40
        assert len(caplog.records) == 1
        assert "limits.connections" in caplog.text


@pytest.mark.time_lapse
async def test_one_that_lingers_counts():
    async def early(exchange):
        exchange.write(ok(b"early"))
        await asyncio.sleep(1000.0)

    async with Rig(early, limits=TWO) as rig:
        for _ in range(2):
            caller = await rig.caller()
            await caller.send(request("POST", "/", "Content-Length: 100000") + b"x")
            assert (await caller.answer("POST")).status == 200

        assert census(rig).open == 2
        assert (await rig.get("/")).status == 503
        await count_is(rig, 0)
        await rig.upstream.close()


@pytest.mark.time_lapse
async def test_a_handshake_that_never_ends_counts_and_ends(tmp_path):
    authority = Authority.make(tmp_path / "authority")
    listeners = (ListenerSettings(LOOPBACK, authority.leaf("localhost")),)
    trust = ssl.create_default_context(cafile=authority.ca_file)
    async with Rig(limits=TWO, listeners=listeners) as rig:
        silent = [socket.create_connection((rig.address.host, rig.address.port)) for _ in range(2)]
        await count_is(rig, 2)
        with pytest.raises((ConnectionError, ssl.SSLError)):  # without a word: it had no handshake
            await rig.caller(trust)

        assert census(rig).refused[Excess.CONNECTIONS] == 1
        await count_is(rig, 0)
        assert (await (await rig.caller(trust)).ask(request("GET", "/"))).status == 200
        for sock in silent:
            sock.close()


async def test_a_handshake_that_fails_makes_room(tmp_path):
    authority = Authority.make(tmp_path / "authority")
    listeners = (ListenerSettings(LOOPBACK, authority.leaf("localhost")),)
    async with Rig(limits=TWO, listeners=listeners) as rig:
        for _ in range(4):
            with pytest.raises(ssl.SSLError):
                await rig.caller(ssl.create_default_context())
            await count_is(rig, 0)
        for _ in range(4):
            caller = await rig.caller()
            await caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await caller.rest()
            await count_is(rig, 0)


class Scarce:
    """A process that may open no further descriptor; what is to connect meanwhile has its own already."""

    def __init__(self, callers):
        self.sockets = [socket.socket() for _ in range(callers)]
        for each in self.sockets:
            each.setblocking(False)

    def __enter__(self):
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, self._before[1]))
        self._fillers = []
        with suppress(OSError):
            while True:
                self._fillers.append(os.open(os.devnull, os.O_RDONLY))
        return self

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)
        for each in self._fillers:
            os.close(each)


async def test_a_request_that_finds_no_descriptor_for_its_upstream_is_answered_503(caplog):
    """Not as the upstream's fault; and the next one, when there are some, is served."""
    async with Rig() as rig:
        callers = [await rig.caller() for _ in range(2)]
        for caller in callers:
            assert (await caller.ask(request("GET", "/nothing"))).status == 200
        busy = asyncio.Event()

        async def held(exchange):
            await busy.wait()
            exchange.write(ok())

        rig.upstream.script = held
        await callers[0].send(request("GET", "/"))  # it takes the one connection that is idle
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 3)
        with caplog.at_level(logging.WARNING, logger="gateway.connections"), Scarce(callers=0):
            answer = await callers[1].ask(request("GET", "/"))
        busy.set()

        assert (answer.status, answer.code) == (503, "out_of_descriptors")
        assert answer.problem["side"] == "gateway"
        assert len(caplog.records) == 1
        assert (await callers[0].answer()).status == 200
        assert answer.closes, "which gives a descriptor back"
        assert (await rig.get("/")).status == 200


async def test_out_of_descriptors_callers_are_told_and_the_listener_lives(caplog):
    loop = asyncio.get_running_loop()
    async with Rig() as rig:
        assert (await rig.get("/")).status == 200
        scarce = Scarce(callers=6)
        with caplog.at_level(logging.WARNING, logger="gateway.connections"), scarce:
            for each in scarce.sockets:
                await loop.sock_connect(each, (rig.address.host, rig.address.port))
                await loop.sock_sendall(each, request("GET", "/"))
            async with asyncio.timeout(20.0):
                answers = [await loop.sock_recv(each, 65536) for each in scarce.sockets]
        for each in scarce.sockets:
            each.close()

        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
        assert all(b"out_of_descriptors" in answer for answer in answers)
        assert census(rig).refused[Excess.DESCRIPTORS] == 6
        assert len(caplog.records) == 1
        async with asyncio.timeout(20.0):
            assert (await rig.get("/")).status == 200
        await count_is(rig, 2)  # the two that were served stay
