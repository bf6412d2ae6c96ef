"""What a gateway of several processes shows of itself: the keeper shows all of them."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.admin.state import config_state
from gateway.admin.view import Readiness, State
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.crew.links import COUNTS_S, Links
from gateway.crew.tally import Tally
from gateway.observe.gauges import Connections, Gauges
from gateway.observe.line_stream import dropped_lines
from gateway.observe.route_health import RouteHealth
from gateway.overview import Overseen, Overview
from gateway.upstreams.group_state import STATES


@dataclass(frozen=True, slots=True)
class Joint:
    """What the keeper knows of the others.

    Attributes:
        is_open: whether a worker accepts callers.
        most_connections: how many callers may have, with all workers together.
    """

    loop: asyncio.AbstractEventLoop
    links: Links
    tally: Tally
    is_open: Callable[[], bool]
    most_connections: Callable[[], int]


class JointOverview(Overview):
    """Shows one gateway that is several processes."""

    def __init__(self, gateway: Overseen, joint: Joint) -> None:
        super().__init__(gateway)
        self._joint = joint

    def gauges(self) -> Gauges:
        """Return what is asked at each scrape."""
        tally = self._joint.tally
        return replace(
            super().gauges(),
            dropped_access_records=lambda: tally.dropped("access"),
            dropped_lines=lambda: dropped_lines() + tally.dropped("lines"),
            routes=self.healths,
            tunnels=lambda: Counter(RouteName(str(each.get("route"))) for each in tally.tunnels()),
            processes=tally.processes,
        )

    def _tunnels(self) -> Iterator[State]:
        return iter(self._joint.tally.tunnels())

    def groups(self) -> Iterable[State]:
        """Return the groups of upstream addresses, as each worker sees them."""
        return self._joint.tally.upstreams()

    def group_counts(self) -> Mapping[GroupName, Mapping[str, int]]:
        """Return how many addresses of each group are in each state, in all workers together."""
        counts: dict[GroupName, Counter[str]] = {}
        for group in self._joint.tally.upstreams():
            states = counts.setdefault(GroupName(str(group["upstream"])), Counter())
            states.update(dict.fromkeys(STATES, 0))
            states.update(str(each["state"]) for each in group["addresses"])
        return counts

    def group_queues(self) -> Mapping[GroupName, int]:
        """Return how many requests wait for each group that has a queue, in all workers together."""
        waiting: Counter[GroupName] = Counter()
        for group in self._joint.tally.upstreams():
            if group.get("waiting") is not None:
                waiting[GroupName(str(group["upstream"]))] += int(group["waiting"])
        return waiting

    def readiness(self) -> Readiness:
        """Return whether requests should come here, and if not, why."""
        return replace(super().readiness(), is_starting=not self._joint.is_open())

    def connections(self) -> Connections:
        """Return how many connections callers have."""
        return self._joint.tally.connections(self._joint.most_connections())

    def healths(self) -> Mapping[RouteName, RouteHealth]:
        """Return what keeps routes from their upstreams, as all workers find them."""
        healths = {route.settings.name: route.health for route in self.gateway.generation.routes}
        self._joint.tally.show(healths)
        return healths

    def config(self) -> State:
        """Return how the configuration stands; who is to be signalled is the supervisor."""
        return config_state(self.gateway.config(), self.gateway.generations, os.getppid())

    def prepare_metrics(self) -> None:
        """Wait for the newest counts; called in a thread."""
        super().prepare_metrics()
        asked = asyncio.run_coroutine_threadsafe(self._joint.links.newest_counts(), self._joint.loop)
        with suppress(TimeoutError):  # a busy loop: what was told last is shown
            asked.result(2 * COUNTS_S)
