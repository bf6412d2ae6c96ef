"""A tunnel between two transports that do what the test says; the wire has tests/wire/test_tunnels.py."""

import asyncio
from math import inf

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.settings.route_settings import TunnelSettings
from gateway.proxy.tunnel import Lease, Tunnel, TunnelEnd

FRAME = b"\x81\x02hi"
MASKED = b"\x81\x82\x00\x00\x00\x00hi"
CLOSE = close_frame(1000)
CLOSE_OF_CALLER = close_frame(1000, bytes(4))


class Stuck(asyncio.Transport):
    """A transport whose peer takes nothing: it closes only when it is aborted.

    A naive fake closes at once, and takes writes after its end.
    """

    def __init__(self, *, is_tls=False):
        super().__init__()
        self.written = b""
        self.has_ended = self.is_closed = self.was_aborted = False
        self._is_tls = is_tls
        self.aborted = asyncio.Event()

    def write(self, data):
        if self.has_ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.written += data

    def can_write_eof(self):
        return not self._is_tls

    def write_eof(self):
        self.has_ended = True

    def is_closing(self):
        return self.is_closed

    def close(self):
        self.is_closed = True

    def abort(self):
        self.is_closed = True
        self.aborted.set()


class Passed:
    """Counts nothing."""

    def tunnelled(self, request_bytes, answer_bytes):
        pass


class Between:
    """A tunnel under way."""

    def __init__(self, *, tls_upstream=False, token_expires_at_s=inf, **settings):
        self.left = 0
        self.caller, self.upstream = Stuck(), Stuck(is_tls=tls_upstream)
        lease = Lease(TunnelSettings(**settings), token_expires_at_s, self._leave)
        self.tunnel = Tunnel(self.caller, self.upstream, lease, Passed())
        self.running = asyncio.create_task(self.tunnel.run())

    def _leave(self):
        self.left += 1

    async def ends(self):
        async with asyncio.timeout(10.0):
            await self.running
        assert self.left == 1


async def test_a_tunnel_that_ends_looks_again_when_its_time_is_up_and_not_before():
    """What made it end, silence, goes on: it must not be looked at in each turn of the loop."""
    between = Between(idle_s=0.01, close_timeout_s=0.1)
    async with asyncio.timeout(10.0):
        while between.tunnel.end is None:
            await asyncio.sleep(0.001)
    timer, now_s = between.tunnel._timer, asyncio.get_running_loop().time()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert between.tunnel._timer is timer
    assert timer.when() > now_s
    await between.ends()
    assert between.caller.written == close_frame(1001)
    assert between.tunnel.end is TunnelEnd.IDLE


async def test_a_side_that_was_shown_the_end_gets_no_close():
    """asyncio's transports raise on a write after `write_eof`, and the tunnel would never end."""
    between = Between(max_age_s=0.01, half_close_s=60.0, close_timeout_s=0.01)
    assert between.tunnel.caller_ended()
    await between.ends()

    assert between.upstream.has_ended
    assert between.upstream.written == b""
    assert between.caller.written == close_frame(1001)


@pytest.mark.parametrize("leaves", ["gone", "ended"])
async def test_an_upstream_that_takes_nothing_more_is_cut_once_the_caller_left(leaves):
    """Nobody else would: the connection has left its pool, and TCP asks a full window for ever."""
    between = Between(tls_upstream=True, close_timeout_s=0.02, half_close_s=0.02)
    between.tunnel.caller_sent(MASKED)
    if leaves == "gone":
        between.tunnel.caller_is_gone()
    else:
        assert between.tunnel.caller_ended()  # the caller's own transport is not TLS
    await between.ends()
    async with asyncio.timeout(10.0):
        await between.upstream.aborted.wait()

    assert between.upstream.written == MASKED


async def test_a_caller_that_leaves_cancels_its_task_and_the_upstream_is_cut_in_time_all_the_same():
    between = Between(close_timeout_s=0.02)
    await asyncio.sleep(0)
    between.tunnel.caller_is_gone()
    between.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await between.running
    assert not between.upstream.aborted.is_set()  # it may take what was sent
    async with asyncio.timeout(10.0):
        await between.upstream.aborted.wait()


async def test_an_upstream_that_is_gone_is_not_cut_again():
    between = Between(close_timeout_s=0.0)
    between.upstream.close()
    between.tunnel.connection_lost(None)
    await between.ends()
    await asyncio.sleep(0.01)

    assert not between.upstream.aborted.is_set()
    assert between.tunnel.may_linger  # its connection closes it


async def test_a_close_behind_ours_in_the_same_read_ends_the_tunnel():
    """The border at which ours stands is in the middle of a read that also holds the peer's own."""
    between = Between(close_timeout_s=60.0)
    between.tunnel.data_received(FRAME[:3])
    between.tunnel.close()
    between.tunnel.data_received(FRAME[3:] + FRAME + CLOSE)
    between.tunnel.caller_sent(CLOSE_OF_CALLER)
    await between.ends()

    assert between.caller.written == FRAME + close_frame(1001)


async def test_frames_are_followed_behind_a_close_of_ours_wherever_reads_end():
    between = Between(close_timeout_s=60.0)
    between.tunnel.data_received(FRAME[:3])
    between.tunnel.close()
    between.tunnel.data_received(FRAME[3:] + FRAME[:1])  # what follows ours is dropped, but not overlooked
    between.tunnel.data_received(FRAME[1:] + CLOSE)
    between.tunnel.caller_sent(CLOSE_OF_CALLER)
    await between.ends()
