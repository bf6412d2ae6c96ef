"""One connection to an upstream, on llhttp: an exchange at a time.

Rules: what arrives is only noted here and taken by whoever waits, so that an answer that came in one
read costs one wake-up; reading pauses above `HIGH_WATER_BYTES`; a byte that nobody asked for ends the
connection, for it could be taken for the next caller's answer (aiohttp#13656); a connection is used
again only if both messages ended and both sides wish it (RFC 9112 section 9.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final, cast

import httptools

from gateway.core.answer_head import ANSWER_SPECIAL, Body, may_be_trailer, upstream_body
from gateway.core.errors import (
    GatewayError,
    UpstreamAnswerIncomplete,
    UpstreamAnswerInvalid,
    UpstreamAnswerTooLarge,
    UpstreamClosed,
    UpstreamError,
)
from gateway.core.fields import FieldNames, options
from gateway.core.settings import KIB, Limits

HIGH_WATER_BYTES: Final = 256 * KIB
_NAMES: Final = FieldNames(ANSWER_SPECIAL)
_NO_BODY: Final = Body.NONE  # the attribute of an Enum is a slow look-up before Python 3.12
_LENGTH: Final = Body.LENGTH


class Answer:
    """What an upstream answered, as far as it has arrived.

    Attributes:
        fields: of the head until it is complete, then of the trailers.
        lines: fields of the head that pass, each as ``Name: value``.
        special: hop-by-hop and framing fields, lower-case name -> value.
        chunks: parts of the body that nobody has taken yet.
    """

    # Not slotted: defaults that stand in the class cost nothing per answer.
    status = 0
    reason = b""
    body = Body.NONE
    has_head = False
    is_complete = False

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.lines: list[bytes] = []
        self.special: dict[bytes, bytes] = {}
        self.chunks: list[bytes] = []

    def trailers(self) -> list[bytes]:
        """Give the trailer fields that may pass, once the answer is complete (RFC 9110 section 6.5)."""
        return [name + b": " + value for name, value in self.fields if may_be_trailer(name)]


class UpstreamConnection(asyncio.Protocol):
    """A connection and the exchange that is under way on it."""

    __slots__ = (
        "_drain",
        "_head_bytes",
        "_is_head",
        "_keeps_alive",
        "_left_bytes",
        "_limits",
        "_loop",
        "_on_gone",
        "_parser",
        "_reading_paused",
        "_waiter",
        "answer",
        "buffered_bytes",
        "deadline_error",
        "deadline_s",
        "error",
        "exchanges",
        "idle_since_s",
        "informational",
        "is_gone",
        "is_reusable",
        "request_is_sent",
        "transport",
        "was_answered",
        "writing_paused",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        on_gone: Callable[[UpstreamConnection], None],
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._on_gone = on_gone
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._is_head = False
        self._head_bytes = 0
        self._left_bytes = 0
        self._keeps_alive = False
        self.transport: asyncio.Transport | None = None
        self.answer: Answer | None = None
        self.informational: list[Answer] = []
        self.buffered_bytes = 0
        self.error: GatewayError | None = None
        self.deadline_s = inf
        self.deadline_error: type[UpstreamError] = UpstreamClosed
        self.exchanges = 0
        self.idle_since_s = 0.0
        self.is_gone = False
        self.is_reusable = False
        self.request_is_sent = False
        self.was_answered = False
        self.writing_paused = False

    def __repr__(self) -> str:
        state = "gone" if self.is_gone else "idle" if self.answer is None else "busy"
        return f"<UpstreamConnection {state}, exchange {self.exchanges}>"

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against using it."""
        return not self.is_gone and self.transport is not None and not self.transport.is_closing()

    @property
    def has_head(self) -> bool:
        """Whether the head of the final answer is there."""
        return self.answer is not None and self.answer.has_head

    # ── what the exchange calls ───────────────────────────────────────────────────────────────────

    def begin(self, *, is_head: bool) -> None:
        """Expect an answer from now on."""
        self.answer = Answer()
        self.exchanges += 1
        self._is_head = is_head
        self._head_bytes = self._left_bytes = self.buffered_bytes = 0
        self.is_reusable = self.request_is_sent = self.was_answered = False
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)

    def write(self, data: bytes) -> None:
        """Send; what cannot go yet is held by the transport (see `writing_paused`)."""
        if self.transport is not None and not self.is_gone:
            self.transport.write(data)

    def end(self) -> bool:
        """End the exchange; give whether the connection may serve another."""
        is_clean = (
            self.is_reusable
            and self.request_is_sent
            and not self.is_gone
            and self.error is None
            and not self.writing_paused
        )
        self.answer = None
        self.deadline_s = inf
        if not is_clean:
            self.abort()
        return is_clean

    def happens(self) -> asyncio.Future[None]:
        """Give what is done when something next happened to the answer; then look at it, and at `check`."""
        self._waiter = waiter = self._loop.create_future()
        if self.error is not None:
            waiter.set_result(None)
        return waiter

    def check(self) -> None:
        """Raise the error that ended the exchange, if one did.

        Raises:
            GatewayError: whoever's fault it was.
        """
        if self.error is not None:
            raise self.error

    async def drain(self) -> None:
        """Wait until the upstream takes more of the request; returns too when it is gone."""
        if self.writing_paused and not self.is_gone:
            self._drain = self._loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    def take(self) -> list[bytes]:
        """Take the parts of the body that have arrived."""
        assert self.answer is not None
        chunks, self.answer.chunks = self.answer.chunks, []
        self.buffered_bytes = 0
        if self._reading_paused and self.transport is not None and not self.is_gone:
            self._reading_paused = False
            self.transport.resume_reading()
        return chunks

    def fail(self, error: GatewayError) -> None:
        """End the exchange with `error`, unless it has ended; the connection goes too."""
        if self.error is None and not (self.answer is not None and self.answer.is_complete):
            self.error = error
        self._wake()
        self.abort()

    def abort(self) -> None:
        """Close at once, without waiting for what is still to be sent."""
        if self.transport is not None and not self.is_gone:
            self.is_gone = True
            self.transport.abort()

    def check_deadline(self, now_s: float) -> None:
        """Fail with `deadline_error` once `deadline_s` has passed."""
        if now_s >= self.deadline_s:
            self.deadline_s = inf
            self.fail(self.deadline_error("the time for it is over", was_sent=True))

    # ── asyncio.Protocol ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        answer = self.answer
        if self._left_bytes and answer is not None:
            self._take_raw(answer, data)
            return
        if answer is None or answer.is_complete or self._parser is None:
            self._unasked()
            return
        self.was_answered = True
        if not answer.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._parse_failed(error)
        if not answer.has_head and self._head_bytes > self._limits.header_bytes:
            self.fail(UpstreamAnswerTooLarge("the answer's header is too large", was_sent=True))
        answer = self.answer  # another one, if what came was informational
        if answer is not None and answer.body is _LENGTH and answer.has_head and not answer.is_complete:
            self._end_parsing(answer)
        self._wake()

    def _end_parsing(self, answer: Answer) -> None:
        """The rest of a body of known length needs no parser, which would copy it once more."""
        assert self._parser is not None
        self._left_bytes = int(answer.special[b"content-length"]) - self.buffered_bytes
        self._keeps_alive = self._parser.should_keep_alive()
        self._parser = None

    def _take_raw(self, answer: Answer, data: bytes) -> None:
        left = self._left_bytes
        self._left_bytes = max(0, left - len(data))
        self._note_body(answer, data if len(data) <= left else data[:left])
        if not self._left_bytes:
            answer.is_complete = True
            self.is_reusable = self._keeps_alive and len(data) == left
        self._wake()

    def _unasked(self) -> None:
        """Bytes on an idle connection, or behind an answer that is complete."""
        self.is_reusable = False
        if self.answer is None:
            self.abort()

    def _parse_failed(self, error: Exception) -> None:
        """Foreign text stays out of our errors; only our own, raised in a callback, are kept."""
        cause = error.__context__
        ours = cause if isinstance(cause, UpstreamError) else None
        self.is_reusable = False
        if self.answer is None or not self.answer.is_complete:
            self.fail(ours or UpstreamAnswerInvalid("the answer is not HTTP/1.x", was_sent=True))

    def eof_received(self) -> None:
        """Nothing to do: the transport closes, and `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        answer = self.answer
        if answer is not None and not answer.is_complete:
            if answer.has_head and answer.body is Body.UNTIL_CLOSE and exc is None and self.error is None:
                answer.is_complete = True
            elif self.error is None:
                kind = UpstreamAnswerIncomplete if answer.has_head else UpstreamClosed
                self.error = kind("the upstream closed the connection", was_sent=True)
        self._wake()
        self.resume_writing()
        self._on_gone(self)

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # ── llhttp's callbacks ────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self.answer is None or self.answer.is_complete:
            raise UpstreamAnswerInvalid("a second answer")

    def on_status(self, reason: bytes) -> None:
        assert self.answer is not None
        self.answer.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self.answer
        assert answer is not None
        answer.fields.append((name, value))
        if answer.has_head:  # a trailer
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > 2 * self._limits.header_bytes:
                raise UpstreamAnswerTooLarge("the answer's trailers are too large", was_sent=True)

    def on_headers_complete(self) -> None:
        answer, parser = self.answer, self._parser
        assert answer is not None
        assert parser is not None
        answer.status = status = parser.get_status_code()
        if len(answer.fields) > self._limits.headers:
            raise UpstreamAnswerTooLarge("the answer's header has too many fields", was_sent=True)
        if status == 101:
            raise UpstreamAnswerInvalid("the upstream switched protocols unasked", was_sent=True)
        answer.lines, answer.special = _NAMES.sort(answer.fields)
        answer.fields = []
        answer.body = body = upstream_body(status, answer.special, is_head=self._is_head)
        answer.has_head = True
        if body is _NO_BODY and status >= 200:
            self._end_without_body(answer, parser)

    def _end_without_body(self, answer: Answer, parser: httptools.HttpResponseParser) -> None:
        """llhttp would wait for the body that a HEAD, 204 or 304 answer only describes."""
        closes = b"close" in options(answer.special.get(b"connection", b""))
        self.is_reusable = not closes and parser.get_http_version() == "1.1"
        answer.is_complete = True
        self._parser = None

    def on_body(self, data: bytes) -> None:
        answer = self.answer
        if answer is None or answer.is_complete:
            self._unasked()
            return
        self._note_body(answer, data)

    def _note_body(self, answer: Answer, data: bytes) -> None:
        answer.chunks.append(data)
        self.buffered_bytes += len(data)
        if self.buffered_bytes > HIGH_WATER_BYTES and not self._reading_paused:
            assert self.transport is not None
            self._reading_paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        answer, parser = self.answer, self._parser
        if answer is None or answer.is_complete or parser is None:
            return
        if answer.status < 200:
            self.informational.append(answer)
            self.answer = Answer()
        else:
            answer.is_complete = True
            self.is_reusable = parser.should_keep_alive()
