"""What the transport of a caller's connection speaks to: the short way for requests that need nobody to wait.

A connection has a task that serves one request after the other (`proxy.caller`). Most requests need none of
what a task is for: they are here whole, their token lives, a connection to their upstream is idle, and the
answer comes in one read. Such a call is served by callbacks (`proxy.fast_lane`) while the task sleeps on; it
is woken for whatever else there is, and takes the call over from where it is.

Rules: a call begins here only on a connection that waits for a request, with nothing of one in the parser;
a head that has one reading (`core.http.plain_head`) needs no parser; what arrives during a call, the end of
the connection included, goes the usual way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import StreamReader
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.core.http.request_head import HeadReader
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.link import CallerLink
from gateway.proxy.upstream import Awaiter

_NO_BODY: Final[StreamReader] = EMPTY_PAYLOAD


class Turn:
    """What is to be looked at when all that has arrived is read: what is then written goes out together."""

    __slots__ = ("_is_due", "_loop", "_work", "answered", "begun")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
        self._loop = loop
        self._work = work
        self._is_due = False
        self.begun: list[Front] = []
        self.answered: list[Front] = []

    def begins(self, front: Front) -> None:
        """Have a request served that has come."""
        self.begun.append(front)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._work)

    def is_answered(self, front: Front) -> None:
        """Have an answer looked at, to which something happened."""
        self.answered.append(front)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._work)

    def take(self) -> tuple[list[Front], list[Front]]:
        """Take what is to be looked at: answers, and requests."""
        taken = (self.answered, self.begun)
        self.answered, self.begun = [], []
        self._is_due = False
        return taken


class FrontTerms:
    """What the fronts of all connections share.

    Attributes:
        is_open: calls may be served by callbacks; else the tasks serve them all.
    """

    __slots__ = ("is_open", "keepalive_timeout_s", "next_id", "reader", "turn")

    def __init__(
        self, turn: Turn, reader: HeadReader, next_id: Callable[[], bytes], keepalive_timeout_s: float
    ) -> None:
        self.turn = turn
        self.reader = reader
        self.next_id = next_id
        self.keepalive_timeout_s = keepalive_timeout_s
        self.is_open = True


class Front(Awaiter):
    """The protocol of a caller's transport, in front of the connection that does all that is not here.

    Attributes:
        link: that connection.
        call: the one under way, by whomever it is served.
        exchange: of a call that is served by callbacks, once it has begun; the task takes it with the call.
    """

    __slots__ = ("_is_fresh", "_take", "_terms", "_waiter", "_was_fed", "call", "exchange", "link")

    def __init__(self, link: CallerLink, terms: FrontTerms, take: Callable[[], Call | None]) -> None:
        self.link = link
        self._terms = terms
        self._take = take
        self._waiter: asyncio.Future[None] | None = None  # the task's, while a call is served by callbacks
        self._is_fresh = False  # the task waits for a request, and nothing of one has come
        self._was_fed = False
        self.call: Call | None = None
        self.exchange: Exchange | None = None

    # ── the transport's protocol ──────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.link.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take a plain head, and pass all else on."""
        if self._is_fresh:
            self._is_fresh = False
            terms, link = self._terms, self.link
            head = terms.reader.read_plain(data)
            if head is not None:
                waiter = link.keep_asleep()
                if waiter is not None:
                    self._waiter = waiter
                    call = Call(link, head.method, _NO_BODY, terms.next_id(), link.now_s(), keeps_alive=True)
                    call.plain_head = head
                    self.call = call
                    terms.turn.begins(self)
                    return
        self._was_fed = True
        self.link.data_received(data)

    def eof_received(self) -> None:
        """Let the transport close: a caller that ends its side has left."""
        self.link.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._is_fresh = False
        self.link.connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the caller takes nothing more for now."""
        self.link.pause_writing()

    def resume_writing(self) -> None:
        """Go on writing."""
        self.link.resume_writing()

    # ── for the connection and its task ───────────────────────────────────────────────────────────

    def waits(self, *, is_fresh: bool) -> None:
        """Note that the task waits for a request; `is_fresh`: nothing of one has come."""
        self._is_fresh = is_fresh and self._terms.is_open
        self._was_fed = False

    def request_came(self) -> bool:
        """Begin with a request that the parser has read; False: the task is to be woken, if it sleeps."""
        waiter = self.link.keep_asleep() if self._terms.is_open else None
        if waiter is None:
            return False
        self._waiter = waiter
        self._terms.turn.begins(self)
        return True

    def taken_over(self) -> tuple[Call | None, Exchange | None]:
        """Return the call that the task was woken for, with its exchange, if there is one."""
        exchange, self.exchange = self.exchange, None
        return self.call, exchange

    # ── for the fast lane ─────────────────────────────────────────────────────────────────────────

    def happened(self) -> None:
        """Have the answer looked at."""
        self._terms.turn.is_answered(self)

    def begun(self) -> Call | None:
        """Return the call that begins; None: there is none, or the task has to begin it, and is woken."""
        if self._waiter is None:
            return None
        call = self.call
        if call is None:
            self._was_fed = False  # what was fed is this request, and no more
            self.call = call = self._take()
            if call is None:
                self.wake_task()
        return call

    def wake_task(self) -> None:
        """Let the task see to the call, or to whatever came."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def served(self, call: Call, now_s: float) -> None:
        """Wait for the next request; the task sees to all that does not end so."""
        waiter = self._waiter
        if (
            waiter is None
            or self._was_fed
            or not call.keeps_alive
            or not self.link.sleeps_on(waiter, now_s + self._terms.keepalive_timeout_s)
        ):
            self.wake_task()
            return
        self.call = self.exchange = self._waiter = None
        self._is_fresh = self.link.is_fresh
