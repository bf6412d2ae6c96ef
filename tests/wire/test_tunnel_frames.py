"""What passes through a tunnel: large frames both ways, deflated ones, and frames that lie about their length."""

import asyncio
import os
import zlib

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.settings.route_settings import TunnelSettings
from tests.wire.test_tunnel_edges import HELLO, HELLO_BACK, narrow, nothing_moves
from tests.wire.test_tunnels import MASK, exactly, gone, opened, rig, switching

KIB = 1024
MIB = 1024 * KIB
BRIEF = TunnelSettings(close_timeout_s=0.1)


def frame(payload, *, masked, first=0x82):
    size, bit = len(payload), 0x80 if masked else 0
    if size > 65535:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    elif size > 125:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | size])
    return head + (MASK if masked else b"") + payload


async def ended_by_us(at, caller, passed=0):
    """Let the gateway end the one tunnel, once so much has passed to the upstream; return what the caller gets."""
    (opened_one,) = at.gateway.tunnels.open
    async with asyncio.timeout(10.0):
        while opened_one.tunnel.to_upstream.passed_bytes < passed:
            await asyncio.sleep(0.001)
    opened_one.tunnel.close()
    rest = await caller.rest()
    await gone(at)
    return rest


# ── large ─────────────────────────────────────────────────────────────────────────────────────────


async def test_frames_of_a_mebibyte_pass_both_ways_at_once_though_nobody_reads_for_a_while():
    """Whoever waited for one direction to be empty before it read the other would stop both for good."""
    payloads = [os.urandom(MIB) for _ in range(8)]
    there = b"".join(frame(each, masked=True) for each in payloads)
    back = b"".join(frame(each, masked=False) for each in reversed(payloads))
    reads, got = asyncio.Event(), bytearray()

    async def both(exchange):
        exchange.write(switching())
        exchange.write(back)
        await reads.wait()
        while len(got) < len(there) and (data := await exchange.some(MIB)):
            got.extend(data)
        await exchange.gone()

    async with rig(both) as at:
        narrow(at.upstream)
        caller, _ = await opened(at)
        caller.write(there)
        (tunnel,) = at.gateway.tunnels.open
        directions = tunnel.tunnel.to_upstream, tunnel.tunnel.to_caller
        await nothing_moves(lambda: sum(each.passed_bytes for each in directions))
        assert directions[0].passed_bytes < len(there)
        held = [each.target.get_write_buffer_size() for each in directions]
        reads.set()
        assert await exactly(caller, len(back)) == back
        async with asyncio.timeout(20.0):
            while len(got) < len(there):
                await asyncio.sleep(0.001)

    assert got == there
    assert max(held) < MIB  # one read in each direction, whatever waits behind it


# ── deflated ──────────────────────────────────────────────────────────────────────────────────────


def deflated(*, masked):
    """A message in two fragments with a Ping between, as permessage-deflate makes it (RFC 7692)."""
    deflate = zlib.compressobj(wbits=-15)
    text = b"the same words, " * 4000
    packed = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    start, rest = packed[:40], packed[40:].removesuffix(b"\0\0\xff\xff")
    ping = frame(b"between", masked=masked, first=0x89)
    return frame(start, masked=masked, first=0x41) + ping + frame(rest, masked=masked, first=0x80)


async def test_deflated_frames_pass_untouched_and_a_close_of_ours_stands_behind_them():
    there, back, got = deflated(masked=True), deflated(masked=False), bytearray()

    async def deflates(exchange):
        exchange.write(switching("Sec-WebSocket-Extensions: permessage-deflate") + back)
        while data := await exchange.some():
            got.extend(data)

    async with rig(deflates, tunnel=BRIEF) as at:
        caller, _ = await opened(at, "Sec-WebSocket-Extensions: permessage-deflate")
        await caller.send(there)
        assert await exactly(caller, len(back)) == back
        assert await ended_by_us(at, caller, passed=len(there)) == close_frame(1001)
        await gone(at)
        await at.upstream.until(lambda: not at.upstream.open)

    assert got[: len(there)] == there
    head, mask, code = got[len(there) :][:2], got[len(there) + 2 :][:4], got[len(there) + 6 :]
    assert head == b"\x88\x82"
    assert bytes(byte ^ mask[at] for at, byte in enumerate(code)) == (1001).to_bytes(2, "big")


# ── lies ──────────────────────────────────────────────────────────────────────────────────────────

LIES = {
    "longer than what comes": b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + b"no terabyte",
    "shorter than what comes": b"\x81\x01" + b"GET / HTTP/1.1\r\n\r\n",
    "its first bit is set": b"\x82\x7f" + b"\xff" * 8 + b"x",
    "a Ping longer than one may be": b"\x89\x7e\x00\x7e" + b"p" * 126,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_behind_a_frame_that_lies_about_its_length_stands_no_close_of_ours(lie):
    """The bytes pass, for the peer to judge. A Close would be read as payload, or as anything at all."""

    async def lies(exchange):
        exchange.write(switching() + lie)
        await exchange.gone()

    async with rig(lies, tunnel=BRIEF) as at:
        caller, _ = await opened(at)
        assert await exactly(caller, len(lie)) == lie
        assert await ended_by_us(at, caller) == b""


async def test_a_frame_that_writes_its_length_longer_than_it_must_ends_where_it_says():
    sent = b"\x81\x7f" + (2).to_bytes(8, "big") + b"hi"

    async def verbose(exchange):
        exchange.write(switching() + sent)
        await exchange.gone()

    async with rig(verbose, tunnel=BRIEF) as at:
        caller, _ = await opened(at)
        assert await exactly(caller, len(sent)) == sent
        assert await ended_by_us(at, caller) == close_frame(1001)


# ── half closed ───────────────────────────────────────────────────────────────────────────────────


async def test_an_upstream_that_half_closes_still_gets_what_comes():
    got, ends = bytearray(), asyncio.Event()

    async def listens_on(exchange):
        exchange.write(switching() + HELLO_BACK)
        exchange.end_writing()
        while data := await exchange.some():
            got.extend(data)
        ends.set()

    async with rig(listens_on, tunnel=TunnelSettings(half_close_s=5.0)) as at:
        caller, _ = await opened(at)
        assert await caller.rest() == HELLO_BACK
        await caller.send(HELLO)
        caller.end_writing()
        async with asyncio.timeout(10.0):
            await ends.wait()
        await gone(at)

    assert got == HELLO


@pytest.mark.parametrize("is_caller", [True, False], ids=["caller", "upstream"])
async def test_a_half_of_a_tunnel_that_says_nothing_ends_in_its_time(is_caller):
    async def maybe_ends(exchange):
        exchange.write(switching())
        if not is_caller:
            exchange.end_writing()
        await exchange.gone()

    async with rig(maybe_ends, tunnel=TunnelSettings(half_close_s=0.1, close_timeout_s=0.1)) as at:
        caller, _ = await opened(at)
        if is_caller:
            caller.end_writing()
        assert await caller.rest() == b""
        await gone(at)
        await at.upstream.until(lambda: not at.upstream.open)
