"""The upstreams that the credentials of one route name: connections to each, prepared once.

Rules: an instance is prepared when a credential names it for the first time, and kept while it is among the
latest `MOST`. One that is not is given up: its connections end with their exchanges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.core.http.instance_choice import instance_of
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.core.token import Token
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.route import Route

MOST: Final = 16


class Instances:
    """Implements `proxy.route.RouteInstances`.

    Args:
        settings: of the route.
        make: makes a route to an upstream, with connections of its own.
    """

    def __init__(self, settings: RouteSettings, make: Callable[[RouteSettings], Route]) -> None:
        self._settings = settings
        self._make = make
        self._routes: dict[tuple[UpstreamSettings, str], Route] = {}
        self._leaving: list[Pool] = []
        self._token: Token | None = None
        self._latest: Route | None = None

    def to(self, route: Route, head: RequestHead, token: Token | None) -> Route:  # noqa: ARG002 - see `RouteLeads`
        """Return the route to the upstream that `token` names; `route` itself for a request without one.

        Raises:
            InstanceNotAllowed: it names none, or one that is not allowed.
        """
        return route if token is None else self.of(token)

    def of(self, token: Token) -> Route:
        """Return the route to the upstream that `token` names.

        Raises:
            InstanceNotAllowed: it names none, or one that is not allowed.
        """
        latest = self._latest
        if latest is None or token is not self._token:
            latest = self._prepared(instance_of(self._settings, token))
            self._token, self._latest = token, latest
        return latest

    def sweep(self, now_s: float) -> None:
        """Close connections that have been idle too long, and fail exchanges that are late."""
        for pool in self._pools():
            pool.sweep(now_s)
        if self._leaving:
            self._end_leaving()

    def give_up(self) -> None:
        """Keep no idle connections any more."""
        for pool in self._pools():
            pool.give_up()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools():
            pool.close()

    def _prepared(self, settings: RouteSettings) -> Route:
        place = settings.upstream, settings.base_path
        route = self._routes.pop(place, None) or self._make(settings)
        self._routes[place] = route  # the one named last is given up last
        if len(self._routes) > MOST:
            oldest = self._routes.pop(next(iter(self._routes))).pool
            oldest.give_up()
            self._leaving.append(oldest)
        return route

    def _pools(self) -> list[Pool]:
        return [*(route.pool for route in self._routes.values()), *self._leaving]

    def _end_leaving(self) -> None:
        """Close what was given up once it has no connection any more."""
        over = [pool for pool in self._leaving if pool.is_empty]
        self._leaving = [pool for pool in self._leaving if not pool.is_empty]
        for pool in over:
            pool.close()
