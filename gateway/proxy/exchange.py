"""One request sent to one upstream, up to the head of the response.

Rules:

- What is at hand goes out in one write. A longer body streams during the wait for the response
  (`proxy.pump`).
- A request is sent again only if its pooled connection died before a byte of the response arrived, its method
  is idempotent, and its body is at hand (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1). Where there are
  other addresses, a new connection that died so is a reason to ask one of them, and so is a response that
  says that this one cannot serve (`core.upstreams.signs`).
- ``Expect: 100-continue`` goes to the upstream, and its 100 to the caller (RFC 9110 section 10.1.1).
- A token that is bound to a key is accompanied by a new proof, which the upstream may want again with a nonce
  (`proxy.dpop_proofs`).
"""

from __future__ import annotations

import asyncio

from gateway.core.errors import UpstreamClosed
from gateway.core.http.answer_head import dropped_names
from gateway.core.http.outbound import expectation_lines, framing_lines
from gateway.core.http.recovery import may_send_again
from gateway.core.http.websocket import UPGRADE_LINES
from gateway.core.token import Token
from gateway.core.upstreams.signs import SICK, Sign
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.dpop_proofs import DpopProofs, callers_lines
from gateway.proxy.exchange_facts import Again, ExchangeFacts
from gateway.proxy.outgoing.answer import WholeAnswer
from gateway.proxy.outgoing.upstream import Awaiter, UpstreamConnection
from gateway.proxy.pump import Pump, framed, last_part
from gateway.proxy.route import Route, RouteTargets


