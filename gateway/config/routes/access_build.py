"""Models -> settings of the `access` of a route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.config.routes.access_model import AccessEntryModel
from gateway.config.values.strict import unique
from gateway.core.access_settings import AccessEntry, AccessRule, ApiKeyWay, WaySettings
from gateway.core.caller import WayName


def access_rule(access: Sequence[AccessEntryModel] | object | None) -> AccessRule | None:
    """Build a route's rule; None if it is for anyone."""
    if not isinstance(access, Sequence):
        return None
    return AccessRule(tuple(_entry(entry) for entry in access))


def credentials_of_others(ways: Mapping[WayName, WaySettings], access: AccessRule | None) -> tuple[str, ...]:
    """Return the fields that carry a key on other routes, and are the caller's own business on this one."""
    named = access.ways if access is not None else ()
    ours = {each.way.header.lower() for name in named if isinstance((each := ways[name]).way, ApiKeyWay)}
    all_ = (each.way.header for each in ways.values() if isinstance(each.way, ApiKeyWay))
    return unique([header for header in all_ if header.lower() not in ours])


def _entry(entry: AccessEntryModel) -> AccessEntry:
    return AccessEntry(
        callers=tuple(map(WayName, unique(entry.caller))),
        scope=frozenset(entry.scope or ()),
        claims=tuple((name, unique(values)) for name, values in (entry.claims or {}).items()),
    )
