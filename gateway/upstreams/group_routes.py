"""One route to the targets of a group: prepared for each target, tried one after the other.

`target_search` says in which order they are tried; ``timeouts.connect`` bounds all of them together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.core.errors import UpstreamConnectTimeout
from gateway.core.http.recovery import may_send_again
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.token import Token
from gateway.core.upstreams.signs import Sign
from gateway.proxy.outgoing.target_pool import TargetPool
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.route import Route
from gateway.upstreams.group import Group
from gateway.upstreams.target import Target
from gateway.upstreams.target_search import TargetSearch


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
        with self._group.retries.connecting(reason):
            until_s = self._now_s() + most_s
            await self._resolved(most_s)
            chosen = self._target_of(route)
            first = None if is_again else self._first(head, chosen)
            avoided = chosen if is_again else None
            search = TargetSearch(self._group, head.lines, self._now_s, first, avoided)
            target, connection = await search.run(until_s)
        self._group.retries.has_connection(connection, reason)
        return self._to(target), connection

    def _first(self, head: RequestHead, chosen: Target | None) -> Target | None:
        """Return the target that a request must go to first; None if it may be any that serves."""
        due = self._group.due(self._now_s()) if _may_try(head) else None
        if due is not None:
            due.trial = True
        return due or self._group.confirmed(chosen)

    def _target_of(self, route: Route) -> Target | None:
        return next((each for each, one in self._routes.items() if one is route), None)

    async def _resolved(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._group.resolve()
        except TimeoutError:
            raise UpstreamConnectTimeout("the upstream's name was not resolved in time") from None

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