class Exchange(ExchangeFacts):
    """A request on its way to an upstream, and the response that comes back.

    Attributes:
        answer: the response once its head is complete, on its connection or detached from it.
    """

    __slots__ = (
        "_again",
        "_call",
        "_invited",
        "_proofs",
        "_pump",
        "_route",
        "_was_used",
        "answer",
    )

    answer: UpstreamConnection | WholeAnswer

    def __init__(self, call: Call, route: Route, token: Token | None, *, token_is_new: bool = False) -> None:
        before = call.exchange
        # The facts are written here: to call the class above for it costs more than they do.
        self.token = token
        self.token_is_new = token_is_new
        self.upstream = None
        self.sent_s = call.facts.stopwatch_s()
        self.waited_s = None
        self.status = before.status if before is not None else 0
        prover = token.prover if token is not None else None
        if route.leads is not None:
            route = route.leads.to(route, call.head, token)
            if route.targets is not None:
                self._again = Again()
        self._call = call
        self._route = route
        self._proofs = DpopProofs(call, route, prover) if prover is not None else None
        self._pump: Pump | None = None
        self._invited: asyncio.Event | None = None
        self._was_used = False  # its connection served other requests before
        call.exchange = self

    async def run(self) -> None:
        """Send the request on a connection of the route's pool, and wait for the head of the response.

        Raises:
            GatewayError: there is no response; the exchange is closed.
        """
        try:
            while not await self._has_answer():
                await self.abandon()
        except BaseException:
            self.close()
            raise
        finally:
            self.waited_s = self._call.facts.stopwatch_s() - self.sent_s

    async def more(self) -> None:
        """Wait until more of the response's body has arrived.

        Raises:
            GatewayError: the response broke off, or did not go on in time; the exchange must still be closed.
        """
        upstream = self.upstream
        assert upstream is not None
        upstream.is_due(self._call.facts.now_s() + self._route.timeouts.idle_s)
        await upstream.happens()
        upstream.check()

    @property
    def address(self) -> str:
        """The address of a group that it went to; or empty."""
        return self._route.address

    def url(self) -> str:
        """Return the URL of the request, without its query, as the upstream reads it."""
        return self._route.plan.uri(self._call.head)

    async def _has_answer(self) -> bool:
        """Send the request and wait for a head; return False if the request must be sent again."""
        upstream = self.upstream  # set if callbacks began the exchange
        try:
            if upstream is None:
                self.upstream = upstream = await self._connection()
                self._send(upstream)
            await self._head(upstream)
        except UpstreamClosed:
            if upstream is None or upstream.was_answered:
                raise
            if self._was_used and self._may_be_sent_again():
                self._route.counters.connection_retried()
                return self._goes_elsewhere(None)
            if not self._may_go_elsewhere(Sign.RESET):
                raise
            return self._goes_elsewhere(Sign.RESET)
        self.status = upstream.status
        self.answer = upstream
        if self.status in SICK and self._may_go_elsewhere(sign := Sign(str(self.status))):
            return self._goes_elsewhere(sign)
        if self._proofs is not None and self._proofs.must_repeat(upstream.answer):
            self._route.counters.nonce_retried()
            return False
        return True

    async def _connection(self) -> UpstreamConnection:
        route = self._route
        most_s = self._call.within(route.timeouts.connect_s)
        if route.targets is None:
            return route.pool.idle_connection() or await route.pool.connect(most_s)
        return await self._to_a_target(route.targets, most_s)

    async def _to_a_target(self, targets: RouteTargets, most_s: float) -> UpstreamConnection:
        route, proofs, connection = self._route, self._proofs, None
        again = self._again
        if proofs is not None and proofs.has_repeated and not again.avoids:
            connection = route.pool.idle_connection()  # the nonce that it gave is its own
        if connection is None:
            head, reason = self._call.head, again.reason
            again.reason = None
            route, connection = await targets.connect(
                head, most_s, route, is_again=again.avoids, reason=reason
            )
            self._route = route
        if proofs is not None:
            proofs.lead(route)
        return connection

    async def _head(self, upstream: UpstreamConnection) -> None:
        while True:
            upstream.check()
            if upstream.informational:
                self._pass_informational(upstream)
            if upstream.has_head:
                return
            await upstream.happens()

    def _may_be_sent_again(self) -> bool:
        return self._call.may_be_replayed and may_send_again(self._call.method)

    def _may_go_elsewhere(self, sign: Sign) -> bool:
        """Whether another address of the group may be asked, because this one failed and nothing was said."""
        targets = self._route.targets
        if targets is None or self._again.has_told or not self._may_be_sent_again():
            return False
        return targets.may_retry(self._route, sign, self._again.tries)

    def _goes_elsewhere(self, reason: Sign | None) -> bool:
        """Note that the request is sent again, to another address if there is one; return False."""
        if self._route.targets is not None:
            again = self._again
            again.avoids, again.reason = True, reason
            again.tries += reason is not None
        return False

    # ── without a task that waits ─────────────────────────────────────────────────────────────────

    def starts(self, awaiter: Awaiter) -> bool:
        """Send the request now if that needs no wait; return whether it was sent.

        Until `run` is called, `awaiter` is notified of whatever happens to the response. If the request was
        not sent, `run` sends it.

        Raises:
            GatewayError: the request must not be sent.
        """
        upstream = self._route.pool.idle_connection() if self._proofs is None else None
        if upstream is None:
            return False
        self.upstream = upstream
        upstream.awaiter = awaiter
        self._send(upstream)
        return True

    def has_news(self) -> bool:
        """Whether something happened that must be acted on."""
        upstream = self.upstream
        if upstream is None:
            return False
        return upstream.has_head or upstream.error is not None or bool(upstream.informational)

    def tells(self, awaiter: Awaiter) -> None:
        """Tell the next news of the response to `awaiter`."""
        if self.upstream is not None:
            self.upstream.awaiter = awaiter

    def is_whole(self) -> bool:
        """Whether the whole response has arrived; its news are told to nobody any more. If not, see `run`."""
        upstream = self.upstream
        if upstream is None:
            return False
        upstream.awaiter = None
        answer = upstream.answer
        if answer is None or not answer.is_complete or upstream.error is not None or upstream.informational:
            return False
        self.status = upstream.status
        self.answer = upstream
        self.waited_s = self._call.facts.stopwatch_s() - self.sent_s
        return True

    def fails(self) -> None:
        """End the exchange if `run` was not called, because something failed or the caller left."""
        if self.waited_s is None:
            self.waited_s = self._call.facts.stopwatch_s() - self.sent_s
        self.close()

    # ── sending ───────────────────────────────────────────────────────────────────────────────────

    def _send(self, upstream: UpstreamConnection) -> None:
        """Send what is at hand of the request, and start the pump for the rest of its body.

        Raises:
            CallerError: the body cannot be accepted.
        """
        call, route = self._call, self._route
        head, body = call.head, call.body
        self._was_used = upstream.exchanges > 0
        lines = route.plan.head(head, call.facts.caller, self.token, call.request_id)
        if self._proofs is not None:
            lines.append(self._proofs.line())
        if call.admission is not None:
            lines += call.admission.request_lines
        if head.wants_websocket:
            lines += UPGRADE_LINES
        upstream.begin(is_head=call.method == "HEAD", may_switch=head.wants_websocket)
        if body is not None:
            self._send_with_body(upstream, lines, body)
            return
        if head.content_length == 0:
            lines += framing_lines(head)
        lines.append(b"\r\n")
        upstream.sends_all(b"\r\n".join(lines), call.facts.now_s() + route.timeouts.response_s)

    def _send_with_body(self, upstream: UpstreamConnection, lines: list[bytes], body: RequestBody) -> None:
        head = self._call.head
        lines += framing_lines(head)
        if body.is_at_hand:
            is_chunked = head.is_chunked
            parts = [framed(part, is_chunked=is_chunked) for part in body.read_at_hand()]
            rest = b"".join((*parts, last_part(is_chunked=is_chunked)))
            due_s = self._call.facts.now_s() + self._route.timeouts.response_s
            upstream.sends_all(b"\r\n".join((*lines, b"\r\n")) + rest, due_s)
            return
        if head.expects_continue and not body.has_begun and not self._call.said_continue:
            lines += expectation_lines(head)
            self._invited = asyncio.Event()
        upstream.write(b"\r\n".join((*lines, b"\r\n")))
        self._start_pump(upstream, body)

    def _start_pump(self, upstream: UpstreamConnection, body: RequestBody) -> None:
        self._pump = Pump(self._call, body, upstream, self._route.timeouts, self._invited)

    def _pass_informational(self, upstream: UpstreamConnection) -> None:
        """Pass 1xx to callers that know them, and a 100 only if it was expected (RFC 9110 section 15.2)."""
        call = self._call
        for answer in upstream.informational:
            if answer.status == 100:
                if call.head.expects_continue:
                    call.say_continue()
                if self._invited is not None:
                    self._invited.set()
            elif not call.head.is_http10:
                lines = callers_lines(self.token, answer)
                lines = self._route.answer_lines(lines, dropped_names(answer.special), self)
                call.link.write(b"\r\n".join((answer.start, *lines, b"\r\n")))
                if self._route.targets is not None:
                    self._again.has_told = True
        upstream.informational.clear()

    # ── holding, and the end ──────────────────────────────────────────────────────────────────────

    async def pause(self) -> None:
        """Keep the response, and stop reading the caller's body: it may be needed for a replay.

        A complete response is detached from its connection, which may then serve other requests.
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
        """Continue after a pause.

        Raises:
            GatewayError: the response broke off during the pause.
        """
        upstream, body = self.upstream, self._call.body
        if upstream is None:
            return
        upstream.check()
        if self._pump is not None and body is not None and upstream.is_open and not upstream.request_is_sent:
            self._start_pump(upstream, body)

    def close(self) -> None:
        """End the exchange, once; its connection is kept only if both messages are complete."""
        upstream, self.upstream = self.upstream, None  # from here on, it may belong to another call
        if upstream is None:
            return
        if self._pump is not None:
            self._pump.stop()
        self._route.pool.release(upstream)

    def switched(self) -> UpstreamConnection:
        """Detach the connection, which serves a tunnel from now on."""
        upstream, self.upstream = self.upstream, None
        assert upstream is not None
        self._route.pool.let_go(upstream)
        return upstream

    async def abandon(self) -> None:
        """Close, wait for the pump to release the body, and rewind the body for the next attempt."""
        self.close()
        if self._pump is not None:
            await self._pump.stopped()
        if self._call.body is not None:
            self._call.body.rewind()
