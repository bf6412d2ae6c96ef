"""One connection to an upstream: an exchange at a time.

Rules: what arrives is only noted here and taken by whoever waits, so that an answer that came in one
read costs one wake-up; reading pauses above `HIGH_WATER_BYTES`, and small parts are put together, for each
costs more than its bytes; a byte that nobody asked for ends the connection; a connection is used again only
if both messages ended and both sides wish it (RFC 9112 section 9.3); over TLS an end without a close_notify
is no end of an answer, for whoever sits in between can make one (section 9.8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final, cast

from gateway.core.cause import TLS_CAUSES, Cause
from gateway.core.errors import (
    GatewayError,
    InternalError,
    UpstreamClosed,
    UpstreamError,
    UpstreamTimeout,
    UpstreamTlsFailed,
)
from gateway.core.resolution import Ip
from gateway.core.settings import KIB, Limits
from gateway.observe.faults import report
from gateway.proxy.answer import Answer, Data
from gateway.proxy.answer_reader import AnswerReader
from gateway.verdict import Way, verdict

# uvloop reads up to 256 000 bytes at once; where this much of an answer waits, it reads no more.
HIGH_WATER_BYTES: Final = 32 * KIB
# A transport that holds anything counts as full: what waits for it is kept in one place, as few large parts.
WRITE_LIMIT_BYTES: Final = 1
MOST_PARTS: Final = 64
CONNECTED: Final = Way("upstream", is_connected=True)
_FAILED: Final = "the gateway failed; its log names the place"
WITHOUT_CLOSE_NOTIFY: Final = "the upstream ended its answer without a TLS close_notify: it may be cut off"


class Awaiter:
    """Is told that something happened to an answer, where no task waits for it."""

    __slots__ = ()

    def happened(self) -> None:
        """Look at the answer, and at what went wrong, when all that arrived is read."""
        raise NotImplementedError


class UpstreamConnection(AnswerReader):
    """A connection and the exchange that is under way on it.

    Attributes:
        awaiter: is told of the answer instead of a waiting task.
        pass_on: takes what came of an answer that goes on; False: the waiting task is to be woken.
        address: where it leads; empty for a unix socket.
        exchanges: how many began here.
        request_is_sent: to its last byte.
        paused_at_s: when it last stopped taking what is written.
        is_outdated: it serves no further exchange (`pool`).
        way: how it was made (`dialer`).
        needs_close_notify: an answer that ends with the connection is whole only after one (`dialer`).
    """

    __slots__ = (
        "_deadline_s",
        "_drain",
        "_has_ended",
        "_loop",
        "_on_gone",
        "_reading_paused",
        "_waiter",
        "address",
        "awaiter",
        "exchanges",
        "idle_since_s",
        "is_gone",
        "is_outdated",
        "needs_close_notify",
        "pass_on",
        "paused_at_s",
        "request_is_sent",
        "transport",
        "way",
        "writing_paused",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        on_gone: Callable[[UpstreamConnection], None],
    ) -> None:
        super().__init__(limits)
        self._loop = loop
        self._on_gone = on_gone
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._reading_paused = self._has_ended = False
        self.needs_close_notify = False
        self.way = CONNECTED
        self.transport: asyncio.Transport | None = None
        self.address = Ip("")
        self.awaiter: Awaiter | None = None
        self.pass_on: Callable[[], bool] | None = None
        self._deadline_s = inf
        self.exchanges = 0
        self.idle_since_s = 0.0
        self.is_gone = False
        self.is_outdated = False
        self.request_is_sent = False
        self.writing_paused = False
        self.paused_at_s = 0.0

    def __repr__(self) -> str:
        state = "gone" if self.is_gone else "idle" if self.answer is None else "busy"
        return f"<UpstreamConnection {state}, exchange {self.exchanges}>"

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against using it."""
        transport = self.transport
        return not self.is_gone and transport is not None and not transport.is_closing()

    @property
    def is_stuck(self) -> bool:
        """Whether it holds anything that one of both sides does not take at the moment."""
        return self.writing_paused or self._reading_paused

    def held_bytes(self) -> int:
        """Give what it holds in buffers."""
        transport = self.transport
        unsent = transport.get_write_buffer_size() if transport is not None and not self.is_gone else 0
        return self.buffered_bytes + unsent

    # ── what the exchange calls ───────────────────────────────────────────────────────────────────

    def begin(self, *, is_head: bool) -> None:
        """Expect an answer from now on."""
        super().begin(is_head=is_head)
        self.exchanges += 1
        self.request_is_sent = False

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
            and not self._reading_paused  # nobody took an answer that was longer than we buffer
            and not self.is_outdated
        )
        self.answer = self.awaiter = None
        self._deadline_s = inf
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

    def take(self) -> list[Data]:
        """Take the parts of the body that have arrived, and let more come."""
        if self._reading_paused and self.transport is not None and not self.is_gone:
            self._reading_paused = False
            self._resume_reading(self.transport)
        return self.take_chunks()

    def hold(self) -> None:
        """Let nothing more come until `take`: what was taken is not sent yet."""
        if not self._reading_paused and self.transport is not None and not self.is_gone:
            self._reading_paused = True
            self._pause_reading(self.transport)

    def fail(self, error: GatewayError) -> None:
        """End the exchange with `error`, unless it has ended; the connection goes too."""
        self.note(error)
        self._wake()
        self.abort()

    def fault(self, error: Exception) -> None:
        """End the exchange, if there is one, with a fault of ours, and tell of it."""
        answer = self.answer
        is_counted = answer is not None and not answer.is_complete and self.error is None
        report(self._loop, error, is_counted=is_counted)
        self.fail(InternalError(_FAILED))

    def abort(self) -> None:
        """Close at once, without waiting for what is still to be sent."""
        if self.transport is not None and not self.is_gone:
            self.is_gone = True
            self.transport.abort()

    def is_due(self, by_s: float) -> None:
        """Wait for the upstream until `by_s`, monotonic: then the exchange fails."""
        self._deadline_s = by_s

    def has_time(self) -> None:
        """Wait for nothing of the upstream's."""
        self._deadline_s = inf

    def check_deadline(self, now_s: float) -> None:
        """Fail once what was due is late."""
        if now_s >= self._deadline_s:
            self._deadline_s = inf
            self.fail(UpstreamTimeout("the time for it is over"))

    # ── asyncio.Protocol ──────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.set_write_buffer_limits(WRITE_LIMIT_BYTES)

    def data_received(self, data: Data) -> None:
        try:
            self.feed(data)
            answer = self.answer
            if answer is None or self.error is not None:
                self.abort()
            elif not answer.is_complete and self._goes_on(answer):
                return
        except Exception as error:  # noqa: BLE001 - uvloop would close, which looks like the upstream's doing
            self.fault(error)
        self._wake()

    def eof_received(self) -> None:
        """The other side ended in good order; the transport closes, and `connection_lost` follows."""
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        if exc is not None and not isinstance(exc, OSError):
            self.note(InternalError(_FAILED))  # not the network: a callback failed
        try:
            self._end(exc)
        except Exception as error:  # noqa: BLE001 - whoever waits must be woken
            self.fault(error)
        self._wake()
        self.resume_writing()
        self._on_gone(self)

    def _end(self, error: Exception | None) -> None:
        """Decide what the end of the connection means for the answer under way."""
        if not self.was_answered and self.exchanges < 2:
            self.note(_refusal(error, self.way))
        elif self.needs_close_notify and not self._has_ended and error is None:
            self.end_of_input(is_clean=False, how=WITHOUT_CLOSE_NOTIFY)
        else:
            self.end_of_input(is_clean=self._has_ended or error is None)

    def _goes_on(self, answer: Answer) -> bool:
        """Have what has come passed on, or keep it within bounds; tell whether nobody has to be woken."""
        if self.pass_on is not None and self.pass_on():
            return True
        if len(answer.chunks) > MOST_PARTS:
            answer.chunks = [b"".join(answer.chunks)]
        if self.buffered_bytes > HIGH_WATER_BYTES:
            self.hold()
        return False

    def _pause_reading(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()

    def _resume_reading(self, transport: asyncio.Transport) -> None:
        transport.resume_reading()

    def pause_writing(self) -> None:
        self.writing_paused = True
        self.paused_at_s = self._loop.time()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _wake(self) -> None:
        if self.awaiter is not None:
            self.awaiter.happened()
            return
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)


def _refusal(error: Exception | None, way: Way) -> UpstreamError:
    """Say why a new connection ended before its first answer began: in TLS 1.3 our certificate may be why."""
    found = verdict(error, way) if error is not None else None
    if found is not None and found.cause in TLS_CAUSES:
        return UpstreamTlsFailed(found.words, cause=found.cause)
    return UpstreamClosed("the upstream closed the connection", cause=Cause.CONNECTION_BROKEN)
