"""A caller's connection as a call sees it: who the caller is, its request body, the response to it.

Rules: a response is written no faster than the caller reads it. One that breaks off ends in a way that nobody
can mistake for completion. Each wait for the caller has its own deadline, which the request loop checks
(`proxy.caller`). RFC 9112 sections 8 and 9.6.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol, cast

from aiohttp.web_server import Server

from gateway.core.clock import Clock
from gateway.core.errors import CallerGone
from gateway.core.http.ending import Ending
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.sizes import KIB
from gateway.proxy.body import RequestBody
from gateway.proxy.caller_facts import CallerFacts
from gateway.proxy.outgoing.answer import Data
from gateway.proxy.request_reader import RequestReader
from gateway.proxy.unsent import WRITE_LIMIT_BYTES, unsent_bytes

# uvloop's TLS has buffers of its own for reading and writing, in addition to ours: it gets little at a time.
TLS_READ_BYTES: Final = 16 * KIB
TLS_PART_BYTES: Final = 64 * KIB
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class TlsTransport(Protocol):
    """What TLS transports have in addition."""

    def set_read_buffer_limits(self, high: int) -> None:
        """Stop reading while more than `high` bytes wait to be decrypted or taken."""


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """What all connections of callers share.

    Attributes:
        date: returns the value of ``Date`` for a response sent now.
    """

    limits: Limits
    clock: Clock
    date: Callable[[], bytes]


class CallersServer(Server):
    """aiohttp's server, as our connections see it.

    Attributes:
        is_given_up: each connection serves the request that it is waiting for, and no other.
    """

    is_given_up = False


class CallerLink(RequestReader):
    """What a call needs from its caller's connection.

    Attributes:
        facts: what every request needs of it.
        now_s, stopwatch_s: from the clock.
        is_tls: the transport encrypts what is written.
    """

    __slots__ = (
        "_body_deadline_s",
        "_ending",
        "_unsent_bytes",
        "_wire",
        "_write_deadline_s",
        "_write_idle_s",
        "facts",
        "is_tls",
        "now_s",
        "stopwatch_s",
    )

    def __init__(
        self, server: Server, terms: LinkTerms, loop: asyncio.AbstractEventLoop, *, is_tls: bool
    ) -> None:
        self.facts = CallerFacts(terms.clock.now_s, terms.clock.stopwatch_s, terms.date)
        super().__init__(server, terms.limits, loop)
        self._wire: asyncio.Transport | None = None  # like `transport`, but kept until the connection is lost
        self._ending: Ending | None = None
        self._body_deadline_s = inf
        self._write_deadline_s = inf
        self._write_idle_s = 0.0
        self._unsent_bytes = 0
        self.now_s = terms.clock.now_s
        self.stopwatch_s = terms.clock.stopwatch_s
        self.is_tls = is_tls

    def wire_is(self, transport: asyncio.Transport) -> None:
        """Prepare to write to a new transport."""
        self._wire = transport
        transport.set_write_buffer_limits(WRITE_LIMIT_BYTES)
        if self.is_tls:
            cast("TlsTransport", transport).set_read_buffer_limits(TLS_READ_BYTES)

    # ── what aiohttp keeps in attributes of its own ───────────────────────────────────────────────

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport, until the caller left."""
        return self.facts.transport

    @transport.setter
    def transport(self, transport: asyncio.Transport | None) -> None:
        self.facts.transport = transport

    @property
    def _waiter(self) -> asyncio.Future[None] | None:
        return self.facts.waiter

    @_waiter.setter
    def _waiter(self, waiter: asyncio.Future[None] | None) -> None:
        self.facts.waiter = waiter

    @property
    def _paused(self) -> bool:
        return self.facts.writing_paused

    @_paused.setter
    def _paused(self, is_paused: bool) -> None:
        self.facts.writing_paused = is_paused

    @property
    def _close(self) -> bool:
        return self.facts.is_closing

    @_close.setter
    def _close(self, is_closing: bool) -> None:
        self.facts.is_closing = is_closing

    @property
    def _force_close(self) -> bool:
        return self.facts.is_closed

    @_force_close.setter
    def _force_close(self, is_closed: bool) -> None:
        self.facts.is_closed = is_closed

    # ── reading ───────────────────────────────────────────────────────────────────────────────────

    @property
    def read_deadline_s(self) -> float:
        """When the data awaited from the caller is late, monotonic."""
        return self.facts.read_deadline_s

    @read_deadline_s.setter
    def read_deadline_s(self, at_s: float) -> None:
        self.facts.read_deadline_s = at_s

    @property
    def is_fresh(self) -> bool:
        """Whether the next bytes begin a request, and every request so far came in one read."""
        return not (self.had_odd_read or self._has_begun_head or self._is_last or self._rest_bytes)

    # ── the body that comes in ────────────────────────────────────────────────────────────────────

    async def await_body(
        self, body: RequestBody, idle_s: float, pass_on: Callable[[bytes], bool] | None = None
    ) -> bytes:
        """Read the next part of the body, waiting at most `idle_s`.

        Whatever arrives during the wait is offered to `pass_on` first, and is read only if that returns
        False.

        Raises:
            CallerError: the body is malformed, too long, or too slow.
        """
        self.body_is_due(idle_s)
        self._pass_on = pass_on
        try:
            return await body.read()
        except RuntimeError:  # from aiohttp: there is nobody to wait for
            if self.transport is not None:
                raise
            raise CallerGone("the caller closed the connection") from None
        finally:
            self._pass_on = None
            self._body_deadline_s = inf

    def body_is_due(self, idle_s: float) -> None:
        """Expect more of the body within `idle_s` from now."""
        self._body_deadline_s = self._loop.time() + idle_s

    # ── the answer that goes out ──────────────────────────────────────────────────────────────────

    def write(self, data: Data) -> None:
        """Send `data` to the caller.

        Raises:
            CallerGone: the caller left.
        """
        self.facts.write(data)

    def write_parts(self, parts: Iterable[Data]) -> None:
        """Send parts to the caller without joining them first.

        Raises:
            CallerGone: the caller left.
        """
        transport = self.transport
        if transport is None:
            raise CallerGone("the caller closed the connection")
        transport.writelines(parts)

    async def write_in_pieces(self, parts: Iterable[Data], idle_s: float) -> None:
        """Write to a TLS transport piece by piece, waiting until the caller has taken each piece.

        Raises:
            CallerGone: the caller left, or was too slow.
        """
        for part in parts:
            for start in range(0, len(part), TLS_PART_BYTES):
                if self.writing_paused:
                    await self.drain(idle_s)
                self.write(part[start : start + TLS_PART_BYTES])

    async def drain(self, idle_s: float) -> None:
        """Wait until the caller has taken what was written; each of its pauses may last `idle_s`.

        Raises:
            CallerGone: the caller left, or was too slow.
        """
        self._write_idle_s = idle_s
        self._write_deadline_s = self._loop.time() + idle_s
        self._unsent_bytes = unsent_bytes(self._wire) if self._wire is not None else 0
        try:
            await self._drain_helper()
        except ConnectionError:
            raise CallerGone("the caller closed the connection") from None
        finally:
            self._write_deadline_s = inf

    def break_off(self, *, shows_its_end: bool) -> None:
        """Close in a way that nobody can mistake for the end of the response.

        Chunked bodies and those of known length show that they are incomplete. A body that ends with the
        connection does not, so the connection is reset. It is also reset if the caller is not reading, since
        what was sent would not arrive.
        """
        transport = self.transport
        if transport is None or not shows_its_end or self.writing_paused:
            self.abort()
        else:
            self.close_gracefully(transport)

    def close_gracefully(self, transport: asyncio.Transport) -> None:
        """Close once the caller has taken what is still to be sent."""
        if self._ending is None:
            self._ending = Ending(self._loop.time(), unsent_bytes(transport))
        transport.close()

    def begins_tunnel(self, opened: object) -> None:
        """Relay whatever the caller sends from now on; see `proxy.tunnels`."""
        raise NotImplementedError

    def caller_ends(self) -> bool:
        """Note that the caller sends nothing more; return whether its transport stays open."""
        raise NotImplementedError

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
        """Keep waiting for a caller that reads, however slowly; reset the connection of one that does not."""
        wire, before_bytes = self._wire, self._unsent_bytes
        self._unsent_bytes = unsent_bytes(wire) if wire is not None else 0
        if self._unsent_bytes < before_bytes:
            self._write_deadline_s = now_s + self._write_idle_s
        else:
            self._write_deadline_s = inf
            self.abort()
