"""The connections of callers: aiohttp's server, with a request loop of ours.

aiohttp brings the parser, the queue of pipelined requests and the flow control; replaced are

- the request loop (`start`): no task, no request object and no response object per request, which
  halves the cost of a proxied request;
- its own answers to what it cannot parse, which quote the request and log tracebacks;
- the missing time-outs for a head that drips and for a caller that does not read;
- two ways in which bytes of one request leak into the next (see `_end_of_chunked`).

RFC 9112 sections 2.2, 7.1.2 and 9.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from email.utils import formatdate
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import inf
from typing import Final, cast

from aiohttp import StreamReader, web
from aiohttp.http import HttpRequestParser, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web import RequestPayloadError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.core.errors import (
    CallerGone,
    GatewayError,
    HeadTooLarge,
    MalformedRequest,
    RequestTimeout,
    TargetTooLong,
    VersionUnsupported,
)
from gateway.core.outbound import CallerFields
from gateway.core.settings import KIB, Limits, Network
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.handler import Handler, late

READ_BUFFER_BYTES: Final = 256 * KIB
LINGER_S: Final = 2.0  # as long as a caller has to read an answer that came before it was done sending
# What chunk headers and extensions may cost beside the data: 16 bytes a byte, and a start.
_CHUNK_OVERHEAD: Final = 16
_CHUNK_OVERHEAD_START_BYTES: Final = 16 * KIB
SWEEP_S: Final = 0.1
_NO_REQUEST: Final = RawRequestMessage(
    "-", "-", HttpVersion11, CIMultiDictProxy(CIMultiDict()), (), True, None, False, False, URL("/")
)
_HEAD_END: Final = b"\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class CallerConnection(web.RequestHandler):
    """One connection of a caller.

    Attributes:
        caller: what every request of this connection says of its caller.
        total_deadline_s: end of the current call's whole time, monotonic.
    """

    __slots__ = (
        "_call",
        "_chunked_bytes",
        "_discards",
        "_has_begun_head",
        "_is_last",
        "_is_reading_chunked",
        "_last_payload",
        "_left_bytes",
        "_limits",
        "_listener",
        "_read_deadline_s",
        "_received_tail",
        "_refusal",
        "_write_deadline_s",
        "caller",
        "total_deadline_s",
    )

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        limits = listener.limits
        super().__init__(
            listener,
            loop=loop,
            keepalive_timeout=0,
            access_log=None,  # type: ignore[arg-type]  # documented as optional
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,
            max_line_size=2 * limits.target_bytes,
            max_field_size=limits.header_bytes,
            max_headers=2 * limits.headers,
        )
        self._listener = listener
        self._limits = limits
        self._call: Call | None = None
        self._last_payload: StreamReader = EMPTY_PAYLOAD
        self._left_bytes = 0
        self._is_reading_chunked = False
        self._chunked_bytes = 0
        self._received_tail = b""
        self._has_begun_head = False
        self._is_last = False
        self._discards = False
        self._read_deadline_s = inf
        self._refusal: GatewayError | None = None
        self._write_deadline_s = inf
        self.total_deadline_s = inf
        self.caller = CallerFields(b"unknown", b"http", is_trusted=False)

    def now_s(self) -> float:
        """Give the loop's time."""
        return self._loop.time()

    def date(self) -> str:
        """Give now, as RFC 9110 section 5.6.7 writes it."""
        return formatdate(self._listener.handler.wall_s(), usegmt=True)

    @property
    def is_ending(self) -> bool:
        """Whether no further request will be served."""
        is_over = self._is_last and not self._messages and self._refusal is None
        return is_over or self._close or self._force_close

    # ── for the call ──────────────────────────────────────────────────────────────────────────────

    async def await_body(self, body: RequestBody, idle_s: float) -> bytes:
        """Read the next part of the body, for `idle_s` at most.

        Raises:
            CallerError: malformed, too long, or too slow.
        """
        self._read_deadline_s = self._loop.time() + idle_s
        try:
            return await body.read()
        finally:
            self._read_deadline_s = inf

    async def drain(self, idle_s: float) -> None:
        """Wait until the caller takes more, for `idle_s` at most.

        Raises:
            CallerGone: it left, or was too slow and was left.
        """
        self._write_deadline_s = self._loop.time() + idle_s
        try:
            await self._drain_helper()
        except ConnectionError:
            raise CallerGone("the caller closed the connection", was_sent=True) from None
        finally:
            self._write_deadline_s = inf

    def break_off(self) -> None:
        """Close so that nobody can take the answer for complete.

        Chunks and lengths show where they stop; only an HTTP/1.0 body that ends with the connection
        does not, and so the connection is reset.
        """
        transport = self.transport
        if transport is None:
            return
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    # ── asyncio.Protocol ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.caller = self._listener.caller_fields(transport)
        self._read_deadline_s = self._loop.time() + self._listener.limits.keepalive_timeout_s
        super().connection_made(transport)
        cast("asyncio.Transport", transport).set_write_buffer_limits(READ_BUFFER_BYTES)
        self._listener.wake_sweeper()

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
            if is_between and data.find(_HEAD_END, 0, -len(_HEAD_END)) >= 0:
                self._parse_one_by_one(data)
            else:
                self._parse_failed(error)
            return
        if self._is_reading_chunked:
            self._count_chunked(data)
            if messages:  # read behind the trailers: not to be trusted, see `_end_of_chunked`
                self._is_last, messages = True, []
        if messages:
            self._queue(messages, data, is_last=bool(upgraded))
        elif data and self._last_payload.is_eof() and not self._has_begun_head:
            self._has_begun_head = True
            if self._waiter is not None:
                self._read_deadline_s = self._loop.time() + self._listener.limits.head_timeout_s

    def _queue(
        self, messages: Sequence[tuple[RawRequestMessage, StreamReader]], data: bytes, *, is_last: bool
    ) -> None:
        if self._is_last:
            return
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
        self._last_payload = self._messages[-1][1]
        self._has_begun_head = False
        if not self._last_payload.is_eof() and not (self._is_reading_chunked or self._is_last):
            self._end_parsing(messages[-1][0])
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if not self._buffer_paused and len(self._messages) >= self._max_msg_queue_size:
            self._pause_reading_for_buffer()

    def _parse_one_by_one(self, data: bytes) -> None:
        """Serve what stands before a malformed request; aiohttp's parser drops what it read before."""
        self._parser = self._listener.new_parser(self, self._loop)
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
            self._parser = self._listener.new_parser(self, self._loop)
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
        if self._received_tail == b"\r\n\r\n" and not self._parser_is_ahead():
            self._parser = self._listener.new_parser(self, self._loop)
        else:
            self._is_last = True

    def _parser_is_ahead(self) -> bool:
        return len(self._messages) > 1

    def _parse_failed(self, error: HttpProcessingError) -> None:
        """What comes next on this connection has no meaning (RFC 9112 section 2.2)."""
        self._discards = self._is_last = True
        if not self._last_payload.is_eof():
            self._last_payload.set_exception(RequestPayloadError("malformed"))
            return
        self._end_with(self._refusal_for(error))

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

    def _end_with(self, refusal: GatewayError) -> None:
        """Answer `refusal` when all that was read before it is answered."""
        self._discards = self._is_last = True
        self._refusal = refusal
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ── the request loop ──────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Serve one request after the other; aiohttp runs this as the connection's task."""
        try:
            while not (self._close or self._force_close):
                if not self._messages and self._refusal is None:
                    await self._await_request()
                if not self._messages:
                    self._refuse()
                    break
                message, payload = self._messages.popleft()
                self._note_consumed()
                assert isinstance(message, RawRequestMessage)  # our `data_received` queues nothing else
                call = Call(self, message, payload, self._listener.next_id(), self._loop.time())
                self._call = call
                await self._listener.handler.handle(call)
                self._call = None
                self.total_deadline_s = inf
                if not call.keeps_alive or self.is_ending:
                    break
        finally:
            self._task_handler = None
            self._end()

    async def _await_request(self) -> None:
        limits = self._limits
        timeout_s = limits.head_timeout_s if self._has_begun_head else limits.keepalive_timeout_s
        self._read_deadline_s = self._loop.time() + timeout_s
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._read_deadline_s = inf

    def _note_consumed(self) -> None:
        """Let the parser and the transport go on (as aiohttp's own loop does)."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def _refuse(self) -> None:
        """Answer what is no request; neither the answer nor the log quotes it."""
        assert self._refusal is not None
        call = Call(self, _NO_REQUEST, EMPTY_PAYLOAD, self._listener.next_id(), self._loop.time())
        self._listener.handler.refuse(call, self._refusal)

    def _end(self) -> None:
        """Close; where the caller may still be sending, give it time to read the answer first."""
        transport = self.transport
        if transport is None:
            return
        is_sending = self._discards or not self._last_payload.is_eof()
        self._discards = True
        now_s = self._loop.time()
        if is_sending and transport.can_write_eof():
            transport.write_eof()
            self._reading_paused = False
            self._resume_transport_reading()
            self._read_deadline_s = now_s + LINGER_S
        else:
            self._write_deadline_s = now_s + self._listener.limits.keepalive_timeout_s
            transport.close()

    # ── deadlines ─────────────────────────────────────────────────────────────────────────────────

    def check_deadlines(self, now_s: float) -> None:
        """Act on what is late; called by the listener's sweeper."""
        if now_s >= self._read_deadline_s:
            self._read_deadline_s = inf
            self._reading_is_late()
        if now_s >= self._write_deadline_s:
            self._write_deadline_s = inf
            self.break_off()
        if now_s >= self.total_deadline_s and self._call is not None:
            self.total_deadline_s = inf
            late(self._call)

    def _reading_is_late(self) -> None:
        if self._task_handler is None:
            self.break_off()  # lingering
        elif self._call is not None:
            self._call.payload.set_exception(RequestTimeout("the body did not arrive in time", was_sent=True))
        elif self._has_begun_head:
            self._end_with(RequestTimeout("the head did not arrive in time"))
        else:
            self.force_close()  # idle


