"""Reading requests from a caller's connection with aiohttp's parser, without what that parser does wrong.

aiohttp's own responses to what it cannot parse are replaced, because they quote the request and log
tracebacks (`parser_errors`). So are the ways in which bytes of one request change how another is read:

- It adds the last trailer field of a chunked request to the header of the next one (`_end_of_chunked`).
- It drops what follows an ignored upgrade, and what it read before a malformed request.
- It does not report malformed chunks to the reader of the body, and does not limit chunk extensions.

The parser is stopped after each request. What follows waits as bytes until that request is served, since
bytes cost far less than parsed heads. RFC 9112 sections 2.2, 7.1.1, 7.1.2 and 9.3.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any, Final, cast

from aiohttp import StreamReader
from aiohttp.http import HttpParser, HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from aiohttp.web_server import Server

from gateway.core.errors import GatewayError, HeadTooLarge, MalformedRequest
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.sizes import KIB
from gateway.proxy.parser_errors import refusal_of

# uvloop reads up to 256 000 bytes at once; reading stops while twice this much of a body is waiting.
BODY_LOW_WATER_BYTES: Final = 16 * KIB
MOST_QUEUED: Final = 2  # requests read while another one is being served
# How much chunk headers and extensions may add to the data: 16 bytes per byte, and a fixed amount.
_CHUNK_OVERHEAD: Final = 16
_CHUNK_OVERHEAD_START_BYTES: Final = 16 * KIB
_MOST_HELD_BYTES: Final = 64 * KIB
_HEAD_END: Final = b"\r\n\r\n"


class RequestReader(RequestHandler):
    """Reads requests into aiohttp's queue of messages.

    Attributes:
        read_deadline_s: when the data awaited from the caller is late, monotonic.
        heard_at_s: when the caller last sent data that nobody reads any more, monotonic.
        held: what followed an upgrade, until it is decided.
        had_odd_read: some head did not arrive in a single read of at most ``limits.header_bytes``.
    """

    __slots__ = (
        "_chunked_bytes",
        "_discards",
        "_has_begun_head",
        "_head_bytes",
        "_is_last",
        "_is_reading_chunked",
        "_last_payload",
        "_left_bytes",
        "_limits",
        "_most_head_bytes",
        "_pass_on",
        "_raw",
        "_received_tail",
        "_refusal",
        "_rest_bytes",
        "had_odd_read",
        "heard_at_s",
        "held",
        "read_deadline_s",
    )

    def __init__(self, server: Server, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=0,
            access_log=None,  # type: ignore[arg-type]  # documented as optional
            read_bufsize=BODY_LOW_WATER_BYTES,
            auto_decompress=False,
            max_line_size=2 * limits.target_bytes,
            max_field_size=limits.header_bytes,
            max_headers=2 * limits.headers,
        )
        self._limits = limits
        # The parser limits each field; the request line may be twice the target, see `max_line_size`.
        self._most_head_bytes = limits.header_bytes + 2 * limits.target_bytes
        self._parser = self._new_parser()
        self._rest_bytes = 0  # at most so many wait in the parser after the last request
        self._head_bytes = 0  # of an incomplete head
        self.had_odd_read = False
        self.held = bytearray()
        self._last_payload: StreamReader = EMPTY_PAYLOAD
        self._left_bytes = 0
        self._pass_on: Callable[[bytes], bool] | None = None
        self._is_reading_chunked = False
        self._chunked_bytes = 0
        self._received_tail = b""
        self._has_begun_head = False
        self._is_last = False  # no further request is queued
        self._discards = False  # nothing more is read
        self._raw: Callable[[bytes], None] | None = None  # takes what follows an upgrade to WebSocket
        self._refusal: GatewayError | None = None
        self.heard_at_s = 0.0
        self.read_deadline_s = inf

    @property
    def is_ending(self) -> bool:
        """Whether no further request will be served."""
        is_over = self._is_last and not self._messages and self._refusal is None
        return is_over or self._close or self._force_close

    def read_under(self, limits: Limits) -> None:
        """Read the next request under other limits; a parser that holds part of it keeps its own."""
        self._limits = limits
        self._most_head_bytes = limits.header_bytes + 2 * limits.target_bytes
        self.max_line_size, self.max_field_size = 2 * limits.target_bytes, limits.header_bytes
        self.max_headers = 2 * limits.headers
        is_between = self._last_payload.is_eof() and not (self._messages or self._has_begun_head)
        if is_between and not (self._rest_bytes or self._is_last or self._discards or self._refusal):
            self._parser = self._new_parser()

    def _new_parser(self) -> HttpRequestParser:
        """Make a parser as aiohttp makes it for a new connection."""
        return HttpRequestParser(
            self,
            self._loop,
            BODY_LOW_WATER_BYTES,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=1,
        )

    def data_received(self, data: bytes) -> None:
        if self._discards or self._force_close or self._parser is None:
            self.heard_at_s = self._loop.time()
            return
        if self._raw is not None:
            self._raw(data)
        elif self._left_bytes:
            self._take_raw(data)
        else:
            self._parse(self._parser, data)

    def _parse(self, parser: HttpParser[Any], data: bytes) -> None:
        is_between = not self._has_begun_head and self._last_payload.is_eof()
        if is_between and self._is_last:
            self._discards = True  # no request will be made of it, and so no error either
            self.heard_at_s = self._loop.time()
            return
        try:
            messages, upgraded, _ = parser.feed_data(data)
        except HttpProcessingError as error:
            self._parse_failed(error, is_between=is_between)
            return
        if self._is_reading_chunked:
            self._count_chunked(data)
        elif messages:  # one at most, see `_new_parser`
            message, payload = messages[0]
            self._queue(message, payload, data, is_last=upgraded)
            if not message.upgrade or not self._holds_what_follows(parser):
                self._count_rest(message, payload, data, is_between=is_between)
        elif data and (is_between or self._has_begun_head):
            self._count_head(len(data), is_first=is_between)

    def _count_rest(
        self, message: RawRequestMessage, payload: StreamReader, data: bytes, *, is_between: bool
    ) -> None:
        """Count what waits in the parser behind a request that was read."""
        end = data.find(_HEAD_END) + 4 + payload.total_bytes if is_between else 0
        had_rest = self._rest_bytes > 0
        if not is_between or len(data) > self._limits.header_bytes:
            self.had_odd_read = True
        if (had_rest or end != len(data)) and not message.chunked:  # otherwise `_end_of_chunked` checks
            self._rest_bytes += max(1, len(data) - (0 if had_rest else max(0, end)))
        if had_rest or len(self._messages) >= MOST_QUEUED:
            self._hold_reading()

    def _count_head(self, count: int, *, is_first: bool) -> None:
        if is_first:
            self._has_begun_head = True
            self._head_bytes = 0
            if self._waiter is not None:
                self.read_deadline_s = self._loop.time() + self._limits.head_timeout_s
        self._head_bytes += count
        if self._head_bytes > self._most_head_bytes:
            self.end_with(HeadTooLarge("the header is too large"))

    def _queue(
        self, message: RawRequestMessage, payload: StreamReader, data: bytes, *, is_last: bool
    ) -> None:
        if self._is_last:
            return
        self._has_begun_head = False
        self._messages.append((message, payload))
        if message.chunked:
            self._begin_chunked(payload, data)
        if message.upgrade or is_last:
            self._is_last = True  # what follows may be read wrongly, so it is not served
        if payload is not EMPTY_PAYLOAD or self._last_payload is not EMPTY_PAYLOAD:
            self._last_payload = payload
            if not (payload.is_eof() or self._is_reading_chunked or self._is_last):
                self._end_parsing(message)
        self._wake()

    def _holds_what_follows(self, parser: HttpParser[Any]) -> bool:
        """Keep what follows an upgrade to WebSocket, which is no HTTP if the upgrade comes about.

        The parser, stopped at the end of the request, tells only now that it is one, and gives the rest back.
        """
        try:
            _, is_upgraded, first = parser.feed_data(b"")
        except HttpProcessingError:
            return False
        if not is_upgraded:
            return False
        self._rest_bytes = 0
        held = self.held = bytearray(first)

        def hold(data: bytes) -> None:
            held.extend(data)
            if len(held) >= _MOST_HELD_BYTES:
                self._hold_reading()

        self._raw = hold
        return True

    def relay_raw(self, take: Callable[[bytes], None]) -> None:
        """Hand what followed an upgrade to `take`, and then whatever comes."""
        self._raw = take
        held, self.held = bytes(self.held), bytearray()
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        if held:
            take(held)  # which may pause reading again

    def _hold_reading(self) -> None:
        """Stop reading until requests have been served.

        No earlier than necessary: a connection that does not read does not notice that its caller left.
        """
        if not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _go_on_reading(self) -> None:
        """Read the next request, starting with what has already arrived."""
        if self._rest_bytes and not self._messages:
            self.had_odd_read = True  # what is waiting may be the beginning of a head
            waiting, self._rest_bytes = self._rest_bytes, 0
            self.data_received(b"")
            if self._rest_bytes:  # the parser does not say how much of it was read
                self._rest_bytes = waiting
        if self._buffer_paused and not self._rest_bytes and len(self._messages) < MOST_QUEUED:
            self._resume_reading_for_buffer()

    def _end_parsing(self, message: RawRequestMessage) -> None:
        """Read the rest of a body of known length without the parser, which would copy it once more."""
        self._left_bytes = int(message.headers["Content-Length"]) - self._last_payload.total_bytes
        if not self._left_bytes and self._parser is not None:
            self._parser.feed_data(b"")  # it paused at the last byte, and has not reported the end

    def _take_raw(self, data: bytes) -> None:
        left = self._left_bytes
        part = data if len(data) <= left else data[:left]
        self._left_bytes = left - len(part)
        if self._pass_on is None or not self._pass_on(part):
            self._pass_on = None  # later parts must follow this one
            self._last_payload.feed_data(part, len(part))
        if not self._left_bytes:
            self._last_payload.feed_eof()
            self._parser = self._new_parser()
            if len(data) > left:
                self.data_received(data[left:])

    def _begin_chunked(self, payload: StreamReader, data: bytes) -> None:
        self._last_payload = payload
        self._is_reading_chunked = True
        self._chunked_bytes = -len(data)  # the head and what precedes it do not count
        self._received_tail = b""
        self._count_chunked(data)

    def _count_chunked(self, data: bytes) -> None:
        self._chunked_bytes += len(data)
        self._received_tail = (self._received_tail + data[-4:])[-4:]
        payload = self._last_payload
        most = _CHUNK_OVERHEAD_START_BYTES + _CHUNK_OVERHEAD * payload.total_bytes
        # While the parser is paused, it holds back a part of `data`, so the comparison would be wrong.
        if self._chunked_bytes > most and not payload.is_eof() and not self._reading_paused:
            self._discards = self._is_last = True
            payload.set_exception(RequestPayloadError("chunk overhead"))
        elif payload.is_eof():
            self._end_of_chunked()

    def _end_of_chunked(self) -> None:
        """Begin a new parser, because the old one keeps a trailer field.

        aiohttp 3.14 adds the last trailer field of one request to the header of the next. A new parser may
        take over only if nothing of the next request was read. Then the bytes end with the empty line after
        the trailers.
        """
        self._is_reading_chunked = False
        self._rest_bytes = 0
        if self._received_tail == _HEAD_END and not self._holds_request():
            self._parser = self._new_parser()
        else:
            self._is_last = True

    def _holds_request(self) -> bool:
        """Whether a complete request waits in the parser after the last one."""
        assert self._parser is not None
        try:
            return bool(self._parser.feed_data(b"")[0])
        except HttpProcessingError:
            return True

    def _parse_failed(self, error: HttpProcessingError, *, is_between: bool) -> None:
        """Stop reading, since whatever follows on this connection is meaningless (RFC 9112 section 2.2)."""
        if not self._last_payload.is_eof():
            self._discards = self._is_last = True
            self._last_payload.set_exception(RequestPayloadError("malformed"))
        else:
            self.end_with(refusal_of(error, max_line_size=self.max_line_size, is_first=is_between))

    def end_with(self, refusal: GatewayError) -> None:
        """Respond with `refusal` once all requests read before it are served."""
        self._discards = self._is_last = True
        self._refusal = refusal
        self._wake()

    def only_message(self) -> RawRequestMessage:
        """Return the request that was read, or raise the refusal."""
        if self._refusal is not None:
            raise self._refusal
        if not self._messages:
            raise MalformedRequest("the bytes are not an HTTP/1.x request")
        return cast("RawRequestMessage", self._messages[0][0])

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


async def read_alone(data: bytes, limits: Limits) -> RawRequestMessage:
    """Read one request as a connection would, but without a connection.

    Raises:
        GatewayError: it is refused before it is matched to a route.
    """
    reader = RequestReader(Server(_unserved), limits, asyncio.get_running_loop())
    reader.data_received(data)
    return reader.only_message()


async def _unserved(request: BaseRequest) -> StreamResponse:
    raise NotImplementedError(request)
