"""Many callers at once, each of which asks again as soon as it is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import ge

import aiohttp

from tests.wire.servers import Changes

CALLERS = 50


class Callers(Changes):
    """What they were answered, by status."""

    def __init__(self, url: str, session: aiohttp.ClientSession, number: int) -> None:
        super().__init__()
        self.statuses: Counter[int] = Counter()
        self._answers = [0] * number
        self._url = url
        self._session = session
        self._may_ask = True

    async def work(self, caller: int) -> None:
        while self._may_ask:
            async with self._session.get(self._url) as answer:
                await answer.read()
            self.statuses[answer.status] += 1
            self._answers[caller] += 1
            self.changed()

    async def rounds(self, number: int) -> None:
        """Wait until each of them got so many further answers to what it asked from now on."""
        enough = [answers + 1 + number for answers in self._answers]  # one may be under way
        await self.until(lambda: all(map(ge, self._answers, enough)))

    def stop(self) -> None:
        self._may_ask = False


@asynccontextmanager
async def callers(url: str, number: int = CALLERS) -> AsyncIterator[Callers]:
    """Have so many callers at work while the context lasts; who is under way at its end is still answered."""
    connector = aiohttp.TCPConnector(limit=number)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        them = Callers(url, session, number)
        for caller in range(number):
            group.create_task(them.work(caller))
        try:
            yield them
        finally:
            them.stop()
