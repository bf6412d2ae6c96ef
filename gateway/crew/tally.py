"""What all workers have counted together, those that have ended too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.core.crew.totals import Tree, added, laid_down, sum_of, updated
from gateway.core.resolution import LookUp
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.upstream_settings import GroupName
from gateway.crew.counting import (
    group_numbers,
    group_of,
    names_of,
    process_numbers,
    route_numbers,
    route_of,
    show_health,
)
from gateway.observe.gauges import Connections
from gateway.observe.group_metrics import GroupMetrics
from gateway.observe.metrics import Metrics
from gateway.observe.route_health import RouteHealth
from gateway.observe.route_metrics import RouteMetrics

_NOTHING = route_numbers(RouteMetrics())


class Tally:
    """Adds up counts, in the keeper.

    Args:
        base: the counts of workers that ended under an earlier keeper.

    Attributes:
        base: the counts of all workers that have ended.
    """

    def __init__(self, base: Tree) -> None:
        self.base = base
        self._told: dict[int, Tree] = {}
        self._slots: dict[int, int] = {}

    def took(self, pid: int, slot: int, text: str) -> None:
        """Take over what a worker told; what makes no sense is left out."""
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            told = json.loads(text)
            for numbers in told["routes"].values():
                added(_NOTHING, numbers)  # or it does not fit
            laid_down(told)
            self._told[pid], self._slots[pid] = updated(self._told.get(pid, {}), told), slot

    def gone(self, pid: int) -> None:
        """Keep the counts of a worker that has ended."""
        if pid in self._told:
            self.base = added(self.base, laid_down(self._told.pop(pid)))

    def routes(self, own: Metrics) -> Mapping[RouteName, RouteMetrics]:
        """Return the counters of all routes; those of this process are its own faults."""
        ours = {str(name): route_numbers(route) for name, route in own.routes.items()}
        total = added(ours, self._total("routes"))
        return {RouteName(name): route_of(numbers) for name, numbers in total.items()}

    def names(self, own: Metrics) -> Mapping[str, Mapping[LookUp, int]]:
        """Return failed look-ups, by name and outcome."""
        ours = {
            name: {outcome.value: count for outcome, count in counts.items()}
            for name, counts in own.resolutions.failures.items()
        }
        return names_of(added(ours, self._total("names")))

    def connections(self, most: int) -> Connections:
        """Return the connections of callers."""
        are_open = sum(int(told.get("open", 0)) for told in self._told.values())
        return Connections(are_open, most, self._total("refused"))

    def tunnels(self) -> list[Mapping[str, Any]]:
        """Return the open tunnels, as they were told last."""
        return [each for told in self._told.values() for each in told.get("tunnels", ())]

    def groups(self, own: Metrics) -> Mapping[GroupName, GroupMetrics]:
        """Return the counters of all groups of upstream addresses."""
        ours = {str(name): group_numbers(group) for name, group in own.groups.items()}
        total = added(ours, self._total("groups"))
        return {GroupName(name): group_of(numbers) for name, numbers in total.items()}

    def upstreams(self) -> list[Mapping[str, Any]]:
        """Return the groups of upstream addresses as each worker sees them."""
        return [
            {"worker": self._slots[pid], **each}
            for pid, told in self._told.items()
            for each in told.get("upstreams", ())
        ]

    def dropped(self, what: str) -> int:
        """Return how many lines were lost: ``access`` records, or other ``lines``."""
        return int(self._total("dropped").get(what, 0))

    def processes(self) -> Mapping[str, Mapping[str, float]]:
        """Return what is known of each process, by its number as a worker."""
        of_workers = {str(self._slots[pid]): told.get("process", {}) for pid, told in self._told.items()}
        return {"keeper": process_numbers(), **dict(sorted(of_workers.items()))}

    def show(self, healths: Mapping[RouteName, RouteHealth]) -> None:
        """Let routes be as troubled as workers find them."""
        for name, health in healths.items():
            told = [each["health"][name] for each in self._told.values() if name in each.get("health", {})]
            with suppress(ValueError, TypeError, KeyError):
                show_health(health, told)

    def _total(self, name: str) -> Tree:
        return sum_of(tree.get(name, {}) for tree in (self.base, *self._told.values()))
