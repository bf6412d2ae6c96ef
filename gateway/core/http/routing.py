"""Which route a request takes.

Rules: host, path and method must all match. Among the routes that match, the most specific wins: an exact
host before a wildcard (the longest first) before no host, then the longest path, then a route with methods.
Their order in the file does not matter. A path that another server could read as one of another route is
refused (`core.http.target`).

The cost of a match is linear in the length of the path, and grows neither with the number of routes nor with
that of hosts: paths are split at their slashes, hosts at their dots, and each part is looked up once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from gateway.core.errors import AmbiguousPath, MethodNotAllowed, NoRoute
from gateway.core.http.target import is_plain, other_readings
from gateway.core.settings.route_settings import RouteSettings

R = TypeVar("R")


class _Place(Generic[R]):
    """A node of the tree of paths: where a path leads that ends here, and what lies below.

    Attributes:
        below: the next nodes, by their segment.
        by_method, by_any: what the routes at this path lead to. Once settled, they also hold what the routes
            of shorter paths lead to, for methods that have no route here.
    """

    __slots__ = ("below", "by_any", "by_method")

    def __init__(self) -> None:
        self.below: dict[str, _Place[R]] = {}
        self.by_method: dict[str, R] = {}
        self.by_any: R | None = None

    def add(self, path: str, methods: frozenset[str] | None, route: R) -> int:
        """Add a route at `path`; return the number of its segments, including the empty first one."""
        place = self
        segments = ("" if path == "/" else path).split("/")
        for segment in segments:
            below = place.below.get(segment)
            place = place.below.setdefault(segment, _Place()) if below is None else below
        if methods is None:
            place.by_any = route
        else:
            place.by_method.update(dict.fromkeys(methods, route))
        return len(segments)

    def settle(self) -> None:
        """Let every place inherit from those above it; call it once, after all routes were added."""
        places = [self]
        while places:
            above = places.pop()
            for place in above.below.values():
                if place.by_any is None:
                    place.by_any = above.by_any
                    place.by_method = (
                        above.by_method | place.by_method if place.by_method else above.by_method
                    )
                places.append(place)

    def reached(self, segments: Iterable[str]) -> _Place[R]:
        """Return the deepest place that `segments` lead to."""
        place = self
        for segment in segments:
            below = place.below.get(segment)
            if below is None:
                return place
            place = below
        return place


class _Hosts(Generic[R]):
    """The routes by host.

    Attributes:
        depth: the largest number of segments of a path, including the empty first one.
        has_hosts: some routes name a host.
    """

    __slots__ = ("_any", "_exact", "_only", "_wild", "depth", "has_hosts")

    def __init__(self) -> None:
        self.depth = 0
        self.has_hosts = False
        self._any: _Place[R] = _Place()
        self._only = [self._any]
        self._exact: dict[str, _Place[R]] = {}
        self._wild: dict[str, _Place[R]] = {}

    def add(self, settings: RouteSettings, path: str, route: R) -> None:
        """Add a route at `path` of its host."""
        depth = self._of(settings.host).add(path, settings.methods, route)
        self.depth = max(self.depth, depth)

    def settle(self) -> None:
        """Prepare for matching, after all routes were added."""
        for top in (self._any, *self._exact.values(), *self._wild.values()):
            top.settle()

    def _of(self, host: str | None) -> _Place[R]:
        if host is None:
            return self._any
        self.has_hosts = True
        if host.startswith("*."):
            return self._wild.setdefault(host[1:], _Place())
        return self._exact.setdefault(host, _Place())

    def matching(self, host: str) -> list[_Place[R]]:
        """Return the trees of paths that may hold routes for `host`, the most specific first."""
        exact = self._exact.get(host)
        found = [exact] if exact is not None else []
        dot = host.find(".", 1) if self._wild else -1
        while dot > 0:
            if (wild := self._wild.get(host[dot:])) is not None:
                found.append(wild)
            dot = host.find(".", dot + 1)
        found.append(self._any)
        return found

    def find(self, host: str, path: str, method: str) -> R | None:
        """Return what the most specific route leads to."""
        segments = path.split("/", self.depth)
        for top in self.matching(host) if self.has_hosts else self._only:
            place = top
            for segment in segments:  # `reached`, inlined: the call would cost as much as the loop
                below = place.below.get(segment)
                if below is None:
                    break
                place = below
            found = place.by_method.get(method, place.by_any)
            if found is not None:
                return found
        return None

    def methods(self, host: str, path: str) -> set[str]:
        """Return the methods that the routes of this host and path accept."""
        segments = path.split("/", self.depth)
        return {method for top in self.matching(host) for method in top.reached(segments).by_method}


class Router(Generic[R]):
    """All routes, prepared for matching; `R` is whatever a route leads to."""

    def __init__(self, routes: Iterable[tuple[RouteSettings, R]]) -> None:
        self._routes: _Hosts[R] = _Hosts()
        odd: list[tuple[RouteSettings, R]] = []
        everything = list(routes)
        for settings, route in everything:
            self._routes.add(settings, settings.path, route)
            if not is_plain(settings.path):
                odd.append((settings, route))
        self._routes.settle()
        self._readings = _with_readings(everything, odd) if odd else self._routes

    def match(self, host: str, path: str, method: str) -> R:
        """Return what the most specific matching route leads to.

        Args:
            host: in lower case, without the port; may be empty.
            path: as received.
            method: as received.

        Raises:
            NoRoute, MethodNotAllowed, AmbiguousPath.
        """
        path = "/" if path == "*" else path  # RFC 9110 section 9.3.7: OPTIONS of the server as a whole
        found = self._routes.find(host, path, method)
        if not is_plain(path):
            for reading in other_readings(path):
                if reading != path and self._readings.find(host, reading, method) is not found:
                    raise AmbiguousPath("the path could be read as one of another route")
        if found is None:
            raise self._why_not(host, path)
        return found

    def _why_not(self, host: str, path: str) -> NoRoute | MethodNotAllowed:
        allowed = self._routes.methods(host, path)
        if not allowed:
            return NoRoute("no route matches this host and path")
        return MethodNotAllowed("the route does not allow this method", allow=tuple(sorted(allowed)))


def _with_readings(
    routes: Iterable[tuple[RouteSettings, R]], odd: Iterable[tuple[RouteSettings, R]]
) -> _Hosts[R]:
    """Build the routes for decoded paths: a route with an encoded path is found under its decoded one too."""
    hosts: _Hosts[R] = _Hosts()
    for settings, route in odd:
        with suppress(AmbiguousPath):  # no request leads there, and `config` lets no such path pass
            for reading in other_readings(settings.path):
                hosts.add(settings, reading, route)
    for settings, route in routes:
        hosts.add(settings, settings.path, route)  # a path as written takes precedence over a decoded one
    hosts.settle()
    return hosts
