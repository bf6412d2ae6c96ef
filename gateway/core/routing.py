"""Which route a request takes.

Rules: host, path and method must all match; of those that do, the most specific wins: an exact host
before a wildcard (the longest first) before any, then the longest path, then a route with methods.
The order in the file is of no account. A path that another server could read as one of another route
is refused (`core.target`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.core.errors import AmbiguousPath, MethodNotAllowed, NoRoute
from gateway.core.settings import RouteSettings
from gateway.core.target import is_plain, other_readings

R = TypeVar("R")


@dataclass(slots=True)
class _Table(Generic[R]):
    """The routes of one host: path prefix -> routes, those with methods first."""

    paths: dict[str, list[tuple[frozenset[str] | None, R]]] = field(default_factory=dict)

    def add(self, settings: RouteSettings, route: R) -> None:
        here = self.paths.setdefault(settings.path, [])
        here.append((settings.methods, route))
        here.sort(key=lambda entry: entry[0] is None)

    def find(self, path: str, method: str) -> R | None:
        """Give the route of the longest prefix of `path` that takes `method`."""
        prefix = path
        while True:
            for methods, route in self.paths.get(prefix, ()):
                if methods is None or method in methods:
                    return route
            if prefix == "/" or path[:1] != "/":
                return None
            prefix = prefix[: prefix.rfind("/")] or "/"

    def methods(self, path: str) -> Iterator[str]:
        """Yield the methods that routes matching `path` take."""
        for prefix, here in self.paths.items():
            if prefix in (path, "/") or path.startswith(prefix + "/"):
                for methods, _ in here:
                    yield from methods or ()


class Router(Generic[R]):
    """All routes, prepared for matching. `R` is whatever a route leads to."""

    def __init__(self, routes: Iterable[tuple[RouteSettings, R]]) -> None:
        self._any: _Table[R] = _Table()
        self._exact: dict[str, _Table[R]] = {}
        wild: dict[str, _Table[R]] = {}
        for settings, route in routes:
            self._table_for(settings.host, wild).add(settings, route)
        self._has_hosts = bool(self._exact or wild)
        self._wild = sorted(wild.items(), key=lambda item: -len(item[0]))

    def _table_for(self, host: str | None, wild: dict[str, _Table[R]]) -> _Table[R]:
        if host is None:
            return self._any
        if host.startswith("*."):
            return wild.setdefault(host[1:], _Table())
        return self._exact.setdefault(host, _Table())

    def match(self, host: str, path: str, method: str) -> R:
        """Give what the most specific matching route leads to.

        Args:
            host: lower case, without port; may be empty.
            path: as received.
            method: as received.

        Raises:
            NoRoute, MethodNotAllowed, AmbiguousPath.
        """
        path = "/" if path == "*" else path  # RFC 9110 section 9.3.7: OPTIONS of the server as a whole
        found = self._find(host, path, method)
        if not is_plain(path):
            for reading in other_readings(path):
                if reading != path and self._find(host, reading, method) is not found:
                    raise AmbiguousPath("the path could be read as one of another route")
        if found is None:
            raise self._why_not(host, path)
        return found

    def _find(self, host: str, path: str, method: str) -> R | None:
        if self._has_hosts:
            for table in self._tables(host):
                if (found := table.find(path, method)) is not None:
                    return found
            return None
        return self._any.find(path, method)

    def _tables(self, host: str) -> Iterator[_Table[R]]:
        if exact := self._exact.get(host):
            yield exact
        for suffix, table in self._wild:
            if host.endswith(suffix) and len(host) > len(suffix):
                yield table
        yield self._any

    def _why_not(self, host: str, path: str) -> NoRoute | MethodNotAllowed:
        allowed = {method for table in self._tables(host) for method in table.methods(path)}
        if not allowed:
            return NoRoute("no route matches this host and path")
        return MethodNotAllowed("the route does not allow this method", allow=tuple(sorted(allowed)))
