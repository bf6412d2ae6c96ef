"""The state of a caller's connection that every request needs, where compiled code reads it at once.

Rules: `proxy.link` is the connection, and keeps its state here instead of in aiohttp's attributes. While
callbacks serve a call (`proxy.front`), nothing of aiohttp may wake the connection's task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from gateway.core.errors import CallerGone
from gateway.core.http.outbound import UNKNOWN, CallerFields
from gateway.proxy.outgoing.answer import Data


class CallerFacts:
    """The state of one connection of a caller.

    Attributes:
        caller: what every request of this connection says about its caller.
        transport: None once the caller left.
        waiter: wakes the task that waits for a request; None if it does not wait, or must sleep on.
        now_s, stopwatch_s, date: from the clock.
        read_deadline_s: when the data awaited from the caller is late, monotonic.
        total_deadline_s: when the current call's total time ends, monotonic.
        writing_paused: the caller does not take what is written.
        is_closing, is_closed: no further request is served; the current call is not served either.
        is_given_up: its listener had been given up before it was made.
        was_fed: its reader was given data since the current call began.
    """

    __slots__ = (
        "caller",
        "date",
        "is_closed",
        "is_closing",
        "is_given_up",
        "now_s",
        "read_deadline_s",
        "stopwatch_s",
        "total_deadline_s",
        "transport",
        "waiter",
        "was_fed",
        "writing_paused",
    )

    def __init__(
        self, now_s: Callable[[], float], stopwatch_s: Callable[[], float], date: Callable[[], bytes]
    ) -> None:
        self.caller = CallerFields(UNKNOWN, b"http", is_trusted=False)
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.now_s = now_s
        self.stopwatch_s = stopwatch_s
        self.date = date
        self.read_deadline_s = inf
        self.total_deadline_s = inf
        self.writing_paused = False
        self.is_closing = False
        self.is_closed = False
        self.is_given_up = False
        self.was_fed = True

    def may_be_ending(self) -> bool:
        """Whether the connection may serve no further request; the quick way past `CallerLink.is_ending`."""
        return self.was_fed or self.is_closing or self.is_closed or self.is_given_up

    def keep_asleep(self) -> asyncio.Future[None] | None:
        """Take the future that would wake the waiting task from aiohttp; None if the task is not waiting."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            return None
        self.waiter = None
        self.read_deadline_s = inf
        return waiter

    def sleeps_on(self, waiter: asyncio.Future[None], until_s: float) -> bool:
        """Let the task wait for the next request; return False if it has something else to do."""
        if self.is_closing or self.is_closed or self.writing_paused or waiter.done():
            return False
        self.waiter = waiter
        self.read_deadline_s = until_s
        self.total_deadline_s = inf
        return True

    def write(self, data: Data) -> None:
        """Send `data` to the caller.

        Raises:
            CallerGone: the caller left.
        """
        transport = self.transport
        if transport is None:
            raise CallerGone("the caller closed the connection")
        transport.write(data)
