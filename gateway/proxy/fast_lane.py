"""Calls served without a task: the steps of `Handler.handle`, taken early, as long as none of them must wait.

Rules: every decision is made by `Handler` and `core.http`, none here. A call that needs to wait is handed
over to the connection's task, which continues where the callbacks stopped. All calls that arrive in one
iteration of the loop are processed as a batch: to write each request as soon as it is read would wake the
upstream for each one separately, and costs more than the task. Responses come first, because they free
connections for requests.
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
    """Serves calls by callbacks; all listeners share one.

    Attributes:
        turn: the calls and responses that wait for the next iteration of the loop.
    """

    def __init__(self, handler: Handler, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float]) -> None:
        self._handler = handler
        self._loop = loop
        self._now_s = now_s
        self.turn = Turn(loop, self._work)

    def catch_up(self) -> None:
        """Take what was read already as far as it goes, before the rules change by which it was read."""
        self._work()

    def _work(self) -> None:
        answered, begun = self.turn.take()
        now_s = self._now_s()
        for front in answered:
            try:
                self._look(front, now_s)
            except Exception as error:  # noqa: BLE001 - one failure must not stop the others
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
        """Take a request as far as it goes without a wait: usually, until it is sent."""
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

    def _look(self, front: Front, now_s: float) -> None:
        """Relay a response that is complete; leave every other one to the task."""
        call, exchange = front.call, front.exchange
        if call is None or exchange is None or call.is_over:
            return
        route, handler = call.route, self._handler
        try:
            if not exchange.is_whole():
                if exchange.has_news():
                    front.wake_task()
                else:
                    exchange.tells(front)
                return
            if route is None or handler.must_recover(exchange, route):
                front.wake_task()
                return
            handler.note_accepted(call, exchange, route)
            relay_at_once(call, route, exchange.answer)
        except Exception as error:  # noqa: BLE001
            self._failed(front, call, exchange, error)
            return
        exchange.close()
        handler.done(call)
        front.served(call, now_s)

    def _failed(self, front: Front, call: Call, exchange: Exchange | None, error: Exception) -> None:
        if exchange is not None:
            exchange.fails()
        self._handler.failed(call, error)
        self._handler.done(call)
        front.served(call, self._now_s())
