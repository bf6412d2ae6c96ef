"""How tunnels begin in pieces, meet callers and upstreams that stop, and end over TLS."""

import asyncio
import contextlib
import os
import socket
import ssl
from dataclasses import replace

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.settings.client_settings import TlsFiles
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import TunnelSettings
from gateway.core.settings.upstream_settings import Scheme
from gateway.proxy.tunnel import TunnelEnd
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.test_tunnels import (
    MASK,
    echo,
    exactly,
    gone,
    handshake,
    opened,
    rig,
    silent,
    switching,
    text,
)

HELLO, HELLO_BACK = text(b"hello", masked=True), text(b"hello", masked=False)
KIB = 1024


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def binary(size, *, masked):
    mask = MASK if masked else b""
    return bytes([0x82, 127 | (0x80 if masked else 0)]) + size.to_bytes(8, "big") + mask + bytes(size)


def narrow(server):
    """Let the kernel keep little for connections that come from now on."""
    with socket.socket(fileno=os.dup(server._server.sockets[0].fileno())) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)


async def bounces(exchange):
    """An upstream that sends back the very bytes that it gets, wherever reads end."""
    exchange.write(switching())
    while data := await exchange.some():
        await exchange.send(data)
    exchange.close()


async def nothing_moves(count):
    """Wait until `count` stays the same for a while; return it."""
    before = -1
    async with asyncio.timeout(20.0):
        while (now := count()) != before:
            before = now
            await asyncio.sleep(0.1)
    return now


# ── how it begins ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
async def test_a_handshake_behind_another_request_and_in_pieces(size):
    async def serves(exchange):
        if exchange.target == b"/plain":
            exchange.write(ok(b"plain"))
        else:
            await bounces(exchange)

    data = request("GET", "/plain") + handshake("/live") + HELLO
    async with rig(serves) as at:
        caller = await at.caller()
        for start in range(0, len(data), size):
            await caller.send(data[start : start + size])
            if size < len(data):
                await asyncio.sleep(0)
        assert (await caller.answer()).body == b"plain"
        assert (await caller.head()).line.startswith(b"HTTP/1.1 101 ")
        assert await exactly(caller, len(HELLO)) == HELLO


async def test_an_upstream_that_switches_speaks_and_closes_at_once():
    async def brief(exchange):
        exchange.write(switching() + HELLO_BACK + close_frame(1000))
        exchange.close()

    async with rig(brief, tunnel=TunnelSettings(half_close_s=0.2)) as at:
        for _ in range(20):  # how many reads it takes is the kernel's choice
            caller, _ = await opened(at)
            assert await caller.rest() == HELLO_BACK + close_frame(1000)
        await gone(at)
        assert at.gateway.tunnels._count == 0


async def test_an_upstream_that_switches_and_resets_leaves_nothing_behind():
    async def resets(exchange):
        exchange.write(switching())
        exchange.reset()

    async with rig(resets) as at:
        caller = await at.caller()
        await caller.send(handshake())
        assert await caller.rest() is not None  # a 101 or a 502: both were true at some time
        await gone(at)
        assert at.gateway.tunnels._count == 0


async def test_a_caller_that_leaves_during_the_handshake_gives_its_place_back():
    arrived = asyncio.Event()

    async def never(exchange):
        arrived.set()
        await exchange.gone()

    async with rig(never) as at:
        caller = await at.caller()
        await caller.send(handshake() + HELLO)
        await arrived.wait()
        assert at.gateway.tunnels._count == 1
        caller.leave()
        async with asyncio.timeout(10.0):
            while at.gateway.tunnels._count:
                await asyncio.sleep(0.001)


async def test_a_refusal_arrives_though_the_caller_goes_on_sending():
    """Closing with unread bytes would reset the connection, and the caller would lose the response."""

    async def refuses(exchange):
        await go.wait()
        exchange.write(ok(b"no", status="403 Forbidden"))

    go = asyncio.Event()
    async with rig(refuses) as at:
        caller = await at.caller()
        await caller.send(handshake() + binary(64 * KIB, masked=True))
        caller.write(bytes(512 * KIB))
        await asyncio.sleep(0.05)
        go.set()
        answer = await caller.answer()
        assert (answer.status, answer.body) == (403, b"no")


# ── whoever does not read ─────────────────────────────────────────────────────────────────────────


class Flood:
    """An upstream that begins to send with its 101, and never stops of its own accord."""

    def __init__(self, frames):
        self._frames = frames
        self.sent = 0

    async def __call__(self, exchange):
        frame = b"\x82\x7e\xff\xff" + bytes(65535)
        exchange.write(switching() + 8 * frame)
        self.sent = 8 * len(frame)
        for _ in range(self._frames - 8):
            await exchange.send(frame)
            self.sent += len(frame)


