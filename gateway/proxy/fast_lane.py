"""Calls without a task: the steps of `Handler.handle`, taken early, as far as nothing must be waited for.

Rules: no decision is made here that `Handler` or `core.http` does not make; whatever turns out to need a
wait is handed over to the connection's task, from where it is. All that arrived in one turn of the loop is
worked off together: to write a request right where it is read would wake its upstream for each alone, and
costs more than the task. Answers come first, for they set connections free that requests then take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.observe.faults import report
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.front import Front, Turn
from gateway.proxy.handler import Handler
from gateway.proxy.relay import relay_at_once


class FastLane:
    """Serves calls by callbacks: one for all listeners.

    Attributes:
        turn: where calls and answers wait for the next turn of the loop.
    """

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float]) -> None:
        self._handler = handler
        self._loop = loop
        self._now_s = now_s
        self.turn = Turn(loop, self._work)

    def _work(self) -> None:
        answered, begun = self.turn.take()
        for front in answered:
            try:
                self._look(front)
            except Exception as error:  # noqa: BLE001 - the others are looked at nevertheless
                self._broke(front, error)
        for front in begun:
            try:
                self._begin(front)
            except Exception as error:  # noqa: BLE001
                self._broke(front, error)

    def _broke(self, front: Front, error: Exception) -> None:
        report(self._loop, error)
        front.link.abort()

    def _begin(self, front: Front) -> None:
        """Take a request as far as it goes at once: mostly until it is sent."""
        call = front.begun()
        if call is None or call.is_over:
            return
        exchange = None
        try:
            exchange = self._handler.begun(call)
            if exchange is not None and exchange.starts(front):
                front.exchange = exchange
                return
        except Exception as error:  # noqa: BLE001 - see `Handler.failed`
            self._failed(front, call, exchange, error)
            return
        front.exchange = exchange
        front.wake_task()

    def _look(self, front: Front) -> None:
        """Pass on an answer that is whole; the task sees to all others."""
        call, exchange = front.call, front.exchange
        if call is None or exchange is None or call.is_over or not exchange.has_news():
            return
        route = call.route
        try:
            if not exchange.is_whole() or route is None or self._handler.must_recover(exchange, route):
                front.wake_task()
                return
            self._handler.note_accepted(call, exchange, route)
            relay_at_once(call, route, exchange.answer)
        except Exception as error:  # noqa: BLE001
            self._failed(front, call, exchange, error)
            return
        exchange.close()
        self._over(front, call)

    def _failed(self, front: Front, call: Call, exchange: Exchange | None, error: Exception) -> None:
        if exchange is not None:
            exchange.fails()
        self._handler.failed(call, error)
        self._over(front, call)

    def _over(self, front: Front, call: Call) -> None:
        self._handler.done(call)
        front.served(call, self._now_s())
