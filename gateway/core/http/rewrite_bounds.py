"""Where a route must not lead references of its upstream: paths below it that another route takes elsewhere.

Rules: a more specific route takes what lies below its path. A reference that is led there arrives where it
meant to if that route leads the path to the same place of the same upstream; else it must stay as it is. Of
routes with a host of their own, only those with the same host are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from gateway.core.settings.route_settings import RouteSettings

_Place: TypeAlias = tuple[str | None, str]
"""A host, and a path without a final slash."""


def bounded(routes: Iterable[RouteSettings]) -> tuple[RouteSettings, ...]:
    """Return the routes, each of which knows what lies below it and leads elsewhere."""
    known = tuple(routes)
    below: dict[_Place, list[RouteSettings]] = {_place(each): [] for each in known}
    for each in known:
        for path in _above(each.path):
            if (found := below.get((each.host, path))) is not None:
                found.append(each)
    return tuple(_bounded(each, below[_place(each)]) for each in known)


def inside(route: RouteSettings) -> str:
    """Return the upstream's path that the route's own path leads to, without a final slash."""
    return route.base_path + ("" if route.strips_prefix else _top(route))


def _place(route: RouteSettings) -> _Place:
    return route.host, _top(route)


def _above(path: str) -> Iterator[str]:
    """Yield what `path` is below of, segment by segment: of ``/a/b`` an empty text and ``/a``."""
    end = path.find("/") if path != "/" else -1
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _bounded(route: RouteSettings, below: Iterable[RouteSettings]) -> RouteSettings:
    elsewhere = tuple(dict.fromkeys(other.path for other in below if _leads_elsewhere(other, route)))
    if not elsewhere:
        return route
    rewrite, tenants = replace(route.rewrite, elsewhere=elsewhere), route.tenants
    if tenants is not None:
        default = tenants.default
        tenants = replace(
            tenants,
            routes=tuple((value, replace(each, rewrite=rewrite)) for value, each in tenants.routes),
            default=replace(default, rewrite=rewrite) if default is not None else None,
        )
    return replace(route, rewrite=rewrite, tenants=tenants)


def _leads_elsewhere(other: RouteSettings, route: RouteSettings) -> bool:
    if other.methods is not None and "GET" not in other.methods:
        return False  # whoever follows a reference asks for it by GET
    is_same = (other.upstream, other.group, other.instances) == (
        route.upstream,
        route.group,
        route.instances,
    )
    return not is_same or inside(other) != inside(route) + other.path[len(_top(route)) :]


def _top(route: RouteSettings) -> str:
    return "" if route.path == "/" else route.path
