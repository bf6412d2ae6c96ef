"""What a gateway shows of itself: health, readiness, metrics, state. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from gateway import __version__
from gateway.admin.state import client_state, config_state, missing_token, route_state
from gateway.admin.view import AdminView, Readiness, State
from gateway.core.config_state import ConfigState
from gateway.core.settings.upstream_settings import GroupName
from gateway.generation import Generation
from gateway.identity_keys import IdentityKeys
from gateway.observe.file_watch import FileWatch
from gateway.observe.gauges import Connections, Gauges, Reloaded
from gateway.observe.line_stream import dropped_lines
from gateway.observe.metrics import Metrics
from gateway.observers import Observers
from gateway.proxy.census import Census
from gateway.proxy.tunnels import Tunnels
from gateway.upstreams.group_state import counts_of, group_state


class Overseen(Protocol):
    """What is shown of a gateway, as it is at the moment."""

    config: Callable[[], ConfigState]
    generation: Generation
    metrics: Metrics
    observers: Observers
    file_watch: FileWatch
    census: Census
    tunnels: Tunnels
    overview: Overview
    identity_keys: IdentityKeys

    def now_s(self) -> float:
        """Return the loop's time."""

    @property
    def is_draining(self) -> bool:
        """Whether it stops."""

    @property
    def is_stale(self) -> bool:
        """Whether nobody looks at deadlines any more."""

    @property
    def generations(self) -> int:
        """How many configurations are in use."""


class Overview:
    """Shows one gateway."""

    def __init__(self, gateway: Overseen) -> None:
        self.gateway = gateway

    def gauges(self) -> Gauges:
        """Return what is asked at each scrape; nothing of the gateway need be there yet."""
        gateway = self.gateway
        return Gauges(
            __version__,
            lambda: self.readiness().is_ready,
            lambda: gateway.observers.dropped_records(),  # noqa: PLW0108 - they are made later
            dropped_lines,
            self.connections,
            lambda: gateway.generation.sources.by_client(),  # noqa: PLW0108 - it is made later
            lambda: {route.settings.name: route.health for route in gateway.generation.routes},
            lambda: [key for key, _ in gateway.file_watch.troubles()],
            self._reloaded,
            lambda: dict(gateway.tunnels.counts()),
            self.group_counts,
            self.group_queues,
            lambda: gateway.generation.ways.key_sets(),  # noqa: PLW0108 - they are made later
        )

    def view(self) -> AdminView:
        """Return what the admin listener shows."""
        return AdminView(
            self.readiness,
            self._clients,
            self._routes,
            self.gateway.metrics.pieces,
            self.config,
            self.prepare_metrics,
            self.stale,
            self._callers,
            self._tunnels,
            self.groups,
            lambda: self.gateway.identity_keys.published(),  # noqa: PLW0108 - they are made later
        )

    def readiness(self) -> Readiness:
        """Return whether requests should come here, and if not, why."""
        missing = self.gateway.generation.sources.missing()
        return Readiness(self.gateway.is_draining, tuple(map(missing_token, missing)))

    def connections(self) -> Connections:
        """Return how many connections callers have."""
        census = self.gateway.census
        refused = {reason.value: count for reason, count in census.refused.items()}
        return Connections(census.open, census.most, refused)

    def config(self) -> State:
        """Return how the configuration stands."""
        return config_state(self.gateway.config(), self.gateway.generations)

    def prepare_metrics(self) -> None:
        """Prepare what takes longer than a part of the metrics; called in a thread."""
        self.gateway.metrics.prepare()

    def stale(self) -> tuple[str, ...]:
        """Return those whose deadlines nobody looks at any more."""
        return ("callers", "upstreams", "admin") if self.gateway.is_stale else ()

    def _clients(self) -> Iterator[State]:
        gateway = self.gateway
        return (
            client_state(state, gateway.file_watch.troubles())
            for state in gateway.generation.sources.states()
        )

    def _routes(self) -> Iterator[State]:
        return (route_state(route.settings, route.health) for route in self.gateway.generation.routes)

    def _tunnels(self) -> Iterator[State]:
        return (each.state() for each in list(self.gateway.tunnels.open))

    def groups(self) -> Iterable[State]:
        """Return the groups of upstream addresses."""
        now_s = self.gateway.now_s()
        return (group_state(group, now_s) for group in self.gateway.generation.groups.values())

    def group_counts(self) -> Mapping[GroupName, Mapping[str, int]]:
        """Return how many addresses of each group are in each state."""
        return {each.name: counts_of(group) for each, group in self.gateway.generation.groups.items()}

    def group_queues(self) -> Mapping[GroupName, int]:
        """Return how many requests wait for each group that has a queue."""
        groups = self.gateway.generation.groups.values()
        return {each.settings.name: each.queue.waiting for each in groups if each.queue is not None}

    def _callers(self) -> Iterator[State]:
        return self.gateway.generation.ways.states()

    def _reloaded(self) -> Reloaded:
        state = self.gateway.config()
        return Reloaded(state.is_well, state.loaded_at_s, self.gateway.generations)
