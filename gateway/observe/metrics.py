"""Everything that is counted, and its way to Prometheus.

Rules:

- What Prometheus reads is put together at the scrape (`gateway.observe.exposition`). Its library is imported
  then, so that an instance that nobody scrapes does not hold it in memory.
- No label carries text that a caller made: routes and clients are names of `gateway.yaml`, error types
  and outcomes are ours, a status code has three digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.core.resolution import LookUp
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.observe.gauges import Gauges
from gateway.observe.group_metrics import GroupMetrics
from gateway.observe.resolutions import Resolutions
from gateway.observe.route_metrics import RouteMetrics
from gateway.observe.token_metrics import TokenMetrics

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `Metrics.render` makes: the text format that every version of Prometheus reads."""


class Metrics:
    """Everything that is counted, and its way out.

    Args:
        gauges: asked at each scrape.
        wall_s: seconds since 1970.

    Attributes:
        shown_routes, shown_names, shown_groups: what is shown of routes, of look-ups, and of groups of
            upstream addresses; by default what is counted here.
    """

    def __init__(self, gauges: Gauges, wall_s: Callable[[], float]) -> None:
        self.gauges = gauges
        self.routes: dict[RouteName, RouteMetrics] = {}
        self.groups: dict[GroupName, GroupMetrics] = {}
        self.tokens = TokenMetrics(wall_s)
        self.resolutions = Resolutions()
        self.shown_routes: Callable[[], Mapping[RouteName, RouteMetrics]] = lambda: self.routes
        self.shown_names: Callable[[], Mapping[str, Mapping[LookUp, int]]] = lambda: self.resolutions.failures

        self.shown_groups: Callable[[], Mapping[GroupName, GroupMetrics]] = lambda: self.groups

    def group(self, name: GroupName) -> GroupMetrics:
        """Return the counters of a group of upstream addresses, the same for the same name."""
        return self.groups.setdefault(name, GroupMetrics())

    def route(self, name: RouteName) -> RouteMetrics:
        """Return the counters of a route, the same for the same name; ``-``: of requests without one."""
        return self.routes.setdefault(name, RouteMetrics())

    def prepare(self) -> None:
        """Load the library of Prometheus, for which the loop would have to wait too long; thread-safe."""
        # At the first scrape: it takes about 1.1 MiB of memory (see the docstring above).
        from gateway.observe import exposition  # noqa: F401, PLC0415

    def pieces(self) -> Iterator[bytes]:
        """Render everything in the text format of Prometheus, a few routes or clients at a time.

        See `CONTENT_TYPE`. Between two pieces the counters may move on.
        """
        from gateway.observe import exposition  # noqa: PLC0415

        counted = exposition.Counted(
            list(self.shown_routes().items()),
            list(self.tokens.clients.items()),
            list(self.shown_names().items()),
            list(self.shown_groups().items()),
        )
        yield from exposition.pieces(counted, self.gauges)

    def render(self) -> bytes:
        """Render everything at once."""
        return b"".join(self.pieces())
