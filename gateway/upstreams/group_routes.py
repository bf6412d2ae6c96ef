"""One route to the targets of a group: prepared for each target, tried one after the other.

Rules: a failed connect goes to the next target, whatever the method, since nothing was sent.
``timeouts.connect`` bounds all of them together: each may take half of what is left, the last one all of it.
If none can be reached, names are looked up again before the failure is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.core.errors import UpstreamConnectTimeout, UpstreamError
from gateway.core.http.recovery import may_send_again
from gateway.core.http.request_head import RequestHead
from gateway.core.settings import RouteSettings
from gateway.core.token import Token
from gateway.core.upstreams.signs import Sign
from gateway.proxy.route import Route
from gateway.proxy.target_pool import TargetPool
from gateway.proxy.upstream import UpstreamConnection
from gateway.upstreams.group import Group
from gateway.upstreams.target import Target

LEAST_TRY_S: Final = 0.25
"""What each target gets at least, if there is as much left: a handshake across an ocean."""


class GroupRoutes:
    """Implements `proxy.route.RouteTargets`.

    Args:
        make: makes the route to one target.
    """

    def __init__(
        self,
        settings: RouteSettings,
        group: Group,
        make: Callable[[RouteSettings, TargetPool], Route],
        now_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._make = make
        self._group = group
        self._now_s = now_s
        self._routes: dict[Target, Route] = {}

    def to(self, route: Route, head: RequestHead, token: Token | None) -> Route:  # noqa: ARG002 - see `RouteLeads`
        """Return the route to the target of a request; `route` itself if none is known yet."""
        group = self._group
        if group.is_trial_due(self._now_s()) and _may_try(head):
            return route  # which has no connection, so `connect` chooses
        target = group.pick(head.lines)
        return route if target is None else self._to(target)

    def may_retry(self, route: Route, reason: Sign, tries: int) -> bool:
        """Whether to try a request again elsewhere that failed where `route` leads, after so many retries."""
        return self._group.may_retry(self._target_of(route), reason, tries)

    async def connect(
        self, head: RequestHead, most_s: float, route: Route, *, is_again: bool, reason: Sign | None
    ) -> tuple[Route, UpstreamConnection]:
        """Connect to the target that `route` leads to, or another one; `is_again`: rather to another one.

        Raises:
            UpstreamError: none can be reached.
            OutOfDescriptors: the process has no file descriptor left.
        """
        with self._group.retrying(reason):
            until_s = self._now_s() + most_s
            await self._resolved(most_s)
            target, connection = await self._to_any(head, until_s, self._target_of(route), is_again=is_again)
        self._group.is_retry(connection, reason)
        return self._to(target), connection

    async def _to_any(
        self, head: RequestHead, until_s: float, chosen: Target | None, *, is_again: bool
    ) -> tuple[Target, UpstreamConnection]:
        target = self._first(head, chosen, is_again=is_again)
        avoided = chosen if is_again else None
        tried: list[Target] = []
        failed: UpstreamError | None = None
        is_anew = False
        while True:
            target = target or self._next(head, tried, avoided)
            left_s = until_s - self._now_s()
            if left_s <= 0 or (target is None and is_anew):
                raise failed or UpstreamConnectTimeout("no connection to the upstream in time")
            if target is None:
                is_anew = True
                await self._group.resolve_anew()
                continue
            tried.append(target)
            try:
                return target, await _connected(target, self._share_s(left_s, len(tried)))
            except UpstreamError as error:
                failed, target = error, None

    def _first(self, head: RequestHead, chosen: Target | None, *, is_again: bool) -> Target | None:
        """Return the target that a request must go to; None if it may be any that serves."""
        if is_again:
            return None
        due = self._group.due(self._now_s()) if _may_try(head) else None
        if due is not None:
            due.trial = True
        return due or self._group.confirmed(chosen)

    def _target_of(self, route: Route) -> Target | None:
        return next((each for each, one in self._routes.items() if one is route), None)

    def _next(self, head: RequestHead, tried: list[Target], avoided: Target | None) -> Target | None:
        """Return the target to be tried next: one that serves, rather not `avoided`; else the least bad."""
        group = self._group
        target = group.pick(head.lines, [*tried, avoided]) if avoided is not None else None
        return target or group.pick(head.lines, tried) or group.least_bad(tried)

    async def _resolved(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._group.resolve()
        except TimeoutError:
            raise UpstreamConnectTimeout("the upstream's name was not resolved in time") from None

    def _share_s(self, left_s: float, tried: int) -> float:
        is_last = tried >= len(self._group.targets)
        return left_s if is_last else max(left_s / 2, min(left_s, LEAST_TRY_S))

    def _to(self, target: Target) -> Route:
        route = self._routes.get(target)
        if route is None:
            present = self._group.targets
            self._routes = {each: one for each, one in self._routes.items() if each in present}
            service = target.address.service
            settings = replace(self._settings, upstream=service, group=None, tenants=None)
            route = self._routes[target] = self._make(settings, target.pool)
            route.targets, route.address = self, target.name
        return route


def _may_try(head: RequestHead) -> bool:
    """Whether a request may try a target that is out: it can be sent again, as it has no body."""
    return not head.is_chunked and not head.content_length and may_send_again(head.method)


async def _connected(target: Target, most_s: float) -> UpstreamConnection:
    is_trial = target.trial is True
    try:
        connection = target.pool.idle_connection() or await target.pool.connect(most_s)
    except BaseException:
        if is_trial:
            target.trial = False
        raise
    if is_trial:
        target.trial = connection
    return connection
