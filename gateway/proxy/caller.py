"""One connection of a caller, which serves its requests in turn, each within its deadlines.

aiohttp's own request loop makes a task, a request, a writer and a response object for each request. A proxy
needs none of them; this loop makes a `Call`. aiohttp has no timeouts for a head that trickles in, for a
caller that does not read, or for a whole request; here `check_deadlines` checks all of them. Each state has
its own timeout, which nothing else resets:

====================  =========================  =========================================
state                 ends                       then
====================  =========================  =========================================
idle                  ``keepalive_timeout``      closed
head                  ``head_timeout``           408
body                  ``timeouts.idle``          408
response being read   ``timeouts.idle``          reset, unless the caller read some of it
whole call            the route's ``timeout``    504, or broken off
closing, lingering    ``core.http.ending``       closed
TLS handshake         ``head_timeout``           closed (by uvloop)
====================  =========================  =========================================
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from math import inf
from typing import Final, cast

from aiohttp import StreamReader
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.core.errors import CallerGone, RequestTimeout
from gateway.core.http.ending import Ending
from gateway.core.http.entrance import Entrance
from gateway.core.http.outbound import CallerFields
from gateway.proxy.call import Call
from gateway.proxy.census import Census
from gateway.proxy.front import Front, FrontTerms
from gateway.proxy.handler import Handler
from gateway.proxy.link import CallerLink, CallersServer, LinkTerms
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.tunnels import OpenTunnel
from gateway.proxy.unsent import unsent_bytes

HEAD_COPIES: Final = 3  # as bytes, as text, and in the parser
_NO_REQUEST: Final = RawRequestMessage(
    "-", "-", HttpVersion11, CIMultiDictProxy(CIMultiDict()), (), True, None, False, False, URL("/")
)


@dataclass(frozen=True, slots=True)
class Terms(LinkTerms):
    """What all connections of callers share, with what serves them."""

    handler: Handler
    front: FrontTerms
    census: Census


class CallerConnection(CallerLink):
    """One connection of a caller.

    Attributes:
        was_made: it counts as open until it is lost.
        front: the protocol of its transport.
        opened: the tunnel that its last call opened.
    """

    __slots__ = ("_entrance", "_listener", "_next", "_terms", "front", "opened", "was_made")

    def __init__(
        self,
        server: CallersServer,
        terms: Terms,
        entrance: Entrance,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(server, terms, loop, is_tls=entrance.is_tls)
        self._terms = terms
        self._listener = server
        self._entrance = entrance
        self._next: tuple[Terms, Entrance] | None = None
        self.front = Front(self, terms.front, self._call_at_hand)
        self.opened: OpenTunnel | None = None
        self.was_made = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.was_made = True
        self.facts.is_given_up = self._listener.is_given_up
        self.facts.caller = caller_of(transport, self._entrance)
        self.read_deadline_s = self._loop.time() + self._limits.keepalive_timeout_s
        super().connection_made(transport)
        self.wire_is(cast("asyncio.Transport", transport))  # uvloop's is no subclass

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.opened is not None:
            self.opened.tunnel.caller_is_gone()
        self._wire = None
        self._terms.census.leave()
        super().connection_lost(exc)

    @property
    def is_ending(self) -> bool:
        """Whether no further request will be served."""
        return self._listener.is_given_up or super().is_ending

    # ── a tunnel ──────────────────────────────────────────────────────────────────────────────────

    def begins_tunnel(self, opened: object) -> None:
        """Relay whatever the caller sends from now on; the task runs the tunnel after the call."""
        assert isinstance(opened, OpenTunnel)
        self.opened = opened
        self.facts.total_deadline_s = inf
        if self.writing_paused:  # by what came with the 101
            opened.tunnel.caller_is_slow()

    async def _run_tunnel(self) -> None:
        """Run the tunnel that the last call opened, if it opened one, to its end."""
        if self.opened is not None:
            self.relay_raw(self.opened.tunnel.caller_sent)
            await self._terms.handler.run_tunnel(self.opened)

    def caller_ends(self) -> bool:
        return self.opened is not None and self.opened.tunnel.caller_ended()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.opened is not None:
            self.opened.tunnel.caller_is_slow()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.opened is not None:
            self.opened.tunnel.caller_reads()

    # ── a reload ──────────────────────────────────────────────────────────────────────────────────

    def go_on(self, terms: Terms, entrance: Entrance) -> None:
        """Serve the next request, and those after it, under these; the current one keeps its own."""
        if terms is self._terms and entrance is self._entrance:
            return
        if self.front.call is None:
            self._renew(terms, entrance)
        else:
            self._next = terms, entrance
            self.front.leave_next()

    def _renew(self, terms: Terms, entrance: Entrance) -> None:
        self._next = None
        self._terms, self._entrance = terms, entrance
        if self.transport is not None:  # its listener may have turned to TLS, or from it
            self.facts.caller = caller_of(self.transport, replace(entrance, is_tls=self.is_tls))
        self.read_under(terms.limits)
        self.front.go_on(terms.front)
        if self.read_deadline_s < inf and not self._has_begun_head:
            at_most_s = self._loop.time() + terms.limits.keepalive_timeout_s
            self.read_deadline_s = min(self.read_deadline_s, at_most_s)

    # ── what it holds ─────────────────────────────────────────────────────────────────────────────

    @property
    def _call(self) -> Call | None:
        return self.front.call

    @property
    def _upstream(self) -> UpstreamConnection | None:
        """The connection to the upstream that the current call uses."""
        call = self._call
        return call.exchange.upstream if call is not None and call.exchange is not None else None

    @property
    def is_stuck(self) -> bool:
        """Whether it buffers anything that nobody is taking at the moment."""
        upstream = self._upstream
        return bool(
            self.writing_paused
            or self._reading_paused
            or self._rest_bytes
            or self._has_begun_head
            or (upstream is not None and upstream.is_stuck)
        )

    def held_bytes(self) -> int:
        """Return about how many bytes it buffers, including the connection to its upstream."""
        held = self._rest_bytes + (HEAD_COPIES * self._head_bytes if self._has_begun_head else 0)
        if self._wire is not None:
            held += self._wire.get_write_buffer_size()
        call = self._call
        if call is not None:
            taken = call.body.received_bytes if call.body is not None else 0
            held += max(0, call.payload.total_bytes - taken)
        upstream = self._upstream
        return held + (upstream.held_bytes() if upstream is not None else 0)

    def stuck_since_s(self) -> float:
        """Return since when one side takes nothing, or requests are waiting; infinity if everything moves."""
        if self._write_deadline_s < inf:
            return self._write_deadline_s - self._write_idle_s
        call = self._call
        if call is None:
            return inf
        upstream = self._upstream
        if upstream is not None and upstream.writing_paused:
            return upstream.paused_at_s
        return call.started_s if self._rest_bytes else inf

    # ── the request loop ──────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Serve the requests in turn; aiohttp runs this as the connection's task.

        The task sleeps while callbacks serve calls (`proxy.front`).
        """
        front, handler = self.front, self._terms.handler
        try:
            while not (self._close or self._force_close):
                if not self._messages and self._refusal is None:
                    await self._request_comes()
                self.read_deadline_s = inf
                call, exchange = front.taken_over()
                if call is None:
                    front.call = call = self._next_call() if self._messages else self._refused()
                if not call.is_over:
                    await handler.handle(call, exchange)
                front.call = None
                self.facts.total_deadline_s = inf
                if self._next is not None:
                    self._renew(*self._next)
                if not call.keeps_alive:
                    break
                await self._give_way()
            await self._run_tunnel()
        except CallerGone:
            pass
        except asyncio.CancelledError:
            call, exchange = front.taken_over()
            if call is not None and not call.is_over:
                handler.abandon(call, exchange)
            raise
        finally:
            self._task_handler = None
            self._end()

    async def _give_way(self) -> None:
        """Wait until the caller has taken the response; if it sent more requests, let others go first."""
        if self.writing_paused:
            await self.drain(self._limits.keepalive_timeout_s)
        if self._messages:
            await asyncio.sleep(0)

    def _request_comes(self) -> asyncio.Future[None]:
        """Return a future that is done when there is a request to serve or to refuse."""
        limits = self._limits
        timeout_s = limits.head_timeout_s if self._has_begun_head else limits.keepalive_timeout_s
        self.read_deadline_s = self._loop.time() + timeout_s
        self._waiter = waiter = self._loop.create_future()
        self.front.waits(is_fresh=self.is_fresh)
        return waiter

    def _wake(self) -> None:
        """Announce a request that was read, or one that is refused."""
        if self._refusal is not None or not self.front.request_came():
            super()._wake()

    def _call_at_hand(self) -> Call | None:
        """Take the only request, if it has arrived completely; otherwise leave it to the task."""
        is_alone = len(self._messages) == 1 and not (self._rest_bytes or self._has_begun_head)
        if not is_alone or self._buffer_paused or self._is_last:
            return None
        return self._next_call() if self._messages[0][1].is_eof() else None

    def _next_call(self) -> Call:
        """Take a request, and let parser and transport continue, as aiohttp's own loop does."""
        message, payload = self._messages.popleft()
        if self._rest_bytes or self._buffer_paused:
            self._go_on_reading()
        return self._called(message, payload)  # type: ignore[arg-type]  # nothing else is queued by us

    def _called(self, message: RawRequestMessage, payload: StreamReader) -> Call:
        call = Call(self, message.method, payload, self._terms.front.ids.next(), self._loop.time())
        call.message = message
        call.keeps_alive = not message.should_close
        return call

    def _refused(self) -> Call:
        """Refuse what is not a request; neither the response nor the log quotes it."""
        assert self._refusal is not None
        call = self._called(_NO_REQUEST, EMPTY_PAYLOAD)
        self._terms.handler.refuse(call, self._refusal)
        call.keeps_alive = False
        return call

    def _end(self) -> None:
        """Close; a caller that may still be sending gets time to read the response first."""
        transport = self.transport
        if transport is None:
            return
        is_sending = self._discards or self._has_more or not self._last_payload.is_eof()
        if self.opened is not None:
            is_sending = self.opened.tunnel.may_linger
        self._discards = True
        if is_sending and not transport.is_closing():
            self._linger(transport)
        else:
            self.close_gracefully(transport)

    @property
    def _has_more(self) -> bool:
        """Whether there is unserved data, so that closing would reset the connection."""
        return bool(self._messages or self._rest_bytes or self.held) or self._has_begun_head

    def _linger(self, transport: asyncio.Transport) -> None:
        """Read and discard what arrives; signal the end if the transport can, without a reset."""
        self._messages.clear()
        self._last_payload, self._parser = EMPTY_PAYLOAD, None
        self._ending = Ending(self._loop.time(), unsent_bytes(transport))
        if transport.can_write_eof():
            transport.write_eof()
        self._reading_paused = self._buffer_paused = False
        self._resume_transport_reading()

    # ── deadlines ─────────────────────────────────────────────────────────────────────────────────

    def is_idle(self, until_s: float) -> bool:
        """Whether it waits for nothing but the head of a request, and may do so beyond `until_s`."""
        return until_s < self.facts.read_deadline_s < inf  # infinite while a call is served, and at the end

    def check_deadlines(self, now_s: float) -> None:
        """Act on deadlines that have passed; called by the listener's sweeper."""
        if self._ending is not None:
            self._look_at_end(self._ending, now_s)
            return
        if now_s >= self.read_deadline_s:
            self.read_deadline_s = inf
            self._reading_is_late()
        if now_s >= self._body_deadline_s and self._call is not None:
            self._body_deadline_s = inf
            late_body = RequestTimeout("the body did not arrive in time")
            self._call.payload.set_exception(late_body)
        if now_s >= self._write_deadline_s:
            self.writing_is_late(now_s)
        call = self._call
        if now_s >= self.facts.total_deadline_s and call is not None and not call.is_over:
            self.facts.total_deadline_s = inf
            call.is_late()

    def _reading_is_late(self) -> None:
        if self._has_begun_head:
            self.end_with(RequestTimeout("the head did not arrive in time"))
        else:
            self.force_close()  # it is idle

    def _look_at_end(self, ending: Ending, now_s: float) -> None:
        wire = self._wire
        if wire is not None and ending.is_over(now_s, unsent_bytes(wire), self.heard_at_s):
            if ending.is_taken:
                wire.abort()  # everything was sent, so no reset is needed
            else:
                self.abort()


def caller_of(transport: asyncio.BaseTransport, entrance: Entrance) -> CallerFields:
    """Describe the caller, as far as the connection identifies it."""
    peer = transport.get_extra_info("peername")
    ours = transport.get_extra_info("ssl_object") if entrance.asks_certificate else None
    certificate = ours.getpeercert(binary_form=True) if ours is not None else None
    return entrance.caller(peer[0] if isinstance(peer, tuple) else None, certificate)
