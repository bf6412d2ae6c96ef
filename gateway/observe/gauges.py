"""What is asked for at each scrape instead of being counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.access.key_set_state import KeySetState
from gateway.core.oauth.source_state import SourceState
from gateway.core.settings.client_settings import ClientName
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.observe.route_health import RouteHealth


@dataclass(frozen=True, slots=True)
class Connections:
    """Those of callers: how many there are, may be, and were refused or closed, by reason."""

    open: int = 0
    most: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How the configuration stands.

    Attributes:
        is_well: what was loaded last is in use.
        loaded_at_s: when what is in use was loaded, in seconds since 1970.
        generations: configurations in use: one, and those whose last exchange is not over.
    """

    is_well: bool = True
    loaded_at_s: float = 0.0
    generations: int = 1


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where it comes from.

    Attributes:
        groups: how many addresses each has in each state.
        queues: how many requests wait for each.
        processes: what is known of each process, if there are several; the names of values as in
            ``process_cpu_seconds_total``, without what they begin with.
    """

    version: str
    is_ready: Callable[[], bool]
    dropped_access_records: Callable[[], int]
    dropped_lines: Callable[[], int] = int
    connections: Callable[[], Connections] = Connections
    sources: Callable[[], Mapping[ClientName, Sequence[SourceState]]] = dict
    routes: Callable[[], Mapping[RouteName, RouteHealth]] = dict
    file_troubles: Callable[[], Sequence[str]] = list
    reloaded: Callable[[], Reloaded] = Reloaded
    tunnels: Callable[[], Mapping[RouteName, int]] = dict
    groups: Callable[[], Mapping[GroupName, Mapping[str, int]]] = dict
    queues: Callable[[], Mapping[GroupName, int]] = dict
    key_sets: Callable[[], Mapping[str, KeySetState]] = dict
    processes: Callable[[], Mapping[str, Mapping[str, float]]] = dict
