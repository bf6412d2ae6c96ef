"""One request of a caller, and the progress of its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.admission import Admission, Lines
from gateway.core.errors import CallerGone, GatewayError, RouteTimeout
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.outbound import request_id
from gateway.core.http.problem import problem_answer, with_lines
from gateway.core.http.recovery import Recovery
from gateway.core.http.request_head import RequestHead
from gateway.proxy.body import RequestBody
from gateway.proxy.exchange_facts import ExchangeFacts
from gateway.proxy.link import CallerLink
from gateway.proxy.route import Route

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.http import RawRequestMessage

ALL_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_NO_RECOVERY: Final = Recovery.NONE  # looking up a member of an Enum is slow before Python 3.12
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Call:
    """A request and the progress of its response, from the complete head to the last byte.

    It has three parts, each with one writer. `proxy.handler` sets the *request* while it reads and matches
    it. The newest *exchange* writes its own facts. Only methods of the call begin, continue and end the
    *response* to the caller.

    Attributes:
        link, facts: the connection of its caller, and what every request needs of that.
        message: the head as aiohttp's parser read it, if a parser did.
        plain_head: the head that was read without a parser, if it was.
        method, payload: the method and the body of the request, as received.
        head, path, route, body: the request once it is read. Before that, or if it is malformed, the path is
            unknown: its target may contain a password.
        forwarded_for: that of `AccessRecord`.
        started_s: when the head was complete, monotonic.
        began_s: the same instant on the stopwatch, for durations.
        admission: what became of the caller at the route's gate; None before that, or if there is none.
        answer_lines: fields that every response to the call has.
        exchange: the newest one; None if there was none.
        recovery: what became of a refused token (`proxy.refused`).
        token_wait_s: the total time spent waiting for tokens.
        status: the status of the final response once its head is written, else 0.
        answer_bytes: the number of bytes of its body written so far.
        keeps_alive: the connection may serve another request.
        failure: the first failure of the call.
        is_over: the call was counted and recorded.
    """

    # Not slotted: a default in the class costs nothing, but reading it costs more than eight that were set.
    message: RawRequestMessage | None = None
    plain_head: RequestHead | None = None
    head: RequestHead  # set by `is_read`
    path = "-"
    route: Route | None = None
    forwarded_for = ""
    token_wait_s = 0.0
    status = 0
    answer_bytes = 0
    said_continue = False

    def __init__(
        self, link: CallerLink, method: str, payload: StreamReader, request_id: bytes, started_s: float
    ) -> None:
        self.link = link
        self.facts = facts = link.facts
        self.method = method
        self.payload = payload
        self.request_id = request_id
        self.started_s = started_s
        self.began_s = facts.stopwatch_s()
        self.body: RequestBody | None = None
        self.admission: Admission | None = None
        self.answer_lines: Lines = ()
        self.exchange: ExchangeFacts | None = None
        self.failure: GatewayError | None = None
        self.recovery = _NO_RECOVERY
        self.keeps_alive = True
        self.is_over = False

    # ── the request ───────────────────────────────────────────────────────────────────────────────

    def is_read(self, head: RequestHead) -> None:
        """Set the head, and what follows from it for the whole call."""
        self.head = head
        self.path = head.path
        caller = self.facts.caller
        if caller.is_trusted:
            self.forwarded_for = caller.client_behind(head)
        if b"x-request-id" in head.special:
            self.request_id = request_id(head, self.request_id)
        if head.offers_upgrade:
            self.keeps_alive = False  # aiohttp drops what follows an ignored upgrade

    def is_admitted(self, admission: Admission) -> None:
        """Note that the caller was let in."""
        self.admission = admission
        if admission.answer_lines:
            self.answer_lines += admission.answer_lines

    @property
    def is_head(self) -> bool:
        """Whether the request is a HEAD, whose response has no body."""
        return self.method == "HEAD"

    @property
    def may_be_replayed(self) -> bool:
        """Whether the whole request could be sent again."""
        return self.body is None or self.body.is_replayable

    # ── its time ──────────────────────────────────────────────────────────────────────────────────

    def within(self, most_s: float) -> float:
        """Return `most_s`, or the rest of the route's total time if that is less."""
        return min(most_s, max(0.0, self.facts.total_deadline_s - self.facts.now_s()))

    def waited_for_token(self, since_s: float) -> None:
        """Add the wait for a token that began at `since_s` on the stopwatch and ends now."""
        self.token_wait_s += self.facts.stopwatch_s() - since_s

    def is_late(self) -> None:
        """End the call, because the route's total time is over."""
        error = RouteTimeout("the request exceeded the route's timeout")
        upstream = self.exchange.upstream if self.exchange is not None else None
        if upstream is not None:
            upstream.fail(error)
        if self.status:
            self.failure = self.failure or error
            self._break_off()

    # ── the answer ────────────────────────────────────────────────────────────────────────────────

    def say_continue(self) -> None:
        """Invite the body, once (RFC 9110 section 10.1.1)."""
        if not self.said_continue and self.status == 0:
            self.said_continue = True
            self.facts.write(CONTINUE)

    def begin_answer(self, status: int, data: bytes, body_bytes: int) -> None:
        """Send `data`: the head of the final response, with the first `body_bytes` of its body.

        Raises:
            CallerGone: the caller left.
        """
        self.status = status
        self.answer_bytes = body_bytes
        self.facts.write(data)

    def refuse(self, error: GatewayError) -> None:
        """Respond with `error`, or break the response off if it has begun."""
        self.failure = self.failure or error
        if self.status:
            self.keeps_alive = False
            self._break_off()
            return
        self.status = error.status
        self._decide_keep_alive(closes=error.closes)
        if self.facts.transport is not None and error.status != CallerGone.status:
            request_id, date = self.request_id.decode("ascii"), self.facts.date().decode("ascii")
            closes = not self.keeps_alive
            said = problem_answer(error, request_id, date, closes=closes, is_head=self.is_head)
            self.facts.write(with_lines(said, self.answer_lines) if self.answer_lines else said)

    def answer_options(self, methods: frozenset[str] | None) -> None:
        """Respond to an OPTIONS request that must not be forwarded (RFC 9110 section 7.6.2)."""
        self.status = 204
        self._decide_keep_alive(closes=False)
        closing = "" if self.keeps_alive else "Connection: close\r\n"
        allow = ", ".join(sorted(methods or ALL_METHODS))
        date = self.facts.date().decode("ascii")
        head = f"HTTP/1.1 204 No Content\r\nDate: {date}\r\nAllow: {allow}\r\n{closing}\r\n".encode("ascii")
        self.facts.write(with_lines(head, self.answer_lines) if self.answer_lines else head)

    def _decide_keep_alive(self, *, closes: bool) -> None:
        """Close after an early response, since nobody reads the rest of the request body."""
        may_go_on = self.payload.is_eof() and not self.link.is_ending
        self.keeps_alive = self.keeps_alive and may_go_on and not closes

    def _break_off(self) -> None:
        self.link.break_off(shows_its_end=not self.head.is_http10)

    def answer_preflight(self, lines: Lines) -> None:
        """Respond to a browser that asks what a page of another origin may do (Fetch standard)."""
        self.status = 204
        self._decide_keep_alive(closes=False)
        closing = () if self.keeps_alive else (b"Connection: close",)
        head = (b"HTTP/1.1 204 No Content", b"Date: " + self.facts.date(), *lines, *closing, b"\r\n")
        self.facts.write(b"\r\n".join(head))

    # ── the record ────────────────────────────────────────────────────────────────────────────────

    def _caller_id(self) -> str:
        caller = self.admission.caller if self.admission is not None else None
        return f"{caller.way}:{caller.id}" if caller is not None else ""

    def record(self, wall_s: float, total_s: float) -> AccessRecord:
        """Summarise the call as an access record."""
        exchange, failure = self.exchange, self.failure
        token = exchange.token if exchange is not None else None
        record = AccessRecord(  # by position: keywords of a class cost as much again as all the rest of it
            wall_s - total_s,
            self.request_id.decode("ascii"),
            self.route.settings.name if self.route is not None else "-",
            self.facts.caller.name,
            self.forwarded_for,
            self.method,
            self.path,
            self.status,
            exchange.status if exchange is not None else 0,
            failure.code if failure is not None else "",
            self.body.received_bytes if self.body is not None else 0,
            self.answer_bytes,
            total_s,
            self.token_wait_s,
            exchange.waited_s if exchange is not None else None,
            token.fingerprint if token is not None else "",
            self.recovery,
            failure.cause.value if failure is not None and failure.cause is not None else "",
            self._caller_id(),
        )
        if exchange is not None and self.route is not None and self.route.targets is not None:
            record.upstream_address = exchange.address
        return record
