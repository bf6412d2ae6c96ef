"""No two routes are equally specific: same host and path, and methods in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.problems import LineOf, Mistake
from gateway.config.routes.route_model import RouteModel

_EQUAL: Final = "same host, path and methods as {}: no request can tell the two apart"
_OVERLAP: Final = "same host and path as {}, and some methods in common: neither is more specific"


def route_clashes(routes: Mapping[int, RouteModel], line_of: LineOf) -> Iterator[Mistake]:
    """Yield each route that is as specific as an earlier one; `routes` are keyed by their index."""
    seen: dict[tuple[str | None, str], list[tuple[int, RouteModel]]] = {}
    for index, route in routes.items():
        alike = seen.setdefault((route.host, route.path), [])
        for earlier, other in alike:
            if words := _clash(route.methods, other.methods):
                line = line_of(("routes", earlier))
                yield Mistake(("routes", index), words.format(f"the route on line {line}"))
                break
        alike.append((index, route))


def _clash(methods: list[str] | None, others: list[str] | None) -> str | None:
    if methods is None or others is None:
        # Any method beside a list is no clash: the list is more specific.
        return _EQUAL if methods is others else None
    if set(methods) == set(others):
        return _EQUAL
    return _OVERLAP if set(methods) & set(others) else None
