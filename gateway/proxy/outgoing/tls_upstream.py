"""A connection to an upstream over uvloop's TLS.

uvloop calls `eof_received` for a close_notify, and only then. While reading is paused, it keeps reading bytes
without decrypting them, and drops them when it reads the end of the connection. So from the first byte on, it
may read from the socket only while none are waiting. It must not be allowed more when reading resumes: the
limit takes effect at once, but decryption only starts later, and the end may be read in between.

A long response is decrypted into memory of its own. uvloop's usual way allocates 256 KiB for each TLS record,
shrinks that to the 16 KiB of the record, and joins the records of one read in another object. The allocator
often returns and remaps those pages, which costs as much as decryption. Rules:

- The memory belongs to one response, and is overwritten only when nobody refers to its content any more. So
  no caller can see the bytes of another.
- It is never filled completely, because uvloop would decrypt the rest later, and drop it if the connection
  ended before that.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from gateway.core.settings.sizes import KIB
from gateway.proxy.outgoing.answer import Answer
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.outgoing.upstream_flow import HIGH_WATER_BYTES

# OpenSSL holds an incomplete record, which is not counted (RFC 5246 section 6.2.3: 2^14 + 2048 bytes).
RECORD_BYTES: Final = 18 * KIB


class _TlsTransport(Protocol):
    """What uvloop's TLS transports have in addition."""

    def set_read_buffer_limits(self, high: int) -> None:
        """Stop reading from the socket while `high` bytes or more are waiting to be decrypted."""


class TlsUpstreamConnection(UpstreamConnection):
    """A connection over TLS and its current exchange."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("_TlsTransport", transport).set_read_buffer_limits(1)

    def _goes_on(self, answer: Answer) -> bool:
        transport = self.transport
        is_long = self.buffered_bytes > HIGH_WATER_BYTES
        if is_long and transport is not None and cast("object", transport.get_protocol()) is self:
            transport.set_protocol(cast("asyncio.BaseProtocol", LongAnswer(self, transport)))
        return super()._goes_on(answer)


class LongAnswer:
    """Receives the rest of a long response for its connection, and then hands the transport back.

    By its methods, it is one of asyncio's buffered protocols.

    Attributes:
        memory: the memory that the response is decrypted into.
    """

    def __init__(self, connection: TlsUpstreamConnection, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._transport = transport
        self.memory = bytearray()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return room for more than what waits to be decrypted, as a `bytearray`, which uvloop requires."""
        most_bytes = sizehint + RECORD_BYTES
        if len(self.memory) < most_bytes or _is_looked_at(self.memory):
            self.memory = bytearray(max(most_bytes, len(self.memory)))
        return self.memory

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what was decrypted; copy a small part, so that it does not retain all of the memory."""
        connection, data = self._connection, memoryview(self.memory)[:nbytes]
        if 2 * nbytes < len(self.memory) or not connection.has_head:
            connection.data_received(bytes(data))
            if connection.is_stuck:
                self.memory = bytearray()  # keep only what waits for the caller
        else:
            connection.data_received(data)
        if connection.answer is None or connection.answer.is_complete:
            self._transport.set_protocol(cast("asyncio.BaseProtocol", connection))

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()


def _is_looked_at(memory: bytearray) -> bool:
    """Whether a view of it exists: then Python refuses to resize it."""
    try:
        memory.append(memory.pop())
    except BufferError:
        return True
    return False