async def test_a_caller_that_has_not_read_since_the_101_stops_the_upstream():
    """What comes with the 101 may fill the caller's buffer before there is a tunnel to tell."""
    flood = Flood(400)
    async with rig(flood) as at:
        with socket.socket() as narrow_caller:
            narrow_caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
            narrow_caller.connect((at.address.host, at.address.port))
            narrow_caller.sendall(handshake("/live"))
            async with asyncio.timeout(20.0):
                while not flood.sent:
                    await asyncio.sleep(0.001)
            await nothing_moves(lambda: flood.sent)
            (tunnel,) = at.gateway.tunnels.open
            assert tunnel.tunnel.to_caller.target.get_write_buffer_size() < 1024 * KIB
        await gone(at)


async def test_what_was_held_behind_the_handshake_may_stop_the_caller():
    switches, reads = asyncio.Event(), asyncio.Event()

    async def late(exchange):
        await switches.wait()
        exchange.write(switching())
        await reads.wait()
        await exchange.gone()

    async with rig(late) as at:
        narrow(at.upstream)
        caller = await at.caller()
        await caller.send(handshake() + binary(16 * 1024 * KIB, masked=True)[: 60 * KIB])
        async with asyncio.timeout(10.0):
            while not at.upstream.requests:
                await asyncio.sleep(0.001)
        for _ in range(64):
            caller.write(bytes(128 * KIB))
        await asyncio.sleep(0.05)  # so that it is read as far as it is held
        switches.set()
        await caller.head()
        await nothing_moves(caller.writer.transport.get_write_buffer_size)
        (tunnel,) = at.gateway.tunnels.open
        assert tunnel.tunnel.to_upstream.target.get_write_buffer_size() < 1024 * KIB
        reads.set()
        caller.leave()
        await gone(at)


# ── when the time of a tunnel has passed before it begins ─────────────────────────────────────────


async def under_way(at):
    caller = await at.caller()
    await caller.send(handshake())
    async with asyncio.timeout(10.0):
        while not at.upstream.requests:
            await asyncio.sleep(0.001)
    return caller


async def test_a_reload_during_the_handshake_takes_the_permission_too():
    switches = asyncio.Event()

    async def late(exchange):
        await switches.wait()
        await silent(exchange)

    async with rig(late, tunnel=TunnelSettings(close_timeout_s=0.1)) as at:
        caller = await under_way(at)
        await at.gateway.reload(replace(at.settings, routes=()))
        switches.set()
        assert (await caller.head()).line.startswith(b"HTTP/1.1 101 ")
        assert await exactly(caller, 4) == close_frame(1012)
        await gone(at)


async def test_a_handshake_under_way_when_the_process_ends_leads_to_a_close():
    switches = asyncio.Event()

    async def late(exchange):
        await switches.wait()
        await silent(exchange)

    async with rig(late, tunnel=TunnelSettings(close_timeout_s=0.1)) as at:
        caller = await under_way(at)
        idle = await at.caller()
        closing = asyncio.create_task(at.gateway.close(5.0))
        await asyncio.sleep(0)
        switches.set()
        assert (await caller.head()).line.startswith(b"HTTP/1.1 101 ")
        assert await exactly(caller, 4) == close_frame(1001)
        await idle.send(handshake())
        with contextlib.suppress(Exception):
            assert (await idle.answer()).status == 503
        await closing


# ── TLS, and unix sockets ─────────────────────────────────────────────────────────────────────────


def secured(authority, *, caller, upstream, script=echo, **settings):
    """A rig with TLS on either side, or on both; and the caller's context."""
    listener = ListenerSettings(LOOPBACK)
    if caller:
        files = authority.leaf("localhost")
        listener = ListenerSettings(LOOPBACK, TlsFiles(files.certificate, files.key))

    def routes(rig):
        members = {"tunnel": TunnelSettings(half_close_s=0.3, close_timeout_s=0.3)}
        if upstream:
            members["upstream"] = rig.upstream_settings(
                scheme=Scheme.HTTPS, host="localhost", ca_file=authority.ca_file
            )
        return [rig.route(**members)]

    context = server_context(authority.leaf("localhost")) if upstream else None
    trusting = ssl.create_default_context(cafile=authority.ca_file) if caller else None
    return Rig(script, routes=routes, listeners=(listener,), upstream_tls=context, **settings), trusting


SIDES = [(True, False), (False, True), (True, True)]


