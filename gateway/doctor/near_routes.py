"""The routes that a request nearly matches, and what it misses: for a request that matches none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Final

from gateway.core.settings.route_settings import RouteSettings

_MOST: Final = 5
_ALIKE: Final = 0.6
"""The cut-off of `difflib.get_close_matches`."""


def near_routes(routes: Iterable[RouteSettings], host: str, path: str) -> tuple[str, ...]:
    """Return a line for each of the nearest routes, the nearest first; for any route if none is near."""
    every = list(routes)
    found = sorted(
        (far, index, why) for index, one in enumerate(every) for far, why in _missed(one, host, path)
    )
    lines = [f"{every[index].name} {why}" for _, index, why in found]
    if not found:
        lines = [f"{one.name} has a different path" for one in every]
    left = len(lines) - _MOST
    return (*lines[:_MOST], *([f"and {left} more"] if left > 0 else []))


def _missed(route: RouteSettings, host: str, path: str) -> Iterator[tuple[float, str]]:
    """Yield how far a request is from a route, and what the difference is."""
    if _is_below(path, route.path):
        if route.host is not None:
            yield 0.0, f"serves only the host {route.host}, and this request is for {host or 'no host'}"
    elif _is_below(path.lower(), route.path.lower()):
        yield 0.1, "differs in case: paths are case-sensitive"
    elif path.startswith(route.path):
        yield 0.2, f"matches whole segments only: {route.path} and {route.path}/..."
    else:
        depth = route.path.count("/")
        same_depth = "/".join(path.split("/")[: depth + 1])
        likeness = SequenceMatcher(None, route.path, same_depth).ratio()
        if likeness >= _ALIKE:
            yield 1 - likeness + 0.3, "has a similar path"


def _is_below(path: str, prefix: str) -> bool:
    return prefix in ("/", path) or path.startswith(f"{prefix}/")
