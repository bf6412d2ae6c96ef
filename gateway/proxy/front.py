"""The protocol of a caller's transport, and the short way for requests that never wait.

Each connection has a task that serves its requests in turn (`proxy.caller`). Most requests do not need one:
the request has arrived completely, its token is alive, a connection to its upstream is idle, and the response
arrives in one read. Callbacks serve such a call (`proxy.fast_lane`) while the task sleeps. For everything
else the task is woken, and continues the call where the callbacks stopped.

Rules: a call begins here only if the connection is waiting for a request and the parser holds no part of one.
A plain head (`core.http.plain_head`) is read without the parser. Whatever arrives during a call, including
the end of the connection, goes the usual way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import StreamReader
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.core.http.request_head import HeadReader, PlainFields
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.link import CallerLink
from gateway.proxy.outgoing.upstream import Awaiter
from gateway.request_ids import RequestIds

_NO_BODY: Final[StreamReader] = EMPTY_PAYLOAD


class Turn:
    """The batch of one iteration of the loop: what to process once everything that arrived has been read.

    Attributes:
        answered, begun: the connections whose response has news, and those whose request has arrived.
        is_due: the batch is about to be processed.
    """

    __slots__ = ("_loop", "_work", "answered", "begun", "is_due")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
        self._loop = loop
        self._work = work
        self.is_due = False
        self.begun: list[Front] = []
        self.answered: list[Front] = []

    def begins(self, front: Front) -> None:
        """Add a connection whose request has arrived."""
        self.begun.append(front)
        if not self.is_due:
            self.falls_due()

    def falls_due(self) -> None:
        """Process the batch in the next iteration of the loop."""
        self.is_due = True
        self._loop.call_soon(self._work)

    def take(self) -> tuple[list[Front], list[Front]]:
        """Take the batch: first the responses, then the requests."""
        taken = (self.answered, self.begun)
        self.answered, self.begun = [], []
        self.is_due = False
        return taken


class FrontTerms:
    """What the fronts of all connections share.

    Attributes:
        ids: of requests that come without one.
        is_open: callbacks may serve calls; otherwise the tasks serve all of them.
    """

    __slots__ = ("ids", "is_open", "keepalive_timeout_s", "reader", "turn")

    def __init__(self, turn: Turn, reader: HeadReader, ids: RequestIds, keepalive_timeout_s: float) -> None:
        self.turn = turn
        self.reader = reader
        self.ids = ids
        self.keepalive_timeout_s = keepalive_timeout_s
        self.is_open = True


class Front(Awaiter):
    """The protocol of a caller's transport, in front of the connection that does everything else.

    Attributes:
        link: that connection.
        call: the current call, whether callbacks or the task serve it.
        exchange: the exchange of a call that callbacks serve, once it has begun; passed to the task with the
            call.
    """

    __slots__ = ("_facts", "_fields", "_is_fresh", "_take", "_terms", "_waiter", "call", "exchange", "link")

    def __init__(self, link: CallerLink, terms: FrontTerms, take: Callable[[], Call | None]) -> None:
        self.link = link
        self._facts = link.facts
        self._terms = terms
        self._take = take
        self._waiter: asyncio.Future[None] | None = None  # the task's, while callbacks serve a call
        self._is_fresh = False  # the task waits for a request, and no byte of one has arrived
        self._fields: PlainFields | None = None
        self.call: Call | None = None
        self.exchange: Exchange | None = None

    # ── the transport's protocol ──────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the transport to the connection."""
        self.link.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Begin a call if the data is a plain head; pass everything else on."""
        if self._is_fresh:
            self._is_fresh = False
            terms, facts = self._terms, self._facts
            head = terms.reader.read_plain(data, self._fields)
            if head is not None:
                self._fields = head.plain_fields
                waiter = facts.keep_asleep()
                if waiter is not None:
                    self._waiter = waiter
                    call = Call(self.link, head.method, _NO_BODY, terms.ids.next(), facts.now_s())
                    call.plain_head = head
                    self.call = call
                    terms.turn.begins(self)
                    return
        self._facts.was_fed = True
        self.link.data_received(data)

    def eof_received(self) -> bool:
        """Let the transport close: a caller that closes its side has left, unless it has a tunnel."""
        return self.link.caller_ends()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the connection that its transport is gone."""
        self._is_fresh = False
        self.link.connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the caller reads nothing more for now."""
        self.link.pause_writing()

    def resume_writing(self) -> None:
        """Note that the caller reads again."""
        self.link.resume_writing()

    # ── for the connection and its task ───────────────────────────────────────────────────────────

    def go_on(self, terms: FrontTerms) -> None:
        """Serve under other terms; nothing is being served now."""
        self._terms = terms
        self._fields = None

    def leave_next(self) -> None:
        """Wake the task once the current call is over, instead of waiting for the next request here."""
        self._facts.was_fed = True

    def waits(self, *, is_fresh: bool) -> None:
        """Note that the task waits for a request; `is_fresh`: no byte of one has arrived."""
        self._is_fresh = is_fresh and self._terms.is_open
        self._facts.was_fed = False

    def request_came(self) -> bool:
        """Begin a request that the parser has read; return False if the task must serve it."""
        waiter = self._facts.keep_asleep() if self._terms.is_open else None
        if waiter is None:
            return False
        self._waiter = waiter
        self._terms.turn.begins(self)
        return True

    def taken_over(self) -> tuple[Call | None, Exchange | None]:
        """Hand the call that the task was woken for to the task, with its exchange; each may be None."""
        exchange, self.exchange = self.exchange, None
        return self.call, exchange

    # ── for the fast lane ─────────────────────────────────────────────────────────────────────────

    def happened(self) -> None:
        """Add the response to the batch."""
        turn = self._terms.turn
        turn.answered.append(self)
        if not turn.is_due:
            turn.falls_due()

    def begun(self) -> Call | None:
        """Return the call that begins; None if there is none, or if the task was woken to begin it."""
        if self._waiter is None:
            return None
        call = self.call
        if call is None:
            self.call = call = self._take()
            if call is None:
                self.wake_task()
            else:
                self._facts.was_fed = False  # the data was this request, and nothing more
        return call

    def wake_task(self) -> None:
        """Let the task continue the call, or handle whatever arrived."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def served(self, call: Call, now_s: float) -> None:
        """Wait for the next request, or wake the task if the connection cannot simply go on."""
        waiter = self._waiter
        if (
            waiter is None
            or self._facts.was_fed
            or not call.keeps_alive
            or not self._facts.sleeps_on(waiter, now_s + self._terms.keepalive_timeout_s)
        ):
            self.wake_task()
            return
        self.call = self.exchange = self._waiter = None
        self._is_fresh = call.plain_head is not None or self.link.is_fresh  # nothing was fed since it was
