"""One connection to an upstream, with one exchange at a time.

Rules:

- What arrives is only stored here and taken by whoever waits, so a response that arrives in one read costs
  one wake-up.
- An unsolicited byte ends the connection.
- A connection is reused only if both messages are complete and both sides agree (RFC 9112 section 9.3).
- Over TLS, an end without a close_notify does not end a response, because anyone on the path can cause one
  (section 9.8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

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
from gateway.core.settings.all_settings import Limits
from gateway.observe.faults import report
from gateway.proxy.outgoing.answer import Answer, Data
from gateway.proxy.outgoing.upstream_flow import UpstreamFlow
from gateway.verdict import Way, verdict

CONNECTED: Final = Way("upstream", is_connected=True)
_FAILED: Final = "the gateway failed; its log has the details"
WITHOUT_CLOSE_NOTIFY: Final = "the upstream ended its response without a TLS close_notify: it may be cut off"


class Awaiter:
    """Receives news of a response that no task is waiting for."""

    __slots__ = ()

    def happened(self) -> None:
        """Note the news; the response is looked at once everything that arrived has been read."""
        raise NotImplementedError


class UpstreamConnection(UpstreamFlow):
    """A connection and its current exchange.

    Attributes:
        awaiter: receives the news of the response instead of a waiting task.
        pass_on: relays what has arrived of a response; returns False if the waiting task must be woken.
        address: where the connection leads; empty for a unix socket.
        idle_since_s: when it last became idle, monotonic.
        request_is_sent: the request was sent to its last byte.
        is_outdated: it must not serve another exchange (`pool`).
        way: how it was made (`dialer`).
        needs_close_notify: a response that ends with the connection is complete only after one (`dialer`).
    """

    __slots__ = (
        "_deadline_s",
        "_has_ended",
        "_on_gone",
        "_waiter",
        "address",
        "awaiter",
        "idle_since_s",
        "is_outdated",
        "needs_close_notify",
        "pass_on",
        "request_is_sent",
        "way",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        on_gone: Callable[[UpstreamConnection], None],
    ) -> None:
        super().__init__(loop, limits)
        self._on_gone = on_gone
        self._waiter: asyncio.Future[None] | None = None
        self._has_ended = False
        self.needs_close_notify = False
        self.way = CONNECTED
        self.address = Ip("")
        self.awaiter: Awaiter | None = None
        self.pass_on: Callable[[], bool] | None = None
        self._deadline_s = inf
        self.idle_since_s = 0.0
        self.is_outdated = False
        self.request_is_sent = False

    def __repr__(self) -> str:
        state = "gone" if self.is_gone else "idle" if self.answer is None else "busy"
        return f"<UpstreamConnection {state}, exchange {self.exchanges}>"

    # ── what the exchange calls ───────────────────────────────────────────────────────────────────

    def sends_all(self, data: bytes, by_s: float) -> None:
        """Send a whole request, or the last part of one, whose response is due by `by_s`, monotonic."""
        transport = self.transport
        if transport is not None and not self.is_gone:  # `write`, which would be one call more
            transport.write(data)
        self.request_is_sent = True
        self._deadline_s = by_s

    def end(self) -> bool:
        """End the exchange; return whether the connection may serve another one."""
        is_clean = (
            self.is_reusable
            and self.request_is_sent
            and not self.is_gone
            and self.error is None
            and not self.writing_paused
            and not self._reading_paused  # nobody took a response longer than the buffer
            and not self.is_outdated
        )
        self.answer = self.awaiter = None
        self.request_is_sent = False
        self._deadline_s = inf
        if not is_clean:
            self.abort()
        return is_clean

    def happens(self) -> asyncio.Future[None]:
        """Return a future that is done when the response has news; then look at it, and call `check`."""
        self._waiter = waiter = self._loop.create_future()
        if self.error is not None:
            waiter.set_result(None)
        return waiter

    def check(self) -> None:
        """Raise the error that ended the exchange, if one did.

        Raises:
            GatewayError: that error, whoever is at fault.
        """
        if self.error is not None:
            raise self.error

    def fail(self, error: GatewayError) -> None:
        """End the exchange with `error`, unless it has ended, and close the connection."""
        self.note(error)
        self._wake()
        self.abort()

    def fault(self, error: Exception) -> None:
        """Report a fault of ours, and end the exchange with it, if there is one."""
        answer = self.answer
        is_counted = answer is not None and not answer.is_complete and self.error is None
        report(self._loop, error, is_counted=is_counted)
        self.fail(InternalError(_FAILED))

    def is_due(self, by_s: float) -> None:
        """Set the deadline of the exchange to `by_s`, monotonic."""
        self._deadline_s = by_s

    def has_time(self) -> None:
        """Clear the deadline of the exchange, since it waits for nothing from the upstream."""
        self._deadline_s = inf

    def check_deadline(self, now_s: float) -> None:
        """Fail the exchange if its deadline has passed."""
        if now_s >= self._deadline_s:
            self._deadline_s = inf
            self.fail(UpstreamTimeout("the upstream did not respond, or make progress, in time"))

    # ── asyncio.Protocol ──────────────────────────────────────────────────────────────────────────

    def data_received(self, data: Data) -> None:
        try:
            self.feed(data)
            answer = self.answer
            if answer is None or self.error is not None:
                self.abort()
            elif not answer.is_complete and self._goes_on(answer):
                return
        except Exception as error:  # noqa: BLE001 - uvloop would close, and the upstream be blamed
            self.fault(error)
        awaiter = self.awaiter
        if awaiter is not None:
            awaiter.happened()
        else:
            self._wake()

    def eof_received(self) -> None:
        """Note an orderly end; the transport closes, and `connection_lost` follows."""
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        if exc is not None and not isinstance(exc, OSError):
            self.note(InternalError(_FAILED))  # a callback failed, not the network
        try:
            self._end(exc)
        except Exception as error:  # noqa: BLE001 - whoever waits must be woken
            self.fault(error)
        self._wake()
        self.resume_writing()
        self._on_gone(self)

    def _end(self, error: Exception | None) -> None:
        """Decide what the end of the connection means for the current response."""
        if not self.was_answered and self.exchanges < 2:
            self.note(_refusal(error, self.way))
        elif self.needs_close_notify and not self._has_ended and error is None:
            self.end_of_input(is_clean=False, how=WITHOUT_CLOSE_NOTIFY)
        else:
            self.end_of_input(is_clean=self._has_ended or error is None)

    def _goes_on(self, answer: Answer) -> bool:
        """Relay what has arrived, or keep it; return whether nobody needs to be woken."""
        if self.pass_on is not None and self.pass_on():
            return True
        self._keep(answer)
        return False

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
    """Say why a new connection ended before a response: in TLS 1.3 our certificate may be the reason."""
    found = verdict(error, way) if error is not None else None
    if found is not None and found.cause in TLS_CAUSES:
        return UpstreamTlsFailed(found.words, cause=found.cause)
    return UpstreamClosed("the upstream closed the connection", cause=Cause.CONNECTION_BROKEN)
