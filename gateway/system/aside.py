"""Run work that would block the event loop in a thread beside it.

Pieces of work run one after the other, in the order in which they are given, so that a hundred of them slow
the loop no more than one does. The thread ends when there is nothing to do, and the process does not wait
for it. Work that holds Python's lock for long does not belong here: it would stop the loop as well.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

Given = TypeVar("Given")
_Piece = Callable[[], None]


class Aside:
    """A worker thread for one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Piece] = deque()
        self._is_running = False

    async def run(self, work: Callable[[], Given]) -> Given:
        """Run `work` and return what it returns, or raise what it raises; it is finished, whoever leaves."""
        return await self.begin(work)

    def begin(self, work: Callable[[], Given]) -> asyncio.Future[Given]:
        """Start `work` without waiting for it; call this on the running loop."""
        loop = asyncio.get_running_loop()
        landing: asyncio.Future[Given] = loop.create_future()
        self._give(partial(_do, work, loop, landing))
        return landing

    def _give(self, piece: _Piece) -> None:
        with self._lock:
            self._waiting.append(piece)
            is_to_start, self._is_running = not self._is_running, True
        if is_to_start:
            try:
                threading.Thread(target=self._work, name="aside", daemon=True).start()
            except RuntimeError:  # no thread can be started: better late than never
                self._work()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                piece = self._waiting.popleft()
            piece()


def _do(work: Callable[[], Any], loop: asyncio.AbstractEventLoop, landing: asyncio.Future[Any]) -> None:
    try:
        settle: Callable[[], None] = partial(_land, landing, work())
    except Exception as error:  # noqa: BLE001 - it is raised where the work was ordered
        settle = partial(_fail, landing, error)
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle)


def _land(landing: asyncio.Future[Any], given: object) -> None:
    if not landing.done():
        landing.set_result(given)


def _fail(landing: asyncio.Future[Any], error: Exception) -> None:
    if not landing.done():
        landing.set_exception(error)
