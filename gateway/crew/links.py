"""The keeper's ways to the workers: who is there, what each has built, and what it still needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Final

from gateway.core.crew.records import (
    Abort,
    Commit,
    Counts,
    CountsWanted,
    InUse,
    Prepared,
    Record,
    Refused,
    Rejected,
    Used,
    Want,
)
from gateway.crew.channel import Channel
from gateway.crew.packets import Received

log: Final = logging.getLogger("gateway.crew")

PREPARE_S: Final = 30.0
"""How long a worker may take to build a configuration."""
COUNTS_S: Final = 1.0
"""How long a scrape waits for counts; then those that were told last are shown."""


class CannotPrepare(OSError):
    """A worker cannot use a configuration, for a reason in words."""


class Link:
    """One worker.

    Attributes:
        prepared: the newest generation that it has built.
        oldest: the oldest one that it needs.
        refused: why it cannot use the one that was to be prepared, or empty.
        counted: the highest number of its counts.
    """

    def __init__(self, slot: int, pid: int) -> None:
        self.slot = slot
        self.pid = pid
        self.channel: Channel | None = None
        self.prepared = self.oldest = self.counted = 0
        self.refused = ""

    def __str__(self) -> str:
        return f"worker {self.slot}"

    def tell(self, record: Record) -> None:
        """Send a record."""
        if self.channel is not None:
            self.channel.send(record)


class Links:
    """All workers.

    Args:
        heard: is told what a worker wants of tokens.
        counted: is told the counts of a worker.
        gone: is told of a worker that has ended.
    """

    def __init__(
        self,
        heard: Callable[[Link, Want | Rejected | Used], None],
        counted: Callable[[Link, Counts], None],
        gone: Callable[[Link], None],
    ) -> None:
        self._heard = heard
        self._counted = counted
        self._gone = gone
        self._links: list[Link] = []
        self._changed = asyncio.Event()
        self._asked = 0
        self.on_prepared: Callable[[Link], None] = lambda _: None

    def __iter__(self) -> Iterator[Link]:
        return iter(list(self._links))

    def __len__(self) -> int:
        return len(self._links)

    def add(self, slot: int, pid: int, received: Received) -> Link:
        """Take over the way to a worker."""
        link = Link(slot, pid)
        loop = asyncio.get_running_loop()
        link.channel = Channel(
            received.take()[0], loop, lambda told: self._hear(link, told), lambda: self._has_gone(link)
        )
        self._links.append(link)
        return link

    def tell_all(self, record: Record) -> None:
        """Send a record to all of them."""
        for link in self._links:
            link.tell(record)

    def oldest(self, default: int) -> int:
        """Return the oldest generation that anybody needs."""
        return min((link.oldest for link in self._links if link.oldest), default=default)

    async def prepared(self, number: int, count: int = 0) -> None:
        """Wait until all workers, `count` at least, have built a generation.

        Raises:
            CannotPrepare: one of them cannot, or takes too long.
        """
        try:
            async with asyncio.timeout(PREPARE_S):
                while not self._have_prepared(number) or len(self._links) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            late = next((str(link) for link in self._links if link.prepared < number), "a worker")
            words = f"{late} did not build the new configuration within {PREPARE_S:g} s"
            raise CannotPrepare(words) from None

    def _have_prepared(self, number: int) -> bool:
        for link in self._links:
            if link.refused:
                raise CannotPrepare(link.refused)
        return all(link.prepared >= number for link in self._links)

    def abort(self, number: int) -> None:
        """Have all workers forget what they have built."""
        for link in self._links:
            link.refused = ""
            link.prepared = min(link.prepared, number - 1)
        self.tell_all(Abort(number))

    def commit(self, number: int) -> None:
        """Have all workers use what they have built."""
        self.tell_all(Commit(number))

    async def newest_counts(self) -> None:
        """Ask for counts, and wait for them for a moment."""
        self._asked += 1
        number = self._asked
        self.tell_all(CountsWanted(number))
        try:
            async with asyncio.timeout(COUNTS_S):
                while any(link.counted < number for link in self._links if link.oldest):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("a worker did not send its counts within %g s: those of before are shown", COUNTS_S)

    def close(self) -> None:
        """Close all ways."""
        for link in self:
            if link.channel is not None:
                link.channel.close()

    def _hear(self, link: Link, received: Received) -> None:
        match received.record:
            case Want() | Rejected() | Used():
                self._heard(link, received.record)
            case Counts():
                link.counted = max(link.counted, received.record.number)
                self._counted(link, received.record)
            case Prepared(number):
                link.prepared = max(link.prepared, number)
                link.oldest = link.oldest or number
                self.on_prepared(link)
            case Refused(problem=problem):
                link.refused = problem
            case InUse(number):
                link.oldest = number
            case _:
                log.error("%s sent a record that is not for the keeper", link)
                return
        self._changed.set()

    def _has_gone(self, link: Link) -> None:
        self._links.remove(link)
        self._gone(link)
        self._changed.set()
