"""Answers, written to a caller's connection no faster than the caller takes them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from math import inf
from typing import Final, Protocol, cast

from aiohttp import web

from gateway.core.errors import CallerGone
from gateway.core.settings import KIB, Limits
from gateway.proxy.request_reader import RequestReader
from gateway.proxy.unsent import unsent_bytes

# A transport that holds anything counts as full: what waits for it is kept in one place, as few large parts.
WRITE_LIMIT_BYTES: Final = 1
# uvloop's TLS keeps what it reads and writes in buffers of its own, beside ours: it gets little at once.
TLS_READ_BYTES: Final = 16 * KIB
TLS_PART_BYTES: Final = 64 * KIB
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class TlsTransport(Protocol):
    """What a TLS transport has beside the others."""

    def set_read_buffer_limits(self, high: int) -> None:
        """Read no more than that, and what one read brings, before it was decrypted and taken."""


class AnswerWriter(RequestReader):
    """Writes, and waits for what was written to be taken.

    Attributes:
        is_tls: what is written is encrypted first.
    """

    __slots__ = ("_unsent_bytes", "_wire", "_write_deadline_s", "_write_idle_s", "is_tls")

    def __init__(
        self, server: web.Server, limits: Limits, loop: asyncio.AbstractEventLoop, *, is_tls: bool
    ) -> None:
        super().__init__(server, limits, loop)
        self._wire: asyncio.Transport | None = None  # as `transport`, but until the connection is lost
        self._write_deadline_s = inf
        self._write_idle_s = 0.0
        self._unsent_bytes = 0
        self.is_tls = is_tls

    def wire_is(self, transport: asyncio.Transport) -> None:
        """Write to a transport that was made."""
        self._wire = transport
        transport.set_write_buffer_limits(WRITE_LIMIT_BYTES)
        if self.is_tls:
            cast("TlsTransport", transport).set_read_buffer_limits(TLS_READ_BYTES)

    async def drain(self, idle_s: float) -> None:
        """Wait until the caller has taken what was written; it may take nothing for `idle_s` at most.

        Raises:
            CallerGone: it left, or was too slow and was left.
        """
        self._write_idle_s = idle_s
        self._write_deadline_s = self._loop.time() + idle_s
        self._unsent_bytes = unsent_bytes(self._wire) if self._wire is not None else 0
        try:
            await self._drain_helper()
        except ConnectionError:
            raise CallerGone("the caller closed the connection", was_sent=True) from None
        finally:
            self._write_deadline_s = inf

    async def write_in_pieces(self, parts: Iterable[bytes], idle_s: float) -> None:
        """Write to a TLS transport no more than it encrypts at once, and wait for each piece to be taken.

        Raises:
            CallerGone: it left, or was too slow and was left.
        """
        for part in parts:
            for start in range(0, len(part), TLS_PART_BYTES):
                if self.writing_paused:
                    await self.drain(idle_s)
                if self.transport is None:
                    raise CallerGone("the caller closed the connection", was_sent=True)
                self.transport.write(part[start : start + TLS_PART_BYTES])

    def abort(self) -> None:
        """Reset the connection."""
        transport = self._wire
        if transport is None:
            return
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

    def writing_is_late(self, now_s: float) -> None:
        """Go on with a caller that takes what was written, however slowly; leave one that does not."""
        wire, before_bytes = self._wire, self._unsent_bytes
        self._unsent_bytes = unsent_bytes(wire) if wire is not None else 0
        if self._unsent_bytes < before_bytes:
            self._write_deadline_s = now_s + self._write_idle_s
        else:
            self._write_deadline_s = inf
            self.abort()
