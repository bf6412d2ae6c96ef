"""One request sent to one upstream, up to the head of its answer.

Rules: what is at hand goes out in one write; a longer body streams beside the wait for the answer, only
as fast as the upstream takes it; a request is sent again only if its pooled connection died without a
byte of an answer, and if it is idempotent or was not sent (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1);
``Expect: 100-continue`` goes to the upstream, whose 100 the caller gets (RFC 9110 section 10.1.1); a token
that is bound to a key goes with a new proof, which may have to be made once more with a nonce (`proofs`).
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final

from gateway.core.errors import GatewayError, UpstreamClosed, UpstreamTimeout
from gateway.core.http.answer_head import dropped_names
from gateway.core.http.outbound import expectation_lines, framing_lines
from gateway.core.http.recovery import may_send_again
from gateway.core.token import Token
from gateway.proxy.answer import WholeAnswer
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.dpop_proofs import DpopProofs, callers_lines
from gateway.proxy.route import Route
from gateway.proxy.upstream import UpstreamConnection

# An upstream that ignores the expectation says nothing; curl waits as long before it sends.
CONTINUE_WAIT_S: Final = 1.0


class Exchange:
    """A request on its way to an upstream.

    Attributes:
        upstream: the connection it is on.
        answer: what came back: on that connection, or taken off it.
    """

    __slots__ = ("_call", "_invited", "_is_closed", "_pump", "_route", "answer", "upstream")

    def __init__(self, call: Call, route: Route, upstream: UpstreamConnection) -> None:
        self._call = call
        self._route = route
        self._pump: asyncio.Task[None] | None = None
        self._invited: asyncio.Event | None = None
        self._is_closed = False
        self.upstream = upstream
        self.answer: UpstreamConnection | WholeAnswer = upstream

    def send(self, lines: list[bytes]) -> None:
        """Send the request: at once what is at hand, the rest of a long body by the pump.

        Raises:
            CallerError: the body is not to be taken.
        """
        call, upstream = self._call, self.upstream
        body = call.body
        upstream.begin(is_head=call.is_head)
        upstream.deadline_error = UpstreamTimeout
        if body is None:
            if call.head.content_length == 0:
                lines += framing_lines(call.head)
            lines.append(b"\r\n")
            upstream.write(b"\r\n".join(lines))
            upstream.request_is_sent = True
            upstream.deadline_s = call.connection.now_s() + self._route.timeouts.response_s
        else:
            self._send_with_body(lines, body)

    def _sent(self) -> None:
        self.upstream.request_is_sent = True
        self.upstream.deadline_s = self._call.connection.now_s() + self._route.timeouts.response_s

    def _send_with_body(self, lines: list[bytes], body: RequestBody) -> None:
        head = self._call.head
        lines += framing_lines(head)
        if body.is_at_hand:
            parts = [self._framed(part) for part in body.read_at_hand()]
            self.upstream.write(b"\r\n".join((*lines, b"\r\n")) + b"".join(parts) + self._last())
            self._sent()
            return
        if head.expects_continue and not body.has_begun and not self._call.said_continue:
            lines += expectation_lines(head)
            self._invited = asyncio.Event()
        self.upstream.write(b"\r\n".join((*lines, b"\r\n")))
        self._pump = asyncio.get_running_loop().create_task(self._send_body(body))

    def _framed(self, part: bytes) -> bytes:
        return part if not self._call.head.is_chunked else b"%x\r\n%b\r\n" % (len(part), part)

    def _last(self) -> bytes:
        return b"0\r\n\r\n" if self._call.head.is_chunked else b""

    async def _send_body(self, body: RequestBody) -> None:
        """The pump: a task of its own, owned by this exchange; tells the upstream's waiter, never raises."""
        upstream, connection = self.upstream, self._call.connection
        idle_s = self._route.timeouts.idle_s
        try:
            await self._be_invited()
            while part := await connection.await_body(body, idle_s):
                upstream.write(self._framed(part))
                if upstream.writing_paused:
                    await self._drain(idle_s)
            upstream.write(self._last())
            upstream.request_is_sent = True
            if not upstream.has_head:
                self._sent()
        except GatewayError as error:
            upstream.fail(error)
        except Exception as error:  # noqa: BLE001 - a task that nobody awaits must not die unheard
            upstream.fault(error)

    async def _drain(self, idle_s: float) -> None:
        upstream = self.upstream
        upstream.deadline_s = self._call.connection.now_s() + idle_s
        await upstream.drain()
        if not upstream.has_head:
            upstream.deadline_s = inf  # the wait for the answer begins when the request is sent

    async def _be_invited(self) -> None:
        if self._invited is None:
            return
        try:
            async with asyncio.timeout(CONTINUE_WAIT_S):
                await self._invited.wait()
        except TimeoutError:
            self._call.say_continue()

    def pass_informational(self) -> None:
        """RFC 9110 section 15.2: 1xx go to callers that know them; a 100 only where it was expected."""
        head = self._call.head
        for answer in self.upstream.informational:
            if answer.status == 100:
                if head.expects_continue:
                    self._call.say_continue()
                if self._invited is not None:
                    self._invited.set()
            elif not head.is_http10:
                lines = callers_lines(self._call, answer)
                lines = self._route.answer_lines(lines, dropped_names(answer.special))
                status = b"HTTP/1.1 %d %b" % (answer.status, answer.reason)
                self._call.write(b"\r\n".join((status, *lines, b"\r\n")))
        self.upstream.informational.clear()

    async def pause(self) -> None:
        """Keep the answer at hand, and leave what the caller still sends where it is: it may be replayed.

        An answer that is complete needs no connection, which may serve others meanwhile.
        """
        if self._pump is not None and not self._pump.done():
            self._pump.cancel()
            await asyncio.wait((self._pump,))
        upstream = self.upstream
        upstream.deadline_s = inf
        if upstream.request_is_sent and upstream.answer is not None and upstream.answer.is_complete:
            self.answer = WholeAnswer(upstream.answer, upstream.buffered_bytes)
            self.close()

    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            GatewayError: the response broke off meanwhile.
        """
        if self._is_closed:
            return
        upstream, body = self.upstream, self._call.body
        upstream.check()
        if self._pump is not None and body is not None and upstream.is_open and not upstream.request_is_sent:
            self._pump = asyncio.get_running_loop().create_task(self._send_body(body))

    def close(self) -> None:
        """End the exchange, once; its connection serves another only if both messages ended."""
        if self._is_closed:
            return
        self._is_closed = True
        self._call.upstream = None  # from here on it may be another call's
        if self._pump is not None and not self._pump.done():
            self._pump.cancel()
        self._route.pool.release(self.upstream)

    async def abandon(self) -> None:
        """Close, and rewind the body once its pump has let go of it: it is to be read again."""
        self.close()
        if self._pump is not None:
            await asyncio.wait((self._pump,))
        if self._call.body is not None:
            self._call.body.rewind()


async def exchange(call: Call, route: Route, token: Token | None) -> Exchange:
    """Send the request on a connection of the route's pool, and wait for the head of the answer.

    Raises:
        GatewayError: there is none; nothing is left behind.
    """
    head, connection, pool = call.head, call.connection, route.pool
    authorization = route.plan.authorization(head, token.field_value if token is not None else None)
    proofs = DpopProofs(call, route, token.prover) if token is not None and token.prover is not None else None
    call.sent_s = began_s = connection.stopwatch_s()
    while True:
        upstream = pool.idle_connection() or await pool.connect(call.within(route.timeouts.connect_s))
        call.upstream = upstream
        was_used = upstream.exchanges > 0
        attempt = Exchange(call, route, upstream)
        try:
            lines = route.plan.head(head, connection.caller, authorization, call.request_id)
            if proofs is not None:
                lines.append(proofs.line())
            attempt.send(lines)
            while not upstream.has_head:
                await upstream.happens()
                upstream.check()
                if upstream.informational:
                    attempt.pass_informational()
        except UpstreamClosed:
            await attempt.abandon()
            if not was_used or upstream.was_answered or not _may_send_again(call):
                raise
            route.counters.connection_retried()
        except BaseException:
            attempt.close()
            raise
        else:
            call.upstream_status = upstream.status
            if proofs is None or not proofs.must_repeat(upstream.answer):
                return attempt
            await attempt.abandon()
            route.counters.nonce_retried()
        finally:
            call.upstream_s = connection.stopwatch_s() - began_s


def _may_send_again(call: Call) -> bool:
    if call.body is not None and not call.body.is_replayable:
        return False
    return may_send_again(call.message.method, was_sent=True)
