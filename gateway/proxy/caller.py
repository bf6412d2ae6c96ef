"""One connection of a caller: one request served after the other, each for its time.

aiohttp's own request loop makes a task, a request, a writer and a response object for each request,
which a proxy has no use for; this one makes a `Call`. It has no time-outs for a head that drips, for a
caller that does not read, or for a whole request; here `check_deadlines` looks at all of them. Each state
has its own, which nothing else resets:

====================  =========================  =========================================
state                 ends                       then
====================  =========================  =========================================
idle                  ``keepalive_timeout``      closed
head                  ``head_timeout``           408
body                  ``timeouts.idle``          408
answer being taken    ``timeouts.idle``          reset, unless the caller took some of it
whole call            the route's ``timeout``    504, or broken off
closing, lingering    ``core.http.ending``              closed
TLS handshake         ``head_timeout``           closed (uvloop looks)
====================  =========================  =========================================
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from math import inf
from typing import TYPE_CHECKING, Final, cast

from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.core.errors import CallerGone, RequestTimeout
from gateway.core.http.ending import Ending
from gateway.core.http.outbound import UNKNOWN, CallerFields
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.handler import late
from gateway.proxy.unsent import unsent_bytes
from gateway.proxy.writing import AnswerWriter

if TYPE_CHECKING:
    from gateway.proxy.listener import Listener

HEAD_COPIES: Final = 3  # as bytes, as text, and in the parser
_NO_REQUEST: Final = RawRequestMessage(
    "-", "-", HttpVersion11, CIMultiDictProxy(CIMultiDict()), (), True, None, False, False, URL("/")
)


class CallerConnection(AnswerWriter):
    """One connection of a caller.

    Attributes:
        caller: what every request of this connection says of its caller.
        now_s: gives the loop's time.
        stopwatch_s: gives instants between which durations are told.
        was_made: it counts as open until it is lost.
        total_deadline_s: end of the current call's whole time, monotonic.
    """

    __slots__ = (
        "_body_deadline_s",
        "_call",
        "_ending",
        "_listener",
        "caller",
        "now_s",
        "stopwatch_s",
        "total_deadline_s",
        "was_made",
    )

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(listener, listener.limits, loop, is_tls=listener.is_tls)
        self._listener = listener
        self._call: Call | None = None
        self._ending: Ending | None = None
        self._body_deadline_s = inf
        self.total_deadline_s = inf
        self.caller = CallerFields(UNKNOWN, b"http", is_trusted=False)
        self.now_s = loop.time
        self.stopwatch_s = listener.handler.stopwatch_s
        self.was_made = False

    def date(self) -> str:
        """Give now, as RFC 9110 section 5.6.7 writes it."""
        return formatdate(self._listener.handler.wall_s(), usegmt=True)

    # ── for the call ──────────────────────────────────────────────────────────────────────────────

    async def await_body(self, body: RequestBody, idle_s: float) -> bytes:
        """Read the next part of the body, for `idle_s` at most.

        Raises:
            CallerError: malformed, too long, or too slow.
        """
        self._body_deadline_s = self._loop.time() + idle_s
        try:
            return await body.read()
        except RuntimeError:  # of aiohttp's: there is nobody to wait for
            if self.transport is not None:
                raise
            raise CallerGone("the caller closed the connection", was_sent=True) from None
        finally:
            self._body_deadline_s = inf

    def break_off(self) -> None:
        """Close so that nobody can take the answer for complete.

        Chunks and lengths show where they stop, once what was sent has arrived; an HTTP/1.0 body that
        ends with the connection does not, and so the connection is reset. So is one whose caller is not
        reading: what was sent would not arrive.
        """
        call, transport = self._call, self.transport
        if transport is None or call is None or call.head.is_http10 or self.writing_paused:
            self.abort()
        else:
            self._close_gracefully(transport)

    def _close_gracefully(self, transport: asyncio.Transport) -> None:
        """Send what is still to be sent, to a caller that takes it."""
        if self._ending is None:
            self._ending = Ending(self._loop.time(), unsent_bytes(transport))
        transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.was_made = True
        self.caller = self._listener.caller_fields(transport)
        self.read_deadline_s = self._loop.time() + self._limits.keepalive_timeout_s
        super().connection_made(transport)
        self.wire_is(cast("asyncio.Transport", transport))  # uvloop's is no subclass
        self._listener.wake_sweeper()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire = None
        self._listener.census.leave()
        super().connection_lost(exc)

    # ── what it holds ─────────────────────────────────────────────────────────────────────────────

    @property
    def is_stuck(self) -> bool:
        """Whether it holds anything that nobody takes at the moment."""
        return bool(
            self.writing_paused
            or self._reading_paused
            or self._rest_bytes
            or self._has_begun_head
            or (self._call is not None and self._call.upstream is not None and self._call.upstream.is_stuck)
        )

    def held_bytes(self) -> int:
        """Give about what it holds, in buffers, with the connection to its upstream."""
        held = self._rest_bytes + (HEAD_COPIES * self._head_bytes if self._has_begun_head else 0)
        if self._wire is not None:
            held += self._wire.get_write_buffer_size()
        call = self._call
        if call is not None:
            taken = call.body.received_bytes if call.body is not None else 0
            held += max(0, call.payload.total_bytes - taken)
            held += call.upstream.held_bytes() if call.upstream is not None else 0
        return held

    def stuck_since_s(self) -> float:
        """Give since when one side takes nothing, or requests wait; infinity where things move."""
        if self._write_deadline_s < inf:
            return self._write_deadline_s - self._write_idle_s
        call = self._call
        if call is None:
            return inf
        if call.upstream is not None and call.upstream.writing_paused:
            return call.upstream.paused_at_s
        return call.started_s if self._rest_bytes else inf

    # ── the request loop ──────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Serve one request after the other; aiohttp runs this as the connection's task."""
        handle = self._listener.handler.handle
        try:
            while not (self._close or self._force_close):
                if not self._messages and self._refusal is None:
                    await self._request_comes()
                self.read_deadline_s = inf
                if not self._messages:
                    self._refuse()
                    break
                self._call = call = self._next_call()
                await handle(call)
                self._call = None
                self.total_deadline_s = inf
                if not call.keeps_alive:
                    break
                if self.writing_paused:
                    await self.drain(self._limits.keepalive_timeout_s)
                if self._messages:
                    await asyncio.sleep(0)  # a caller who has more gives way to the others
        except CallerGone:
            pass
        finally:
            self._task_handler = None
            self._end()

    def _request_comes(self) -> asyncio.Future[None]:
        """Give what is done when there is a request to serve or to refuse."""
        limits = self._limits
        timeout_s = limits.head_timeout_s if self._has_begun_head else limits.keepalive_timeout_s
        self.read_deadline_s = self._loop.time() + timeout_s
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _next_call(self) -> Call:
        """Take a request; let the parser and the transport go on (as aiohttp's own loop does)."""
        message, payload = self._messages.popleft()
        if self._rest_bytes or self._buffer_paused:
            self._go_on_reading()
        # Our `data_received` queues nothing else than such messages.
        return Call(self, message, payload, self._listener.next_id(), self._loop.time())  # type: ignore[arg-type]

    def _refuse(self) -> None:
        """Answer what is no request; neither the answer nor the log quotes it."""
        assert self._refusal is not None
        call = Call(self, _NO_REQUEST, EMPTY_PAYLOAD, self._listener.next_id(), self._loop.time())
        self._listener.handler.refuse(call, self._refusal)

    def _end(self) -> None:
        """Close; where the caller may still be sending, give it time to take the answer first."""
        transport = self.transport
        if transport is None:
            return
        is_sending = self._discards or self._has_more or not self._last_payload.is_eof()
        self._discards = True
        if is_sending and not transport.is_closing():
            self._linger(transport)
        else:
            self._close_gracefully(transport)

    @property
    def _has_more(self) -> bool:
        """Whether there is something that is not served: to close would reset the connection."""
        return bool(self._messages or self._rest_bytes) or self._has_begun_head

    def _linger(self, transport: asyncio.Transport) -> None:
        """Read and drop what comes: the end is told, where it can be, but the connection is not reset."""
        self._messages.clear()
        self._last_payload, self._parser = EMPTY_PAYLOAD, None
        self._ending = Ending(self._loop.time(), unsent_bytes(transport))
        if transport.can_write_eof():
            transport.write_eof()
        self._reading_paused = self._buffer_paused = False
        self._resume_transport_reading()

    # ── deadlines ─────────────────────────────────────────────────────────────────────────────────

    def check_deadlines(self, now_s: float) -> None:
        """Act on what is late; called by the listener's sweeper."""
        if self._ending is not None:
            self._look_at_end(self._ending, now_s)
            return
        if now_s >= self.read_deadline_s:
            self.read_deadline_s = inf
            self._reading_is_late()
        if now_s >= self._body_deadline_s and self._call is not None:
            self._body_deadline_s = inf
            late_body = RequestTimeout("the body did not arrive in time", was_sent=True)
            self._call.payload.set_exception(late_body)
        if now_s >= self._write_deadline_s:
            self.writing_is_late(now_s)
        if now_s >= self.total_deadline_s and self._call is not None:
            self.total_deadline_s = inf
            late(self._call)

    def _reading_is_late(self) -> None:
        if self._has_begun_head:
            self.end_with(RequestTimeout("the head did not arrive in time"))
        else:
            self.force_close()  # it is idle

    def _look_at_end(self, ending: Ending, now_s: float) -> None:
        wire = self._wire
        if wire is not None and ending.is_over(now_s, unsent_bytes(wire), self.heard_at_s):
            if ending.is_taken:
                wire.abort()  # nothing is left to be sent: no reset is meant, nor needed
            else:
                self.abort()
