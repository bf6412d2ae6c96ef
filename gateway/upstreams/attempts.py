"""Connections that one request has under way to several targets of its group (RFC 8305 section 5).

Rules: the next target is tried when the last one failed, or was not reached within `HEAD_START_S`. Only the
network is raced: a server that was reached has the rest of its time for TLS, since a second handshake
elsewhere is work, for servers that may have too much of it. The first connection wins. The others are closed,
and those that had a head start and still were not reached count as failed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Self

from gateway.core.errors import UpstreamError
from gateway.net.race import DELAY_S
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.upstreams.target import Target

HEAD_START_S: Final = DELAY_S

Connecting = asyncio.Task[UpstreamConnection]


@dataclass(slots=True)
class Attempt:
    """One connection under way.

    Attributes:
        is_reached: whether the server has accepted it; TLS may be to come.
    """

    target: Target
    is_reached: bool = False

    def reached(self) -> None:
        """Note that the server has accepted."""
        self.is_reached = True


class Attempts:
    """Those of one request; a context manager, which ends what is under way.

    Attributes:
        overtaken: the targets that were not reached before one that was tried later.
    """

    def __init__(self) -> None:
        self._running: dict[Connecting, Attempt] = {}  # in the order of their beginnings
        self.overtaken: list[Target] = []

    def __repr__(self) -> str:
        return f"<Attempts: {', '.join(each.target.name for each in self._running.values()) or 'none'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all attempts; nobody waits for that, since the request has its connection, or its error."""
        for task, attempt in self._running.items():
            task.cancel()
            task.add_done_callback(attempt.target.give_back)
        self._running.clear()

    @property
    def are_running(self) -> bool:
        """Whether any is under way."""
        return bool(self._running)

    def begin(self, target: Target, most_s: float) -> None:
        """Connect to one more target."""
        attempt = Attempt(target)
        task = asyncio.get_running_loop().create_task(target.connected(most_s, attempt.reached))
        self._running[task] = attempt

    async def first(self) -> tuple[Target, UpstreamConnection] | UpstreamError | None:
        """Wait until one connects or fails; None: it is time to begin another, if there is one.

        Raises:
            OutOfDescriptors: the process has no file descriptor left.
        """
        done = await self._wait(HEAD_START_S)
        if not done and any(each.is_reached for each in self._running.values()):
            done = await self._wait(None)
        return self._outcome(done)

    async def _wait(self, most_s: float | None) -> set[Connecting]:
        done, _ = await asyncio.wait(self._running, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        return done

    def _outcome(self, done: set[Connecting]) -> tuple[Target, UpstreamConnection] | UpstreamError | None:
        """Return the connection of the earliest that is done, rather than the failure of another."""
        ended = [each for each in self._running if each in done]
        task = min(ended, key=lambda each: each.exception() is not None, default=None)
        if task is None:
            return None
        earlier = takewhile(lambda each: each is not task, self._running)
        late = [self._running[each] for each in earlier if not each.done()]
        target, error = self._running.pop(task).target, task.exception()
        if isinstance(error, UpstreamError):
            return error
        self.overtaken = [each.target for each in late if not each.is_reached]
        return target, task.result()
