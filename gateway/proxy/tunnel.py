"""A tunnel: what both sides send after a switch to WebSocket, relayed byte for byte.

Rules:

- Bytes pass as they come, in the turn of the loop in which they arrive. Whoever does not read stops the other
  one from being read.
- Frames are followed only to know their borders (`core.http.frames`). A Close of ours stands at a border, or
  it is not sent at all; after it nothing more passes in that direction.
- The end of one side's input goes on to the other side, where the transport can show it. The other direction
  lives on while something comes, and for ``half_close`` without a byte.
- It holds no route: a reload neither waits for it nor ends it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final, Protocol

from gateway.core.http.frames import GOING_AWAY, POLICY_VIOLATION, FrameBorders, close_frame
from gateway.core.settings.route_settings import TunnelSettings

MASK_BYTES: Final = 4


class TunnelEnd(Enum):
    """What ended a tunnel."""

    CALLER = "caller"
    UPSTREAM = "upstream"
    IDLE = "idle"
    AGE = "age"
    TOKEN_EXPIRED = "token_expired"
    CALLER_EXPIRED = "caller_expired"
    CALLER_WITHDRAWN = "caller_withdrawn"
    RELOAD = "reload"
    DRAIN = "drain"
    ERROR = "error"


class Counters(Protocol):
    """Counts bytes as they pass."""

    def tunnelled(self, request_bytes: int, answer_bytes: int) -> None:
        """Count bytes from the caller and from the upstream."""


class Direction:
    """One direction: where its bytes go, and how far its frames have come.

    Attributes:
        target: the transport that its bytes go to.
        passed_bytes: how many passed.
        has_ended: the side that sends has ended its input.
        is_shut: a Close of ours was the last thing that passed.
    """

    __slots__ = ("_borders", "_closing", "_is_masked", "has_ended", "is_shut", "passed_bytes", "target")

    def __init__(self, target: asyncio.Transport, *, is_masked: bool) -> None:
        self.target = target
        self._borders = FrameBorders(is_masked=is_masked)
        self._is_masked = is_masked
        self._closing: int | None = None
        self.passed_bytes = 0
        self.has_ended = self.is_shut = False

    @property
    def close_code(self) -> int | None:
        """The code of the Close that passed, if one did."""
        return self._borders.close_code

    def passes(self, data: bytes) -> int:
        """Pass `data` on; return how many bytes did."""
        if self.is_shut or self.target.is_closing():
            self._borders.feed(data)  # it may be the answer to a Close of ours
            return 0
        border = self._borders.feed(data, to_first=self._closing is not None)
        rest = b""
        if self._closing is not None and border:
            data, rest = data[:border], data[border:]
        self.target.write(data)
        self.passed_bytes += len(data)
        if rest:
            self._borders.feed(rest)  # it may hold the sender's own Close
        if self._closing is not None and border:
            self._shut(self._closing)
        return len(data)

    def close(self, code: int) -> None:
        """Send a Close where the current frame ends, unless this direction has ended itself."""
        if self._closing is None and not (self.is_shut or self.has_ended) and self.close_code is None:
            self._closing = code
            if self._borders.is_at_border:
                self._shut(code)

    def _shut(self, code: int) -> None:
        self.is_shut = True
        if not self.target.is_closing():
            mask = secrets.token_bytes(MASK_BYTES) if self._is_masked else b""
            self.target.write(close_frame(code, mask))

    def end(self) -> None:
        """Show the target that nothing more comes, as far as its transport can."""
        if self.has_ended:
            return
        self.has_ended = True
        if self.target.is_closing():
            return
        if self.target.can_write_eof():
            self.target.write_eof()
        else:
            self.target.close()


@dataclass(frozen=True, slots=True)
class Lease:
    """What limits a tunnel.

    Attributes:
        token_expires_at_s: when the token expires that opened it, monotonic; infinite without.
        leave: gives its place back.
        caller_expires_at_s: when what is known of its caller ends, likewise.
    """

    settings: TunnelSettings
    token_expires_at_s: float
    leave: Callable[[], None]
    caller_expires_at_s: float = inf


class Tunnel(asyncio.Protocol):
    """A tunnel between a caller and an upstream, and the protocol of the upstream's transport.

    Attributes:
        end: what ended it; None while it lives.
        began_s: when it began, monotonic.
    """

    def __init__(
        self, caller: asyncio.Transport, upstream: asyncio.Transport, lease: Lease, counters: Counters
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._lease = lease
        self._counters = counters
        self.to_upstream = Direction(upstream, is_masked=True)
        self.to_caller = Direction(caller, is_masked=False)
        self.began_s = self._heard_at_s = loop.time()
        self.end: TunnelEnd | None = None
        self._is_upstream_gone = False
        self._may_linger = False
        self._over: asyncio.Future[None] = loop.create_future()
        self._aborts_at_s = inf
        settings = lease.settings
        self._dies_at_s = min(
            self.began_s + (inf if settings.max_age_s is None else settings.max_age_s),
            lease.token_expires_at_s if settings.ends_with_token else inf,
            lease.caller_expires_at_s,
        )
        self._timer = loop.call_at(self._next_look_s(), self._look)

    async def run(self) -> None:
        """Wait until both sides have ended; a cancelled tunnel is cut."""
        try:
            await self._over
        finally:
            self._timer.cancel()
            self._note(TunnelEnd.ERROR)
            self._let_upstream_take_the_rest()
            if not self.to_upstream.target.is_closing():
                self.to_upstream.target.abort()
            if not (self._may_linger or self.to_caller.target.is_closing()):
                self.to_caller.target.abort()
            self._lease.leave()

    def _let_upstream_take_the_rest(self) -> None:
        """Bound the time of an upstream's close; the caller's is for the listener to bound."""
        upstream = self.to_upstream.target
        if upstream.is_closing() and not self._is_upstream_gone:
            self._loop.call_later(self._lease.settings.close_timeout_s, upstream.abort)

    def close(self, code: int = GOING_AWAY, end: TunnelEnd = TunnelEnd.DRAIN) -> None:
        """End it with a Close at a border in each direction; what does not answer in time is cut."""
        if self._aborts_at_s < inf:
            return
        self._note(end)
        self._aborts_at_s = self._loop.time() + self._lease.settings.close_timeout_s
        self.to_caller.close(code)
        self.to_upstream.close(code)
        self._set_timer()
        self._end_if_answered()

    @property
    def may_linger(self) -> bool:
        """Whether the caller may still be sending, and is to read first what was sent to it."""
        return self._may_linger and not self.to_upstream.has_ended

    @property
    def close_code(self) -> int | None:
        """The code of the first Close that either side sent, if one did."""
        return self.to_upstream.close_code or self.to_caller.close_code

    # ── what the caller's connection tells ────────────────────────────────────────────────────────

    def caller_sent(self, data: bytes) -> None:
        """Pass on what the caller sent."""
        self._heard_at_s = self._loop.time()
        self._counters.tunnelled(self.to_upstream.passes(data), 0)
        self._end_if_answered()

    def caller_ended(self) -> bool:
        """Pass on that the caller sends nothing more; return whether its transport stays open."""
        self._ended(self.to_upstream, TunnelEnd.CALLER)
        return self.to_caller.target.can_write_eof() and not self._over.done()

    def caller_is_gone(self) -> None:
        """Note that the caller's connection is lost."""
        self._note(TunnelEnd.CALLER)
        self.to_upstream.target.close()
        self._finish()

    def caller_is_slow(self) -> None:
        """Read nothing more of the upstream until the caller reads again."""
        if not self.to_upstream.target.is_closing():
            self.to_upstream.target.pause_reading()

    def caller_reads(self) -> None:
        """Read on."""
        if not self.to_upstream.target.is_closing():
            self.to_upstream.target.resume_reading()

    # ── asyncio.Protocol, of the upstream's transport ─────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self._heard_at_s = self._loop.time()
        self._counters.tunnelled(0, self.to_caller.passes(data))
        self._end_if_answered()

    def eof_received(self) -> bool:
        """Pass on that the upstream sends nothing more."""
        self._ended(self.to_caller, TunnelEnd.UPSTREAM)
        return self.to_upstream.target.can_write_eof() and not self._over.done()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how does not matter
        """Note that the upstream's connection is lost."""
        self._is_upstream_gone = True
        self._note(TunnelEnd.UPSTREAM)
        self._let_caller_read_the_rest()
        self._finish()

    def pause_writing(self) -> None:
        """Read nothing more of the caller until the upstream reads again."""
        if not self.to_caller.target.is_closing():
            self.to_caller.target.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if not self.to_caller.target.is_closing():
            self.to_caller.target.resume_reading()

    # ── its end ───────────────────────────────────────────────────────────────────────────────────

    def _note(self, end: TunnelEnd) -> None:
        if self.end is None:
            self.end = end

    def _ended(self, direction: Direction, end: TunnelEnd) -> None:
        self._note(end)
        self._heard_at_s = self._loop.time()
        direction.end()
        have_both_closed = None not in (self.to_upstream.close_code, self.to_caller.close_code)
        if have_both_closed or (self.to_caller.has_ended and self.to_upstream.has_ended):
            self._close_both()
        else:
            self._set_timer()

    def _end_if_answered(self) -> None:
        """End once each side has answered a Close of ours with its own."""
        codes = (self.to_upstream.close_code, self.to_caller.close_code)
        if self._aborts_at_s < inf and None not in codes:
            self._close_both()

    def _close_both(self) -> None:
        if not self.to_upstream.target.is_closing():
            self.to_upstream.target.close()
        self._let_caller_read_the_rest()
        self._finish()

    def _let_caller_read_the_rest(self) -> None:
        """Leave the end of a caller that may be sending to its connection: a plain close could reset it."""
        caller = self.to_caller.target
        if caller.is_closing():
            return
        if caller.can_write_eof():
            self._may_linger = True
        else:
            caller.close()

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    # ── its time ──────────────────────────────────────────────────────────────────────────────────

    def _next_look_s(self) -> float:
        if self._aborts_at_s < inf:  # it is ending: nothing else can be late any more
            return self._aborts_at_s
        return min(self._heard_at_s + self._patience_s(), self._dies_at_s)

    def _patience_s(self) -> float:
        settings = self._lease.settings
        if self.to_caller.has_ended or self.to_upstream.has_ended:
            return min(settings.half_close_s, settings.idle_s)
        return settings.idle_s

    def _set_timer(self) -> None:
        self._timer.cancel()
        if not self._over.done():
            self._timer = self._loop.call_at(self._next_look_s(), self._look)

    def _look(self) -> None:
        """Act on what is late."""
        now_s = self._loop.time()
        if self._aborts_at_s < inf:
            if now_s >= self._aborts_at_s:
                self._finish()  # and `run` cuts what is left
        elif now_s >= self._dies_at_s:
            self._dies_at_s = inf
            self._die(now_s)
        elif now_s >= self._heard_at_s + self._patience_s():
            if self.to_caller.has_ended or self.to_upstream.has_ended:
                self._finish()  # and nothing more came from the other side
            else:
                self.close(end=TunnelEnd.IDLE)
        self._set_timer()

    def _die(self, now_s: float) -> None:
        """End it because of its age, or that of what let it begin."""
        lease = self._lease
        if now_s >= lease.caller_expires_at_s:
            self.close(POLICY_VIOLATION, TunnelEnd.CALLER_EXPIRED)
        elif lease.settings.ends_with_token and now_s >= lease.token_expires_at_s:
            self.close(end=TunnelEnd.TOKEN_EXPIRED)
        else:
            self.close(end=TunnelEnd.AGE)
