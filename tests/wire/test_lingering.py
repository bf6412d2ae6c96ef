"""The end of a caller's connection: the last answer arrives, and the connection ends, whatever the caller does.

RFC 9112 section 9.6; threat "a connection that outlives its end". On the time-lapse loop the seconds of
`core.http.ending` are tenths.
"""

import asyncio
import socket
import ssl
from contextlib import suppress

import pytest
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import Timeouts
from tests.wire.certificates import Authority
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig

pytestmark = pytest.mark.time_lapse

LENGTH = "Content-Length: 900000000"
CHUNKED = "Transfer-Encoding: chunked"
BEGUN = {LENGTH: b"x" * 70_000, CHUNKED: b"8000\r\n" + b"x" * 0x7000}
BIG = 200_000


def open_connections(rig):
    return sum(len(listener.connections) for listener in rig.gateway.doors.listeners())


async def all_closed(rig):
    async with asyncio.timeout(700.0):  # 70 s of the wall; the longest end here takes 9
        while open_connections(rig):
            await asyncio.sleep(0.05)


def routes(rig):
    return [
        rig.route("/small", max_body_bytes=1000),
        rig.route("/served"),
        rig.route("/slow", timeouts=Timeouts(total_s=1.0, response_s=500.0, idle_s=500.0)),
    ]


async def early(exchange):
    """Answer before the body was read, and then never read it."""
    exchange.write(ok(b"x" * BIG))
    await asyncio.sleep(2000.0)


async def never(exchange):
    await asyncio.sleep(2000.0)


CASES = [("/nothing", 404, early), ("/small", 413, early), ("/served", 200, early), ("/slow", 504, never)]


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
@pytest.mark.parametrize(("target", "status", "script"), CASES)
@pytest.mark.parametrize("then", ["is silent", "drips", "closes its sending side"])
async def test_a_connection_ends_after_an_early_answer(target, status, script, framing, then):
    async with Rig(script, routes=routes) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", target, framing) + BEGUN[framing])
        answer = await caller.answer("POST") if then != "closes its sending side" else None
        if answer is not None:
            assert (answer.status, answer.closes) == (status, True)
        else:
            caller.end_writing()
        dripping = asyncio.create_task(drip(caller)) if then == "drips" else None
        await all_closed(rig)
        if dripping is not None:
            dripping.cancel()
        await rig.upstream.close()


async def drip(caller):
    while True:
        await caller.send(b"x")
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
async def test_a_connection_ends_after_an_early_answer_also_over_tls(is_tls, tmp_path):
    authority = Authority.make(tmp_path / "authority")
    listener = ListenerSettings(LOOPBACK, authority.leaf("localhost") if is_tls else None)
    trust = ssl.create_default_context(cafile=authority.ca_file) if is_tls else None
    async with Rig(early, routes=routes, listeners=(listener,)) as rig:
        caller = await rig.caller(trust)
        await caller.send(request("POST", "/nothing", LENGTH) + BEGUN[LENGTH])

        assert (await caller.answer("POST")).status == 404
        await all_closed(rig)
        await rig.upstream.close()


class SlowReader:
    """A caller whose kernel holds next to nothing for it, so that what it has not read waits at the gateway."""

    def __init__(self, address):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.connect((address.host, address.port))
        self.sock.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def send(self, data):
        await self._loop.sock_sendall(self.sock, data)

    async def read(self, count):
        async with asyncio.timeout(300.0):
            return await self._loop.sock_recv(self.sock, count)

    async def read_slowly(self, pause_s):
        received = b""
        while part := await self.read(5000):
            received += part
            await asyncio.sleep(pause_s)
        return received


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
async def test_a_slow_reader_of_an_early_answer_gets_all_of_it(framing):
    """Ten seconds for 200 KB, five times as long as a caller who has the answer may be silent."""
    async with Rig(early, routes=routes) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("POST", "/served", framing) + BEGUN[framing])
        received = await caller.read_slowly(0.5)
        caller.sock.close()

        head, _, content = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert content == b"x" * BIG
        await all_closed(rig)
        await rig.upstream.close()


async def test_a_reader_who_stops_is_ended():
    async with Rig(early, routes=routes) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("POST", "/served", LENGTH) + BEGUN[LENGTH])
        await caller.read(5000)
        await all_closed(rig)

        with pytest.raises(ConnectionResetError):  # nobody can take a part for the whole
            await caller.read_slowly(0.0)
        caller.sock.close()
        await rig.upstream.close()


async def test_a_half_closed_caller_who_does_not_read_is_ended():
    """Its answer fits into no buffer that counts as full, and nothing more will ever come from it."""
    async with Rig(ok(b"x" * 3_000_000), routes=routes) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("GET", "/served"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        caller.sock.shutdown(socket.SHUT_WR)
        await all_closed(rig)
        caller.sock.close()


async def test_a_slow_reader_of_a_whole_answer_gets_all_of_it_before_the_connection_closes():
    """`Connection: close`: nothing lingers, but what was written is taken at the caller's pace."""
    size = 600_000
    async with Rig(ok(b"x" * size), routes=routes) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("GET", "/served", "Connection: close"))
        received = await caller.read_slowly(0.2)
        caller.sock.close()

        assert len(received.partition(b"\r\n\r\n")[2]) == size
        await all_closed(rig)


async def test_a_caller_who_moves_slowly_is_not_left_by_the_idle_time():
    """A full buffer takes longer than the idle time; what counts is that it moves."""
    size = 3_000_000

    def slowly(rig):
        return [rig.route("/", timeouts=Timeouts(idle_s=3.0, response_s=500.0))]

    async with Rig(ok(b"x" * size), routes=slowly) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("GET", "/", "Connection: close"))
        received = 0
        with suppress(ConnectionResetError):
            while part := await caller.read(20_000):
                received += len(part)
                await asyncio.sleep(0.2)
        caller.sock.close()

        assert received > size


async def test_what_is_pipelined_behind_the_last_request_does_not_reset_its_answer():
    """To close with unread bytes in the kernel would reset the connection, and lose the answer on its way."""
    async with Rig(ok(b"x" * 100_000), routes=routes) as rig:
        caller = SlowReader(rig.address)
        await caller.send(request("GET", "/served", "Connection: close") + request("GET", "/served") * 3)
        received = await caller.read_slowly(0.2)
        caller.sock.close()

        assert len(received.partition(b"\r\n\r\n")[2]) == 100_000
        assert len(rig.upstream.requests) == 1


async def test_a_lingering_connection_keeps_nothing_of_the_upload():
    async with Rig(early, routes=routes) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/nothing", LENGTH) + b"x" * 2_000_000)
        await caller.answer("POST")
        (connection,) = rig.gateway.doors.listeners()[0].connections

        assert connection._last_payload is EMPTY_PAYLOAD
        await all_closed(rig)
