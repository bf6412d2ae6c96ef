"""What must fit together between a route and its group of upstream addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from gateway.config.problems import Loc, Mistake
from gateway.config.routes.route_model import RouteModel
from gateway.config.spelling import close_to
from gateway.config.upstreams.upstreams_model import GroupModel
from gateway.config.values.urls import EXPECTED_UPSTREAM

Groups = Mapping[str, GroupModel | None]
"""By name; None for a group that is invalid itself."""

_OF_GROUP: Final = "belongs to the addresses: write it as upstreams.{}.{}, for all routes of the group"
_KEYS: Final = ("tls", "proxy", "no_proxy")


def group_findings(loc: Loc, route: RouteModel, groups: Groups, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield what does not fit together; if `upstreams` is no mapping at all, no name is known to be wrong."""
    name = route.upstream.group
    if not name:
        return
    if name not in groups and ("upstreams",) not in wrong:
        yield Mistake((*loc, "upstream"), _unknown(name, groups))
    for key in _KEYS:
        if getattr(route, key) is not None:
            yield Mistake((*loc, key), _OF_GROUP.format(name, key), is_about_key=True)


def _unknown(name: str, groups: Groups) -> str:
    if not groups:
        return EXPECTED_UPSTREAM
    close = close_to(name, groups)
    known = f"expected a URL or one of {', '.join(groups)}"
    return f"unknown group of `upstreams`{f', did you mean {close}?' if close else f': {known}'}"


def of_group(route: RouteModel, groups: Groups) -> RouteModel:
    """Return a route with the first address of its group, and the TLS of that, as if it were its own."""
    group = groups.get(route.upstream.group)
    if group is None:
        return route
    first = replace(group.addresses[0].url, group=route.upstream.group)
    return route.model_copy(update={"upstream": first, "tls": group.tls})
