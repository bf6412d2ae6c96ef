"""The shortest timeout of a configuration: how long it takes at least until anything that begins is late."""

from __future__ import annotations

from math import inf

from gateway.core.settings.all_settings import Settings


def shortest_timeout_s(settings: Settings) -> float:
    """Return the shortest timeout that the connection of a caller can meet."""
    limits = settings.limits
    of_routes = (
        min(each.response_s, each.idle_s, inf if each.total_s is None else each.total_s)
        for each in (route.timeouts for route in settings.routes)
    )
    return min(limits.head_timeout_s, limits.keepalive_timeout_s, *of_routes)