async def connected(at, trusting, data=b""):
    caller = await at.caller(trusting)
    await caller.send(handshake("/live") + data)
    assert (await caller.head()).line == b"HTTP/1.1 101 Switching Protocols"
    return caller


@pytest.mark.parametrize(("caller", "upstream"), SIDES)
async def test_much_passes_over_tls_and_ends_with_either_side(authority, caller, upstream):
    """More than any buffer, both ways at once, and then the end."""
    size = 4 * 1024 * KIB

    async def back(exchange):
        exchange.write(switching())
        left = len(binary(size, masked=True))
        while left and (data := await exchange.some()):
            left -= len(data)
            await exchange.send(data)
        exchange.close()

    built, trusting = secured(authority, caller=caller, upstream=upstream, script=back)
    async with built as at:
        there = await connected(at, trusting)
        data = binary(size, masked=True)
        there.write(data)
        assert await exactly(there, len(data)) == data
        assert await there.rest() == b""
        await gone(at)
        assert at.gateway.tunnels._count == 0


@pytest.mark.parametrize(("caller", "upstream"), SIDES)
@pytest.mark.parametrize("leaves", ["close", "reset"])
async def test_a_caller_that_leaves_over_tls_ends_the_tunnel(authority, caller, upstream, leaves):
    ended = asyncio.Event()

    async def waits(exchange):
        exchange.write(switching())
        await exchange.gone()
        ended.set()

    built, trusting = secured(authority, caller=caller, upstream=upstream, script=waits)
    async with built as at:
        there = await connected(at, trusting, HELLO)
        if leaves == "reset":
            there.leave()
        else:
            await there.close()
        async with asyncio.timeout(10.0):
            await ended.wait()
        await gone(at)


async def test_what_a_caller_sent_over_tls_before_it_closed_arrives_though_the_upstream_is_slow(authority):
    """uvloop drops what it read but did not decrypt, when it reads the end while reading is paused."""
    reads, got = asyncio.Event(), []

    async def slow(exchange):
        exchange.write(switching())
        await reads.wait()
        while data := await exchange.some():
            got.append(len(data))
        ended.set()

    ended = asyncio.Event()
    built, trusting = secured(authority, caller=True, upstream=False, script=slow)
    async with built as at:
        narrow(at.upstream)
        there = await connected(at, trusting)
        data = binary(1024 * KIB, masked=True)
        there.write(data)
        there.writer.close()
        await asyncio.sleep(0.2)
        reads.set()
        async with asyncio.timeout(10.0):
            await ended.wait()

    assert sum(got) == len(data)


async def test_what_an_upstream_sent_over_tls_before_it_closed_arrives_though_the_caller_is_slow(authority):
    async def sends(exchange):
        exchange.write(switching())
        exchange.write(binary(4 * 1024 * KIB, masked=False))
        exchange.close()

    built, trusting = secured(authority, caller=False, upstream=True, script=sends)
    async with built as at:
        there = await connected(at, trusting)
        await asyncio.sleep(0.2)
        assert len(await there.rest()) == len(binary(4 * 1024 * KIB, masked=False))


async def test_a_tunnel_over_unix_sockets(tmp_path):
    listener = ListenerSettings(replace(LOOPBACK, host="", path=str(tmp_path / "gateway.sock")))
    async with rig(upstream_path=str(tmp_path / "upstream.sock"), listeners=(listener,)) as at:
        caller, _ = await opened(at)
        await caller.send(HELLO)
        assert await exactly(caller, 7) == HELLO_BACK
        await caller.send(close_frame(1000, MASK))
        assert await caller.rest() == close_frame(1000)
        await gone(at)


async def test_an_upstream_that_resets_ends_the_tunnel():
    async def resets(exchange):
        exchange.write(switching())
        await exchange.some()
        exchange.reset()

    async with rig(resets) as at:
        caller, _ = await opened(at)
        (open_tunnel,) = at.gateway.tunnels.open
        await caller.send(HELLO)
        assert await caller.rest() == b""
        await gone(at)
        assert open_tunnel.tunnel.end is TunnelEnd.UPSTREAM


async def test_a_hundred_tunnels_later_nothing_is_left():
    async with rig() as at:
        for number in range(100):
            caller, _ = await opened(at)
            await caller.send(HELLO)
            await exactly(caller, 7)
            if number % 2:
                caller.leave()
            else:
                await caller.send(close_frame(1000, MASK))
                await caller.rest()
        await gone(at)
        assert (at.gateway.tunnels._count, at.gateway.tunnels._by_caller) == (0, {})
        assert at.gateway._room.open == 0
