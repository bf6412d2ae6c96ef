"""Requests, read off a caller's connection by aiohttp's parser, and what that parser must be kept from.

Replaced are its answers to what it cannot parse, which quote the request and log tracebacks, and the
ways in which it lets bytes of one request change the reading of another:

- it gives the last trailer field of a chunked request to the header of the next (`_end_of_chunked`);
- it drops what follows an upgrade that is ignored, and what precedes a malformed request;
- it tells the reader of a body nothing of malformed chunks, and bounds no chunk extensions.

RFC 9112 sections 2.2, 7.1.1, 7.1.2 and 9.3.2.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from math import inf
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web import RequestPayloadError

from gateway.core.errors import (
    GatewayError,
    HeadTooLarge,
    MalformedRequest,
    MethodUnsupported,
    TargetTooLong,
    VersionUnsupported,
)
from gateway.core.settings import KIB, Limits

READ_BUFFER_BYTES: Final = 256 * KIB
# What chunk headers and extensions may cost beside the data: 16 bytes a byte, and a start.
_CHUNK_OVERHEAD: Final = 16
_CHUNK_OVERHEAD_START_BYTES: Final = 16 * KIB
_METHOD: Final = re.compile(rb"[A-Z][A-Z-]{0,31} (/|\*|https?:)")  # for refusals only
_HEAD_END: Final = b"\r\n\r\n"


class RequestReader(web.RequestHandler):
    """Reads requests into aiohttp's queue of messages.

    Attributes:
        read_deadline_s: when what is awaited from the caller is late, monotonic.
    """

    __slots__ = (
        "_chunked_bytes",
        "_discards",
        "_has_begun_head",
        "_is_last",
        "_is_reading_chunked",
        "_last_payload",
        "_left_bytes",
        "_limits",
        "_received_tail",
        "_refusal",
        "read_deadline_s",
    )

    def __init__(self, server: web.Server, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=0,
            access_log=None,  # type: ignore[arg-type]  # documented as optional
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,
            max_line_size=2 * limits.target_bytes,
            max_field_size=limits.header_bytes,
            max_headers=2 * limits.headers,
        )
        self._limits = limits
        self._last_payload: StreamReader = EMPTY_PAYLOAD
        self._left_bytes = 0
        self._is_reading_chunked = False
        self._chunked_bytes = 0
        self._received_tail = b""
        self._has_begun_head = False
        self._is_last = False  # no request is queued any more
        self._discards = False  # nothing is read any more
        self._refusal: GatewayError | None = None
        self.read_deadline_s = inf

    @property
    def is_ending(self) -> bool:
        """Whether no further request will be served."""
        is_over = self._is_last and not self._messages and self._refusal is None
        return is_over or self._close or self._force_close

    def _new_parser(self) -> HttpRequestParser:
        """Make a parser as aiohttp makes it for a new connection."""
        return HttpRequestParser(
            self,
            self._loop,
            READ_BUFFER_BYTES,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def data_received(self, data: bytes) -> None:
        if self._discards or self._force_close or self._parser is None:
            return
        if self._left_bytes:
            self._take_raw(data)
            return
        is_between = not self._has_begun_head and self._last_payload.is_eof()
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._parse_failed(error, data, is_between=is_between)
            return
        if self._is_reading_chunked:
            self._count_chunked(data)
            if messages:  # read behind the trailers: not to be trusted, see `_end_of_chunked`
                self._is_last, messages = True, []
        if messages:
            self._queue(messages, data, is_last=bool(upgraded))
        elif data and is_between:
            self._has_begun_head = True
            if self._waiter is not None:
                self.read_deadline_s = self._loop.time() + self._limits.head_timeout_s

    def _queue(
        self, messages: Sequence[tuple[RawRequestMessage, StreamReader]], data: bytes, *, is_last: bool
    ) -> None:
        if self._is_last:
            return
        self._has_begun_head = False
        for index, (message, payload) in enumerate(messages):
            self._messages.append((message, payload))
            if message.chunked or message.upgrade:
                if message.chunked:
                    self._begin_chunked(payload, data)
                if message.upgrade or index + 1 < len(messages):
                    # What follows may have been read wrongly: it is not served.
                    self._is_last = True
                    break
        self._is_last = self._is_last or is_last
        if payload is not EMPTY_PAYLOAD or self._last_payload is not EMPTY_PAYLOAD:
            self._last_payload = payload
            if not (payload.is_eof() or self._is_reading_chunked or self._is_last):
                self._end_parsing(message)
        self._wake()
        if not self._buffer_paused and len(self._messages) >= self._max_msg_queue_size:
            self._pause_reading_for_buffer()

    def _parse_one_by_one(self, data: bytes) -> None:
        """Serve what stands before a malformed request; aiohttp's parser drops what it read before."""
        self._parser = self._new_parser()
        start = 0
        while start < len(data):
            at = data.find(_HEAD_END, start)
            end = at + len(_HEAD_END) if at >= 0 else len(data)
            self.data_received(data[start:end])
            start = end

    def _end_parsing(self, message: RawRequestMessage) -> None:
        """The rest of a body of known length needs no parser, which would copy it once more."""
        self._left_bytes = int(message.headers["Content-Length"]) - self._last_payload.total_bytes

    def _take_raw(self, data: bytes) -> None:
        left = self._left_bytes
        part = data if len(data) <= left else data[:left]
        self._left_bytes = left - len(part)
        self._last_payload.feed_data(part, len(part))
        if not self._left_bytes:
            self._last_payload.feed_eof()
            self._parser = self._new_parser()
            if len(data) > left:
                self.data_received(data[left:])

    def _begin_chunked(self, payload: StreamReader, data: bytes) -> None:
        self._last_payload = payload
        self._is_reading_chunked = True
        self._chunked_bytes = -len(data)  # the head, and what came before it, is not counted
        self._received_tail = b""
        self._count_chunked(data)

    def _count_chunked(self, data: bytes) -> None:
        self._chunked_bytes += len(data)
        self._received_tail = (self._received_tail + data[-4:])[-4:]
        payload = self._last_payload
        most = _CHUNK_OVERHEAD_START_BYTES + _CHUNK_OVERHEAD * payload.total_bytes
        if self._chunked_bytes > most and not payload.is_eof():
            self._discards = self._is_last = True
            payload.set_exception(RequestPayloadError("chunk overhead"))
        elif payload.is_eof():
            self._end_of_chunked()

    def _end_of_chunked(self) -> None:
        """Forget what the parser kept of the trailers.

        aiohttp 3.14 gives the last trailer field of one request to the header of the next. A new
        parser has none; but it can begin only where nothing of a next request was read, and that is
        where the bytes end with the empty line behind the trailers.
        """
        self._is_reading_chunked = False
        if self._received_tail == _HEAD_END and len(self._messages) <= 1:
            self._parser = self._new_parser()
        else:
            self._is_last = True

    def _parse_failed(self, error: HttpProcessingError, data: bytes, *, is_between: bool) -> None:
        """What comes next on this connection has no meaning (RFC 9112 section 2.2)."""
        if is_between and data.find(_HEAD_END, 0, -len(_HEAD_END)) >= 0:
            self._parse_one_by_one(data)
        elif not self._last_payload.is_eof():
            self._discards = self._is_last = True
            self._last_payload.set_exception(RequestPayloadError("malformed"))
        elif is_between and isinstance(error, BadHttpMethod) and _METHOD.match(data):
            self.end_with(MethodUnsupported("the method is not known"))
        else:
            self.end_with(self._refusal_for(error))

    def _refusal_for(self, error: HttpProcessingError) -> GatewayError:
        """Say in our words what aiohttp's parser found."""
        if isinstance(error, LineTooLong):
            if self.max_line_size in error.args:
                return TargetTooLong("the request target is too long")
            return HeadTooLarge("a field of the header is too long")
        if "Too many headers" in error.message:
            return HeadTooLarge("the header has too many fields")
        if "HTTP version" in error.message or "PRI/Upgrade" in error.message:
            return VersionUnsupported("the request is neither HTTP/1.0 nor HTTP/1.1")
        return MalformedRequest("the bytes are not an HTTP/1.x request")

    def end_with(self, refusal: GatewayError) -> None:
        """Answer `refusal` when all that was read before it is answered."""
        self._discards = self._is_last = True
        self._refusal = refusal
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
