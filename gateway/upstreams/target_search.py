"""The search of one request for a target of its group that can be connected to.

Rules:

- A failed connect leads to the next target, whatever the method, since nothing was sent. So does one that
  takes long, without giving it up (`attempts`).
- Where a name has addresses of both families, the next one is of the family that was not tried yet.
- Backups, and targets that are out, are not raced: they are tried once the others have failed.
- One time bounds all of it: each target may take half of what is left, the last one all of it.
- If none is reached, names are looked up again, at once: while the connects go on that take long, and before
  a failure is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.core.errors import UpstreamConnectTimeout, UpstreamError
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.upstreams.attempts import Attempts
from gateway.upstreams.group import Group
from gateway.upstreams.target import Target

LEAST_TRY_S: Final = 0.25
"""What each target gets at least, if there is as much left: a handshake across an ocean."""


class TargetSearch:
    """Looks for one connection.

    Args:
        lines: of the request's head; the choice may depend on them.
        first: the target to begin with; None: any.
        avoided: the target to try last, as the request failed there.
    """

    def __init__(
        self,
        group: Group,
        lines: Sequence[bytes],
        now_s: Callable[[], float],
        first: Target | None,
        avoided: Target | None,
    ) -> None:
        self._group = group
        self._lines = lines
        self._now_s = now_s
        self._until_s = 0.0
        self._first = first
        self._avoided = [] if avoided is None else [avoided]
        self._tried: list[Target] = []
        self._failed: UpstreamError | None = None

    def __repr__(self) -> str:
        return f"<TargetSearch: tried {', '.join(each.name for each in self._tried) or 'none'}>"

    async def run(self, until_s: float) -> tuple[Target, UpstreamConnection]:
        """Return the first connection, and where it leads.

        Raises:
            UpstreamError: none can be reached; that of the last target.
            OutOfDescriptors: the process has no file descriptor left.
        """
        self._until_s = until_s
        with Attempts() as attempts:
            found = await self._any(attempts)
            if found is None:
                await self._group.resolve_anew()
                found = await self._any(attempts)
            if found is None:
                raise self._failed or self._late()
            self._group.overtaken(attempts.overtaken, by=found[0])
            return found

    async def _any(self, attempts: Attempts) -> tuple[Target, UpstreamConnection] | None:
        """Try one target after the other; None: all failed."""
        while (target := self._next(attempts)) is not None or attempts.are_running:
            if target is not None:
                self._begin(attempts, target)
            else:
                self._group.look_up_early()
            found = await attempts.first()
            if isinstance(found, tuple):
                return found
            self._failed = found or self._failed
        return None

    def _begin(self, attempts: Attempts, target: Target) -> None:
        left_s = self._until_s - self._now_s()
        if left_s <= 0:
            raise self._failed or self._late()
        self._tried.append(target)
        is_last = len(self._tried) >= len(self._group.targets)
        attempts.begin(target, left_s if is_last else max(left_s / 2, min(left_s, LEAST_TRY_S)))

    def _next(self, attempts: Attempts) -> Target | None:
        """Return the target to be tried next; while others are under way, only one that is as good."""
        group, tried = self._group, self._tried
        if not tried and self._first is not None:
            return self._first
        target = group.pick(self._lines, tried, self._avoided) or group.pick(self._lines, tried)
        if not attempts.are_running:
            return target or group.least_bad(tried)
        is_spare = target is not None and target.is_backup and not tried[0].is_backup
        return None if is_spare else target

    def _late(self) -> UpstreamConnectTimeout:
        return UpstreamConnectTimeout("no connection to the upstream in time")
