"""What works in routes but is probably not intended. Each is a warning: it does not prevent a start.

Rules:

- The owner chooses the host that receives a token, not the caller.
- A path is compared literally: whoever writes a pattern has another router in mind.
- A method that a route excludes goes to the next less specific route that takes it (`core.http.routing`). If
  that one has another client, the request goes out with unexpected credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.problems import LineOf, Loc, Mistake, Severity
from gateway.config.routes.route_model import RouteModel

_PATTERN: Final = re.compile(r"\*|[{}()|]|/:[A-Za-z]|\.\*|\$$")
"""What other routers treat as patterns."""

_Place = tuple[str | None, str]

_CALLERS_CHOICE: Final = (
    "the caller's Host chooses which of the upstream's virtual hosts receives the token: write `host`, the "
    "name that callers may use, or remove `preserve_host`"
)
_LITERAL: Final = (
    "a path is a prefix, not a pattern: /crm matches everything below it, and characters such as * or {name} "
    "are literal"
)
_FALLS_BACK: Final = (
    "other methods of this path go to the route on line {}, which injects another client's token: add a "
    "route for them, or remove `methods`"
)


def route_warnings(routes: Mapping[int, RouteModel], line_of: LineOf) -> Iterator[Mistake]:
    """Yield what is probably not intended; `routes` are keyed by their index in the list."""
    places: dict[_Place, list[tuple[int, RouteModel]]] = {}
    for index, route in routes.items():
        places.setdefault((route.host, route.path), []).append((index, route))
    for index, route in routes.items():
        yield from _literal_pattern(index, route)
        yield from _chosen_by_the_caller(index, route)
        if (other := _falls_back(route, places)) is not None:
            message = _FALLS_BACK.format(line_of(("routes", other)))
            yield _warning(("routes", index, "methods"), message)


def _warning(loc: Loc, message: str) -> Mistake:
    return Mistake(loc, message, is_about_key=True, severity=Severity.WARNING)


def _literal_pattern(index: int, route: RouteModel) -> Iterator[Mistake]:
    if _PATTERN.search(route.path):
        yield Mistake(("routes", index, "path"), _LITERAL, severity=Severity.WARNING)


def _chosen_by_the_caller(index: int, route: RouteModel) -> Iterator[Mistake]:
    if route.preserve_host and route.client is not None and route.host is None:
        yield _warning(("routes", index, "preserve_host"), _CALLERS_CHOICE)


def _falls_back(route: RouteModel, places: Mapping[_Place, list[tuple[int, RouteModel]]]) -> int | None:
    """Return the first route with another client that receives methods which `route` excludes."""
    if route.methods is None:
        return None
    taken: set[str] = set()
    for place in _less_and_less_specific(route.host, route.path):
        here = places.get(place, [])
        is_beside = place == (route.host, route.path)  # the owner saw both: two routes of one place
        for index, other in here:
            is_other = other.client is not None and other.client != route.client
            if is_other and not is_beside and (other.methods is None or set(other.methods) - taken):
                return index
        if any(other.methods is None for _, other in here):
            return None
        taken.update(method for _, other in here for method in other.methods or ())
    return None


def _less_and_less_specific(host: str | None, path: str) -> Iterator[_Place]:
    """Yield where `core.http.routing` looks for a route, beginning with the place itself."""
    for name in _hosts(host):
        for end in (*_borders(path), 0):
            yield name, path[:end] or "/"


def _borders(path: str) -> Iterator[int]:
    end = len(path)
    while end > 1:
        yield end
        end = path.rfind("/", 0, end)


def _hosts(host: str | None) -> Iterator[str | None]:
    if host is not None:
        yield host
        rest = host.removeprefix("*.")
        while (dot := rest.find(".")) >= 0:
            rest = rest[dot + 1 :]
            yield f"*.{rest}"
    yield None
