"""What must fit together in the `access` of a route, and between it and `callers`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.config.callers.callers_model import WayModel
from gateway.config.problems import Loc, Mistake
from gateway.config.routes.client_key import ClientsByCaller
from gateway.config.routes.route_model import RouteModel
from gateway.config.spelling import close_to

Ways = Mapping[str, WayModel | None]
"""By name; None for one that is invalid itself."""

_NO_SCOPE: Final = "callers that are known in these ways have no scope: no caller could satisfy this"


_NO_ZONE: Final = "says nothing of the time zone: write `zone` beside it, such as Europe/Berlin or UTC"
_NO_HOURS: Final = "has no effect without hours"
_SAME_NAMES: Final = (
    "may have the same name, and one would get the other's client: write by: caller.way, or "
    "caller.claims.NAME for a claim that all of these vouch for"
)
_PLACES: Final = ("network", "certificate")
_WITHOUT_SCOPE: Final = ("network", "basic", "certificate")


def access_findings(loc: Loc, route: RouteModel, ways: Ways) -> Iterator[Mistake]:
    """Yield each name that is unknown, and what no caller could satisfy."""
    if not isinstance(route.access, list):
        return
    if isinstance(route.client, ClientsByCaller) and route.client.by == "caller":
        naming = dict.fromkeys(_naming(entry.caller, ways) for entry in route.access)
        if len(naming) > 1:
            yield Mistake((*loc[:-1], "client"), f"callers of {' and of '.join(naming)} {_SAME_NAMES}")
    for index, entry in enumerate(route.access):
        for number, name in enumerate(entry.caller):
            if name not in ways:
                yield Mistake((*loc, index, "caller", number), _unknown(name, ways))
        named = [ways.get(name) for name in entry.caller]
        if entry.scope and all(way is not None and _has_no_scope(way) for way in named):
            yield Mistake((*loc, index, "scope"), _NO_SCOPE, is_about_key=True)
        if entry.hours and entry.zone is None:
            yield Mistake((*loc, index, "hours"), _NO_ZONE, is_about_key=True)
        if entry.zone is not None and not entry.hours:
            yield Mistake((*loc, index, "zone"), _NO_HOURS, is_about_key=True)


def _naming(names: Sequence[str], ways: Ways) -> str:
    """Return the way whose name a caller gets that satisfies an entry; see `core.access.outcome`."""
    known = ((name, ways.get(name)) for name in names)
    presented = (name for name, way in known if way is not None and way.model_fields_set.isdisjoint(_PLACES))
    return next(presented, names[0])


def _has_no_scope(way: WayModel) -> bool:
    return not way.model_fields_set.isdisjoint(_WITHOUT_SCOPE)


def _unknown(name: str, ways: Ways) -> str:
    close = close_to(name, ways)
    known = f"expected one of {', '.join(ways)}" if ways else "none is defined: add it under `callers`"
    return f"unknown caller{f', did you mean {close}?' if close else f'; {known}'}"
