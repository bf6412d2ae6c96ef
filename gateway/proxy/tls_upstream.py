"""A connection to an upstream over TLS, as uvloop speaks it.

uvloop calls `eof_received` for a close_notify, and only then. While reading is paused it goes on to read
bytes that it does not decrypt, and drops them at the end of the connection: so it is told to hold none.

A long answer is decrypted into memory of its own. uvloop's usual way makes an object of 256 KiB for each TLS
record, cuts it down to the 16 KiB of the record, and puts those of one read together in another object:
often the allocator returns their pages and takes them anew, which costs as much as decrypting. Rules: this
memory is of one answer, and is written again only when nobody looks any longer at what it held, so that no
caller can see bytes of another; it is never filled, for uvloop would decrypt what is left later, and would
drop it if the connection ended before.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol, cast

from gateway.core.settings import KIB
from gateway.proxy.answer import Answer
from gateway.proxy.upstream import HIGH_WATER_BYTES, UpstreamConnection

# A record that has not arrived whole waits in OpenSSL, uncounted (RFC 5246 section 6.2.3: 2^14 + 2048 bytes).
RECORD_BYTES: Final = 18 * KIB


class _TlsTransport(Protocol):
    """What uvloop's TLS transports can do beyond others; without an argument the limit is its own again."""

    def set_read_buffer_limits(self, high: int | None = None) -> None:
        """Stop reading from the socket once so many bytes wait that nobody takes."""


class TlsUpstreamConnection(UpstreamConnection):
    """A connection over TLS and the exchange that is under way on it."""

    __slots__ = ()

    def _goes_on(self, answer: Answer) -> bool:
        transport = self.transport
        is_long = self.buffered_bytes > HIGH_WATER_BYTES
        if is_long and transport is not None and cast("object", transport.get_protocol()) is self:
            transport.set_protocol(cast("asyncio.BaseProtocol", LongAnswer(self, transport)))
        return super()._goes_on(answer)

    def _pause_reading(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()
        cast("_TlsTransport", transport).set_read_buffer_limits(1)

    def _resume_reading(self, transport: asyncio.Transport) -> None:
        cast("_TlsTransport", transport).set_read_buffer_limits()
        transport.resume_reading()


class LongAnswer:
    """Receives the rest of a long answer for its connection, and then lets the connection receive again.

    A protocol of asyncio's buffered kind, by its methods.

    Attributes:
        memory: what the answer is decrypted into.
    """

    def __init__(self, connection: TlsUpstreamConnection, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._transport = transport
        self.memory = bytearray()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return room for what waits to be decrypted, and more, as `bytearray`: so uvloop wants it."""
        most_bytes = sizehint + RECORD_BYTES
        if len(self.memory) < most_bytes or _is_looked_at(self.memory):
            self.memory = bytearray(max(most_bytes, len(self.memory)))
        return self.memory

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was decrypted: of a little a copy, which does not keep all of the memory."""
        connection, data = self._connection, memoryview(self.memory)[:nbytes]
        if 2 * nbytes < len(self.memory) or not connection.has_head:
            connection.data_received(bytes(data))
            if connection.is_stuck:
                self.memory = bytearray()  # what waits for the caller is all that is held meanwhile
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
    """Whether a view of it is left: then Python lets nobody change its size."""
    try:
        memory.append(memory.pop())
    except BufferError:
        return True
    return False
