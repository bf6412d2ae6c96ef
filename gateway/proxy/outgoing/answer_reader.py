"""Reading an upstream's responses from the bytes of one connection; no I/O.

Rules:

- Only a fault of ours is raised. What goes wrong with a response is noted in `AnswerReader.error`.
- A body of known length bypasses the parser, which would copy it once more.
- Whatever follows a complete response makes the connection useless, because it could be mistaken for the next
  caller's response (aiohttp#13656). Only empty lines are ignored there, since llhttp skips them.

RFC 9112 sections 4 to 7, RFC 9110 section 15.2.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httptools

from gateway.core.errors import (
    GatewayError,
    UpstreamAnswerIncomplete,
    UpstreamAnswerInvalid,
    UpstreamAnswerTooLarge,
    UpstreamClosed,
    UpstreamError,
)
from gateway.core.http.answer_head import (
    ANSWER_NAMES,
    Body,
    PlainAnswer,
    has_control,
    read_plain_answer,
    upstream_body,
)
from gateway.core.http.fields import options
from gateway.core.http.plain_head import KEPT_BYTES
from gateway.core.settings.all_settings import Limits
from gateway.proxy.outgoing.answer import Answer, Data

MOST_INFORMATIONAL: Final = 64  # at once; each costs a kilobyte, and the shortest takes twenty bytes to send
_NO_BODY: Final = Body.NONE  # looking up a member of an Enum is slow before Python 3.12
_LENGTH: Final = Body.LENGTH
_VERSIONS: Final = ("1.1", "1.0")
_COMMON_REASONS: Final = frozenset(status.phrase.encode("ascii") for status in HTTPStatus)


class AnswerReader:
    """Reads the responses of a connection, each of them announced by `begin`.

    Attributes:
        answer: the response that is being read or was read last; None if none is expected.
        informational: 1xx responses that nobody has passed on yet.
        exchanges: how many were announced.
        buffered_bytes: the bytes of the body that have arrived and were not taken.
        has_switched: the response was a switch of protocols; what follows is its body.
        has_head, status: those of the final response, once its head is complete.
        error: why the response will not be complete; after that, nothing more is read.
        is_reusable: the connection may serve another exchange, as far as its responses go.
        was_answered: at least one byte of the response arrived.
    """

    __slots__ = (
        "_head_bytes",
        "_is_11",
        "_is_head",
        "_keeps_alive",
        "_left_bytes",
        "_limits",
        "_may_switch",
        "_parser",
        "_plain",
        "answer",
        "buffered_bytes",
        "error",
        "exchanges",
        "has_head",
        "has_switched",
        "informational",
        "is_reusable",
        "status",
        "was_answered",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser: httptools.HttpResponseParser | None = None
        self._plain: PlainAnswer | None = None  # the last head that was plain
        self._is_11 = False
        self._is_head = False
        self._may_switch = False
        self._head_bytes = 0
        self._left_bytes = 0
        self._keeps_alive = False
        self.answer: Answer | None = None
        self.informational: list[Answer] = []
        self.exchanges = 0
        self.buffered_bytes = 0
        self.error: GatewayError | None = None
        self.has_head = False
        self.has_switched = False
        self.status = 0
        self.is_reusable = False
        self.was_answered = False

    def begin(self, *, is_head: bool, may_switch: bool = False) -> None:
        """Expect a response from now on; `may_switch`: it may be a switch of protocols."""
        self.exchanges += 1
        self.answer = Answer()
        self._is_head = is_head
        self._may_switch = may_switch
        self.has_switched = False
        self._head_bytes = self._left_bytes = self.buffered_bytes = 0
        self.is_reusable = self.was_answered = self.has_head = self._is_11 = False
        if self.informational:
            self.informational.clear()  # their caller left before they were passed on
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: Data) -> None:
        """Read what arrived; it must be `bytes` until the head of the response is complete.

        Raises:
            Exception: a fault of ours, whatever arrived.
        """
        answer = self.answer
        if self._left_bytes and answer is not None:
            self._take_raw(answer, data)
            return
        if answer is None or answer.is_complete or self._parser is None:
            self.is_reusable = False
            if self.has_switched and answer is not None:
                self._take_switched(data)
            return
        self.was_answered = True
        if not answer.has_head:
            assert isinstance(data, bytes)
            if not self._head_bytes and not self._is_head and self._read_plain(answer, data):
                return
            self._is_11 = not self._head_bytes and data.startswith(b"HTTP/1.1 ")
            self._head_bytes += len(data)
        if not self._parse(self._parser, data):
            return
        answer = self.answer  # a new one, if an informational response ended
        assert answer is not None
        if not answer.has_head and self._head_bytes > self._limits.header_bytes:
            self.note(UpstreamAnswerTooLarge("the response header is too large"))
        if answer.body is _LENGTH and answer.has_head and not answer.is_complete:
            self._end_parsing(answer)

    def _parse(self, parser: httptools.HttpResponseParser, data: Data) -> bool:
        """Let llhttp read; return whether there is anything more to decide."""
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            if self.has_switched:
                self._take_switched(data[error.args[0] :])
                return False
            self._parse_failed(error)
        except httptools.HttpParserError as error:
            self._parse_failed(error)
        return not self.has_switched

    def _take_switched(self, data: Data) -> None:
        """Keep what follows a switch of protocols."""
        assert self.answer is not None
        if data:
            self.answer.chunks.append(data)
            self.buffered_bytes += len(data)

    def _read_plain(self, answer: Answer, data: bytes) -> bool:
        """Read a response whose head is complete and plain (`plain_head`); return whether it was one."""
        head = self._plain
        if head is not None and data.startswith(head.block):
            head.is_repeated = True
            length, special, part = head.length, head.special, data[len(head.block) :]
        elif head is not None and (digits := head.digits_in(data)):
            head.is_repeated = True
            length, special = int(digits), head.special.copy()
            special[b"content-length"] = digits
            size = len(head.block) - len(head.digits) + len(digits)
            if size > self._limits.header_bytes:
                return False
            part = data[size:]
        else:
            head = self._other_head(data)
            if head is None:
                return False
            length, special, part = head.length, head.special, data[len(head.block) :]
        here_bytes = len(part)
        left_bytes = length - here_bytes
        if left_bytes < 0:
            return False
        answer.plain = head
        answer.start, answer.lines, answer.special = head.start, head.lines, special
        answer.status = self.status = head.status
        answer.body = _LENGTH
        answer.has_head = self.has_head = self._keeps_alive = True
        if part:
            answer.chunks.append(part)
            self.buffered_bytes = here_bytes
        self._left_bytes = left_bytes
        if not left_bytes:
            answer.is_complete = self.is_reusable = True
        return True

    def _other_head(self, data: bytes) -> PlainAnswer | None:
        """Read a plain head that is not the one before, and keep it; None if it is not complete or plain."""
        end = data.find(b"\r\n\r\n") + 4
        if not 4 <= end <= self._limits.header_bytes:
            return None
        head = read_plain_answer(data[:end], self._limits.headers)
        if head is not None and end <= KEPT_BYTES:
            self._plain = head
        return head

    def end_of_input(self, *, is_clean: bool, how: str = "the upstream closed the connection") -> None:
        """Decide what the end of the connection means (RFC 9112 sections 8 and 9.8)."""
        answer = self.answer
        if answer is None or answer.is_complete or self.error is not None:
            return
        if answer.has_head and answer.body is Body.UNTIL_CLOSE and is_clean:
            answer.is_complete = True
            return
        kind = UpstreamAnswerIncomplete if answer.has_head else UpstreamClosed
        self.error = kind(how)

    def note(self, error: GatewayError) -> None:
        """Note why the response will not be complete, unless it is, or another error came first."""
        self.is_reusable = False
        if self.error is None and not (self.answer is not None and self.answer.is_complete):
            self.error = error

    def _end_parsing(self, answer: Answer) -> None:
        if self._parser is None:
            return
        self._left_bytes = int(answer.special[b"content-length"]) - self.buffered_bytes
        self._keeps_alive = self._parser.should_keep_alive()
        self._parser = None

    def _take_raw(self, answer: Answer, data: Data) -> None:
        left = self._left_bytes
        self._left_bytes = max(0, left - len(data))
        answer.chunks.append(data if len(data) <= left else data[:left])
        self.buffered_bytes += len(data)
        if not self._left_bytes:
            answer.is_complete = True
            self.is_reusable = self._keeps_alive and len(data) == left

    def _parse_failed(self, error: Exception) -> None:
        """Note a parser's error, without its text; raise what a callback raised if it is a fault of ours."""
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if cause is not None and not isinstance(cause, UpstreamError):
            raise cause
        self.note(cause or UpstreamAnswerInvalid("the response is not HTTP/1.x"))

    # ── llhttp's callbacks ────────────────────────────────────────────────────────────────────────

    def on_status(self, reason: bytes) -> None:
        if self.answer is None or self.answer.is_complete:
            raise UpstreamAnswerInvalid("the upstream sent a second response")
        self.answer.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self.answer
        assert answer is not None
        answer.fields.append((name, value))
        if answer.has_head:  # a trailer
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > 2 * self._limits.header_bytes:
                raise UpstreamAnswerTooLarge("the response trailers are too large")

    def on_headers_complete(self) -> None:
        answer, parser = self.answer, self._parser
        assert answer is not None
        assert parser is not None
        answer.status = status = parser.get_status_code()
        answer.start = b"HTTP/1.1 %d %b" % (status, answer.reason)
        if len(answer.fields) > self._limits.headers or self._is_too_large(answer):
            raise UpstreamAnswerTooLarge("the response header is too large")
        if status == 101 and not self._may_switch:
            raise UpstreamAnswerInvalid("the upstream switched protocols without being asked")
        version = "1.1" if self._is_11 else parser.get_http_version()
        if status < 100 or version not in _VERSIONS:
            raise UpstreamAnswerInvalid("the response is not HTTP/1.x")
        if answer.reason not in _COMMON_REASONS and has_control(answer.reason):
            raise UpstreamAnswerInvalid("the reason phrase contains a control byte")
        answer.lines, answer.special = ANSWER_NAMES.sort(answer.fields)
        answer.fields = []
        if status == 101:
            self._switch(answer)
            return
        is_11 = version == "1.1"
        answer.body = body = upstream_body(status, answer.special, is_head=self._is_head, is_11=is_11)
        answer.has_head = True
        if status >= 200:
            self.has_head, self.status = True, status
        if body is _NO_BODY and status >= 200:
            self._end_without_body(answer, parser)

    def _switch(self, answer: Answer) -> None:
        """Read no HTTP any more: what follows belongs to the protocol that was asked for."""
        answer.body = Body.UNTIL_CLOSE
        answer.has_head = self.has_head = self.has_switched = True
        self.status = answer.status
        self._parser = None

    def _is_too_large(self, answer: Answer) -> bool:
        if self._head_bytes <= self._limits.header_bytes:
            return False
        # What was read may include part of the body. 17: `HTTP/1.1 200 ` and two line ends; 4: `: ` and one.
        head_bytes = (
            17 + len(answer.reason) + sum(len(name) + len(value) + 4 for name, value in answer.fields)
        )
        return head_bytes > self._limits.header_bytes

    def _end_without_body(self, answer: Answer, parser: httptools.HttpResponseParser) -> None:
        """End a response to HEAD, a 204 or a 304, where llhttp would wait for the body it describes."""
        closes = b"close" in options(answer.special.get(b"connection", b""))
        self.is_reusable = not closes and parser.get_http_version() == "1.1"
        answer.is_complete = True
        self._parser = None

    def on_body(self, data: bytes) -> None:
        answer = self.answer
        if answer is None or answer.is_complete:
            self.is_reusable = False
            return
        answer.chunks.append(data)
        self.buffered_bytes += len(data)

    def on_message_complete(self) -> None:
        answer, parser = self.answer, self._parser
        if answer is None or answer.is_complete or parser is None:
            return
        if answer.status < 200:
            if len(self.informational) >= MOST_INFORMATIONAL:
                raise UpstreamAnswerInvalid("too many informational responses at once")
            self.informational.append(answer)
            self.answer, self._is_11 = Answer(), False
        else:
            answer.is_complete = True
            self.is_reusable = parser.should_keep_alive()
