"""One request sent to one upstream, up to the head of its answer.

Rules: what is at hand goes out in one write; a longer body streams beside the wait for the answer, only
as fast as the upstream takes it; a request is sent again only if its pooled connection died without a
byte of an answer, and if it is idempotent or was not sent (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1);
``Expect: 100-continue`` goes to the upstream, whose 100 the caller gets (RFC 9110 section 10.1.1); a token
that is bound to a key goes with a new proof, which may have to be made once more with a nonce
(`proxy.dpop_proofs`).
"""

from __future__ import annotations

import asyncio

from gateway.core.errors import UpstreamClosed
from gateway.core.http.answer_head import dropped_names
from gateway.core.http.outbound import expectation_lines, framing_lines
from gateway.core.http.recovery import may_send_again
from gateway.core.token import Token
from gateway.proxy.answer import WholeAnswer
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.dpop_proofs import DpopProofs, callers_lines
from gateway.proxy.exchange_facts import ExchangeFacts
from gateway.proxy.pump import Pump, framed, last_part
from gateway.proxy.route import Route
from gateway.proxy.upstream import Awaiter, UpstreamConnection


class Exchange(ExchangeFacts):
    """A request on its way to an upstream.

    Attributes:
        answer: what came back, once its head is complete: on the connection, or taken off it.
    """

    __slots__ = ("_authorization", "_call", "_invited", "_proofs", "_pump", "_route", "_was_used", "answer")

    answer: UpstreamConnection | WholeAnswer

    def __init__(self, call: Call, route: Route, token: Token | None, *, token_is_new: bool = False) -> None:
        before = call.exchange
        last_status = before.status if before is not None else 0
        super().__init__(token, call.link.stopwatch_s(), last_status, token_is_new=token_is_new)
        prover = token.prover if token is not None else None
        self._call = call
        self._route = route
        value = token.field_value if token is not None else None
        self._authorization = route.plan.authorization(call.head, value)
        self._proofs = DpopProofs(call, route, prover) if prover is not None else None
        self._pump: Pump | None = None
        self._invited: asyncio.Event | None = None
        self._was_used = False  # its connection served others before
        call.exchange = self

    async def run(self) -> None:
        """Send the request on a connection of the route's pool, and wait for the head of the answer.

        Raises:
            GatewayError: there is none; nothing is left behind.
        """
        try:
            while not await self._has_answer():
                await self.abandon()
        except BaseException:
            self.close()
            raise
        finally:
            self.waited_s = self._call.link.stopwatch_s() - self.sent_s

    async def _has_answer(self) -> bool:
        """Send, and wait; tell whether the head that came is that of the answer: else it is sent again."""
        upstream = self.upstream  # there is one already where callbacks began the exchange
        try:
            if upstream is None:
                self.upstream = upstream = await self._connection()
                self._send(upstream)
            await self._head(upstream)
        except UpstreamClosed:
            if upstream is None or not self._may_be_sent_again(upstream):
                raise
            self._route.counters.connection_retried()
            return False
        self.status = upstream.status
        self.answer = upstream
        if self._proofs is not None and self._proofs.must_repeat(upstream.answer):
            self._route.counters.nonce_retried()
            return False
        return True

    async def _connection(self) -> UpstreamConnection:
        pool = self._route.pool
        timeout_s = self._route.timeouts.connect_s
        return pool.idle_connection() or await pool.connect(self._call.within(timeout_s))

    async def _head(self, upstream: UpstreamConnection) -> None:
        while True:
            upstream.check()
            if upstream.informational:
                self._pass_informational(upstream)
            if upstream.has_head:
                return
            await upstream.happens()

    def _may_be_sent_again(self, upstream: UpstreamConnection) -> bool:
        call = self._call
        died_unheard = self._was_used and not upstream.was_answered
        return died_unheard and call.may_be_replayed and may_send_again(call.method)

    # ── without a task that waits ─────────────────────────────────────────────────────────────────

    def starts(self, awaiter: Awaiter) -> bool:
        """Send the request now, if nothing must be awaited for that; tell whether it was sent.

        Whatever happens to its answer is told to `awaiter`, until `run` is called. What was not sent, `run`
        sends.

        Raises:
            GatewayError: the request is not to be sent.
        """
        upstream = self._route.pool.idle_connection() if self._proofs is None else None
        if upstream is None:
            return False
        self.upstream = upstream
        upstream.awaiter = awaiter
        self._send(upstream)
        return True

    def has_news(self) -> bool:
        """Whether there is anything to act on."""
        upstream = self.upstream
        if upstream is None:
            return False
        return upstream.has_head or upstream.error is not None or bool(upstream.informational)

    def is_whole(self) -> bool:
        """Whether the answer is here, to its last byte; if not, `run` waits for it."""
        upstream = self.upstream
        assert upstream is not None
        upstream.awaiter = None
        answer = upstream.answer
        if answer is None or not answer.is_complete or upstream.error is not None or upstream.informational:
            return False
        self.status = upstream.status
        self.answer = upstream
        self.waited_s = self._call.link.stopwatch_s() - self.sent_s
        return True

    def fails(self) -> None:
        """End the exchange, of which `run` was not called: something went wrong, or the caller left."""
        if self.waited_s is None:
            self.waited_s = self._call.link.stopwatch_s() - self.sent_s
        self.close()

    # ── sending ───────────────────────────────────────────────────────────────────────────────────

    def _send(self, upstream: UpstreamConnection) -> None:
        """Send the request: at once what is at hand, the rest of a long body by the pump.

        Raises:
            CallerError: the body is not to be taken.
        """
        call, route = self._call, self._route
        head, body = call.head, call.body
        self._was_used = upstream.exchanges > 0
        lines = route.plan.head(head, call.link.caller, self._authorization, call.request_id)
        if self._proofs is not None:
            lines.append(self._proofs.line())
        upstream.begin(is_head=call.is_head)
        if body is not None:
            self._send_with_body(upstream, lines, body)
            return
        if head.content_length == 0:
            lines += framing_lines(head)
        lines.append(b"\r\n")
        upstream.write(b"\r\n".join(lines))
        upstream.request_is_sent = True
        upstream.is_due(call.link.now_s() + route.timeouts.response_s)

    def _sent(self, upstream: UpstreamConnection) -> None:
        upstream.request_is_sent = True
        upstream.is_due(self._call.link.now_s() + self._route.timeouts.response_s)

    def _send_with_body(self, upstream: UpstreamConnection, lines: list[bytes], body: RequestBody) -> None:
        head = self._call.head
        lines += framing_lines(head)
        if body.is_at_hand:
            is_chunked = head.is_chunked
            parts = [framed(part, is_chunked=is_chunked) for part in body.read_at_hand()]
            rest = b"".join((*parts, last_part(is_chunked=is_chunked)))
            upstream.write(b"\r\n".join((*lines, b"\r\n")) + rest)
            self._sent(upstream)
            return
        if head.expects_continue and not body.has_begun and not self._call.said_continue:
            lines += expectation_lines(head)
            self._invited = asyncio.Event()
        upstream.write(b"\r\n".join((*lines, b"\r\n")))
        self._start_pump(upstream, body)

    def _start_pump(self, upstream: UpstreamConnection, body: RequestBody) -> None:
        self._pump = Pump(self._call, body, upstream, self._route.timeouts, self._invited)

    def _pass_informational(self, upstream: UpstreamConnection) -> None:
        """RFC 9110 section 15.2: 1xx go to callers that know them; a 100 only where it was expected."""
        call = self._call
        for answer in upstream.informational:
            if answer.status == 100:
                if call.head.expects_continue:
                    call.say_continue()
                if self._invited is not None:
                    self._invited.set()
            elif not call.head.is_http10:
                lines = callers_lines(self.token, answer)
                lines = self._route.answer_lines(lines, dropped_names(answer.special))
                status = b"HTTP/1.1 %d %b" % (answer.status, answer.reason)
                call.link.write(b"\r\n".join((status, *lines, b"\r\n")))
        upstream.informational.clear()

    # ── holding, and the end ──────────────────────────────────────────────────────────────────────

    async def pause(self) -> None:
        """Keep the answer at hand, and leave what the caller still sends where it is: it may be replayed.

        An answer that is complete needs no connection, which may serve others meanwhile.
        """
        if self._pump is not None:
            self._pump.stop()
            await self._pump.stopped()
        upstream = self.upstream
        assert upstream is not None
        upstream.has_time()
        if upstream.request_is_sent and upstream.answer is not None and upstream.answer.is_complete:
            self.answer = WholeAnswer(upstream.answer, upstream.buffered_bytes)
            self.close()

    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            GatewayError: the response broke off meanwhile.
        """
        upstream, body = self.upstream, self._call.body
        if upstream is None:
            return
        upstream.check()
        if self._pump is not None and body is not None and upstream.is_open and not upstream.request_is_sent:
            self._start_pump(upstream, body)

    def close(self) -> None:
        """End the exchange, once; its connection serves another only if both messages ended."""
        upstream, self.upstream = self.upstream, None  # from here on it may be another call's
        if upstream is None:
            return
        if self._pump is not None:
            self._pump.stop()
        self._route.pool.release(upstream)

    async def abandon(self) -> None:
        """Close, and rewind the body once its pump has let go of it: it is to be read again."""
        self.close()
        if self._pump is not None:
            await self._pump.stopped()
        if self._call.body is not None:
            self._call.body.rewind()
