"""One request of a caller, and how far its answer has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway.core.errors import CallerGone, GatewayError
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.problem import problem_answer
from gateway.core.http.recovery import Recovery

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.http import RawRequestMessage

    from gateway.core.http.request_head import RequestHead
    from gateway.core.token import Token
    from gateway.proxy.body import RequestBody
    from gateway.proxy.caller import CallerConnection
    from gateway.proxy.route import Route
    from gateway.proxy.upstream import UpstreamConnection

ALL_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Call:
    """A request and the story of its answer; lives from the head to the last byte.

    Attributes:
        message, payload: as aiohttp's parser gave them.
        head, path, route, body, token, upstream: set as they become known; the target of a request that
            could not be read may hold a password, so it stays unknown.
        forwarded_for: as of `AccessRecord`.
        status: of the final answer once its head is written, else 0.
        keeps_alive: whether the connection may serve another request.
        token_is_new: it was obtained for this very request.
        sent_s: when the last exchange began, on the stopwatch.
        started_s: monotonic, when the head was complete.
        began_s: the same instant on the stopwatch, for durations.
        upstream_s: waiting for the head of the answer; None: there was no exchange.
    """

    # Not slotted: defaults that stand in the class cost nothing per request.
    head: RequestHead  # once it is read
    path = "-"
    route: Route | None = None
    body: RequestBody | None = None
    token: Token | None = None
    token_is_new = False
    sent_s = 0.0
    upstream: UpstreamConnection | None = None
    error = ""
    failure: GatewayError | None = None
    forwarded_for = ""
    recovery = Recovery.NONE
    status = 0
    upstream_status = 0
    answer_bytes = 0
    token_s = 0.0
    upstream_s: float | None = None
    said_continue = False

    def __init__(
        self,
        connection: CallerConnection,
        message: RawRequestMessage,
        payload: StreamReader,
        request_id: bytes,
        started_s: float,
    ) -> None:
        self.connection = connection
        self.message = message
        self.payload = payload
        self.request_id = request_id
        self.started_s = started_s
        self.began_s = connection.stopwatch_s()
        self.keeps_alive = not message.should_close

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body."""
        return self.message.method == "HEAD"

    def within(self, most_s: float) -> float:
        """Give `most_s`, or what is left of the route's whole time if that is less."""
        return min(most_s, max(0.0, self.connection.total_deadline_s - self.connection.now_s()))

    def write(self, data: bytes) -> None:
        """Send to the caller.

        Raises:
            CallerGone: there is nobody.
        """
        transport = self.connection.transport
        if transport is None:
            raise CallerGone("the caller closed the connection")
        transport.write(data)

    def write_parts(self, parts: Iterable[bytes]) -> None:
        """Send to the caller what need not be put together first.

        Raises:
            CallerGone: there is nobody.
        """
        transport = self.connection.transport
        if transport is None:
            raise CallerGone("the caller closed the connection")
        transport.writelines(parts)

    def say_continue(self) -> None:
        """Invite the body, once (RFC 9110 section 10.1.1)."""
        if not self.said_continue and self.status == 0:
            self.said_continue = True
            self.write(CONTINUE)

    def refuse(self, error: GatewayError) -> None:
        """Answer with `error`, or break the answer off if it has begun."""
        self.error = self.error or error.code
        self.failure = self.failure or error
        if self.status:
            self.keeps_alive = False
            self.connection.break_off()
            return
        self.status = error.status
        may_go_on = self.payload.is_eof() and not self.connection.is_ending
        self.keeps_alive = self.keeps_alive and may_go_on and not error.closes
        if self.connection.transport is not None and error.status != CallerGone.status:
            request_id = self.request_id.decode("ascii")
            closes = not self.keeps_alive
            date = self.connection.date()
            self.write(problem_answer(error, request_id, date, closes=closes, is_head=self.is_head))

    def answer_options(self, methods: frozenset[str] | None) -> None:
        """Answer an OPTIONS request that may go no further (RFC 9110 section 7.6.2)."""
        self.status = 204
        self.keeps_alive = self.keeps_alive and self.payload.is_eof() and not self.connection.is_ending
        closing = "" if self.keeps_alive else "Connection: close\r\n"
        allow = ", ".join(sorted(methods or ALL_METHODS))
        head = f"HTTP/1.1 204 No Content\r\nDate: {self.connection.date()}\r\nAllow: {allow}\r\n{closing}\r\n"
        self.write(head.encode("ascii"))

    def record(self, wall_s: float, total_s: float) -> AccessRecord:
        """Tell the call as one record."""
        return AccessRecord(
            started_at_s=wall_s - total_s,
            request_id=self.request_id.decode("ascii"),
            route=self.route.settings.name if self.route is not None else "-",
            caller=self.connection.caller.name,
            forwarded_for=self.forwarded_for,
            method=self.message.method,
            path=self.path,
            status=self.status,
            upstream_status=self.upstream_status,
            error=self.error,
            request_bytes=self.body.received_bytes if self.body is not None else 0,
            answer_bytes=self.answer_bytes,
            total_s=total_s,
            token_s=self.token_s,
            upstream_s=self.upstream_s,
            token=self.token.fingerprint if self.token is not None else "",
            recovery=self.recovery,
            cause="" if self.failure is None else self.cause,
        )

    @property
    def cause(self) -> str:
        """Why it failed, as a word (`core.cause`), or an empty text."""
        failure = self.failure
        return failure.cause.value if failure is not None and failure.cause is not None else ""