class Listener(web.Server):
    """What the connections of one listening socket share."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        trusted: tuple[Network, ...],
        next_id: Callable[[], bytes],
        *,
        is_tls: bool,
    ) -> None:
        # The handler given to aiohttp is never called: `CallerConnection.start` calls ours.
        super().__init__(_unused, handler_cancellation=True)
        self.handler = handler
        self.limits = limits
        self.next_id = next_id
        self._proto = b"https" if is_tls else b"http"
        self._trusted = trusted
        self._sweeper: asyncio.TimerHandle | None = None

    def __call__(self) -> CallerConnection:
        """Make the protocol of a new connection."""
        return CallerConnection(self, self._loop)

    def new_parser(self, connection: CallerConnection, loop: asyncio.AbstractEventLoop) -> HttpRequestParser:
        """Make a parser as aiohttp makes it for a new connection."""
        return HttpRequestParser(
            connection,
            loop,
            READ_BUFFER_BYTES,
            max_line_size=connection.max_line_size,
            max_field_size=connection.max_field_size,
            max_headers=connection.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=connection._max_msg_queue_size,  # noqa: SLF001 - aiohttp's own default
        )

    def caller_fields(self, transport: asyncio.BaseTransport) -> CallerFields:
        """Say who the caller is, as far as the connection tells."""
        peer = transport.get_extra_info("peername")
        if not isinstance(peer, tuple):
            return CallerFields(b"unknown", self._proto, is_trusted=False)
        address = _address(peer[0])
        is_trusted = any(address in network for network in self._trusted)
        return CallerFields(str(address).encode("ascii"), self._proto, is_trusted)

    def wake_sweeper(self) -> None:
        """Sweep while there is anything to sweep."""
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now_s = self._loop.time()
        for connection in list(self._connections):
            cast("CallerConnection", connection).check_deadlines(now_s)
        if self._connections:
            self.wake_sweeper()

    async def drain(self, grace_s: float) -> None:
        """Let every call end within `grace_s`, then end what is left. Nothing may be accepted any more."""
        self.pre_shutdown()
        tasks = [c._task_handler for c in self._connections if c._task_handler is not None]  # noqa: SLF001
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for connection in list(self._connections):
            connection.force_close()
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        if self._sweeper is not None:
            self._sweeper.cancel()


async def _unused(request: web.BaseRequest) -> web.StreamResponse:
    raise NotImplementedError(request)


def _address(text: str) -> IPv4Address | IPv6Address:
    """A peer's address without scope; an IPv4 caller of an IPv6 socket is an IPv4 caller."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
