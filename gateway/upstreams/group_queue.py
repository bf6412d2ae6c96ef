"""How many requests a group serves at the same time, and those that wait for a place.

Rules: who came first is served first. Nothing of a request is taken while it waits: its body is unread and
its token is not fetched, since both could grow old here. A free place is never kept from those who wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.core.access.cors import Cors
from gateway.core.access.presented import Presented
from gateway.core.admission import OPEN, Admission
from gateway.core.errors import UpstreamOverloaded
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.balance_settings import QueueSettings
from gateway.observe.group_metrics import GroupMetrics
from gateway.proxy.route import Gate


class GroupQueue:
    """The places of a group, and the queue for them.

    Args:
        most: how many requests it serves at the same time.
        rule: how many may wait, and for how long.

    Attributes:
        held: places that are taken.
    """

    def __init__(
        self, most: int, rule: QueueSettings, counts: GroupMetrics, now_s: Callable[[], float]
    ) -> None:
        self._most = most
        self._rule = rule
        self._counts = counts
        self._now_s = now_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.held = 0

    def __repr__(self) -> str:
        return f"<GroupQueue: {self.held} of {self._most} held, {len(self._waiting)} waiting>"

    @property
    def is_free(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return self.held < self._most

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> None:
        """Take a place, of which one is free."""
        self.held += 1

    async def wait(self, deadline_s: float) -> None:
        """Take a place, after a wait until `deadline_s` (monotonic) at most.

        Raises:
            UpstreamOverloaded: there is none in time, or too many wait already.
        """
        if self.is_free:
            self.take()
            return
        if len(self._waiting) >= self._rule.length:
            raise UpstreamOverloaded(
                "as many requests as the upstream takes run, and as many wait", retry_after_s=1
            )
        began_s = self._now_s()
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait((place,), timeout=max(0.0, min(self._rule.timeout_s, deadline_s - began_s)))
        except BaseException:
            self._leave_queue(place)
            raise
        finally:
            self._counts.waits.observe(self._now_s() - began_s)
        if not place.done():
            self._leave_queue(place)
            raise UpstreamOverloaded("the upstream had no room for the request in time", retry_after_s=1)

    def leave(self) -> None:
        """Give a place back: to who has waited longest, if anybody does."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self.held -= 1

    def _leave_queue(self, place: asyncio.Future[None]) -> None:
        if place.done():
            self.leave()
        else:
            self._waiting.remove(place)


class GroupGate:
    """What stands before a route whose group has so many places: its own gate, and then the queue."""

    def __init__(self, gate: Gate | None, queue: GroupQueue) -> None:
        self._gate = gate
        self._queue = queue

    @property
    def cors(self) -> Cors | None:
        """The policy for pages of other origins, if there is one."""
        return self._gate.cors if self._gate is not None else None

    def arrive(self, head: RequestHead, caller: CallerFields, now_s: float) -> None:
        """Count a request; raises what the route's own gate raises."""
        if self._gate is not None:
            self._gate.arrive(head, caller, now_s)

    def now(self, head: RequestHead, caller: CallerFields, now_s: float) -> Admission | None:
        """Let a caller in that need not wait; None if it must. Raises what the route's own gate raises."""
        if not self._queue.is_free:
            return None
        admission = self._gate.now(head, caller, now_s) if self._gate is not None else OPEN
        if admission is None:
            return None
        self._queue.take()
        return self._with_place(admission)

    def lost(self, presented: Presented, deadline_s: float) -> bool | Awaitable[bool]:
        """Whether the route's own gate lets a caller in no more."""
        return self._gate.lost(presented, deadline_s) if self._gate is not None else False

    async def wait(
        self, head: RequestHead, caller: CallerFields, now_s: float, deadline_s: float
    ) -> Admission:
        """Let a caller in, after a wait until `deadline_s` if need be.

        Raises:
            UpstreamOverloaded: the group has no place in time.
            GatewayError: what the route's own gate raises.
        """
        gate = self._gate
        admission = await gate.wait(head, caller, now_s, deadline_s) if gate is not None else OPEN
        try:
            await self._queue.wait(deadline_s)
        except BaseException:
            if admission.leave is not None:
                admission.leave()
            raise
        return self._with_place(admission)

    def _with_place(self, admission: Admission) -> Admission:
        leave, queue = admission.leave, self._queue
        if leave is None:
            return replace(admission, leave=queue.leave)

        def both() -> None:
            leave()
            queue.leave()

        return replace(admission, leave=both)
