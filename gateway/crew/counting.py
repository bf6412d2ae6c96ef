"""From a worker's counters to numbers that travel, and back to counters that are shown.

Rules: a route is told when it has changed since it was told last, and then as a whole. Whoever has just been
reached is told everything.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from gateway.core.cause import Cause
from gateway.core.crew.totals import Tree
from gateway.core.errors import Side
from gateway.core.http.recovery import Recovery
from gateway.core.http.route_trouble import RouteTrouble
from gateway.core.resolution import LookUp
from gateway.core.settings.route_settings import RouteName
from gateway.observe.group_metrics import GroupMetrics
from gateway.observe.histogram import Histogram
from gateway.observe.line_stream import dropped_lines
from gateway.observe.route_health import RouteHealth
from gateway.observe.route_metrics import RouteMetrics
from gateway.overview import Overseen
from gateway.system.process_identity import started_ticks

ROUTE_COUNTS: Final = (
    "accesses",
    "answer_bytes",
    "connection_retries",
    "durations",
    "errors",
    "nonce_retries",
    "own_statuses",
    "recoveries",
    "request_bytes",
    "started_requests",
    "statuses",
    "tunnel_durations",
    "tunnels",
    "upstream_durations",
)
"""All that `RouteMetrics` counts."""
_TAB: Final = "\t"
_KEYS: Final[Mapping[str, Callable[[str], object]]] = {
    "statuses": int,
    "own_statuses": int,
    "recoveries": Recovery,
    "errors": str,
    "tunnels": str,
    "accesses": lambda key: tuple(key.split(_TAB)),
}
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Counter:
    """Tells what a worker has counted."""

    def __init__(self, gateway: Overseen) -> None:
        self._gateway = gateway
        self._told: dict[RouteName, tuple[int, ...]] = {}

    def forget(self) -> None:
        """Tell everything the next time: there is another keeper."""
        self._told.clear()

    def changed(self, *, is_whole: bool = False) -> str | None:
        """Return what has changed, as JSON; None: nothing has, and nothing is wanted (`is_whole`)."""
        metrics, routes = self._gateway.metrics, {}
        for name, route in metrics.routes.items():
            mark = _mark(route)
            if self._told.get(name) != mark:
                self._told[name] = mark
                routes[name] = route_numbers(route)
        if not routes and not is_whole:
            return None
        census = self._gateway.census
        tree: dict[str, Any] = {
            "routes": routes,
            "names": {name: _plain(counts) for name, counts in metrics.resolutions.failures.items()},
            "groups": {name: group_numbers(group) for name, group in metrics.groups.items()},
            "upstreams": list(self._gateway.overview.groups()),
            "refused": {reason.value: count for reason, count in census.refused.items()},
            "dropped": {"access": self._gateway.observers.dropped_records(), "lines": dropped_lines()},
            "open": census.open,
            "tunnels": [each.state() for each in self._gateway.tunnels.open],
            "health": {
                route.settings.name: health_numbers(route.health)
                for route in self._gateway.generation.routes
                if route.health.last is not None
            },
        }
        if is_whole:
            tree["process"] = process_numbers()
        return json.dumps(tree)


def _mark(route: RouteMetrics) -> tuple[int, ...]:
    done, failed = sum(route.statuses.values()), sum(route.errors.values())
    passed_bytes, tunnels = route.request_bytes + route.answer_bytes, sum(route.tunnels.values())
    return route.started_requests, done, failed, passed_bytes, tunnels


def route_numbers(route: RouteMetrics) -> dict[str, Any]:
    """Return all counts of a route."""
    return {name: _plain(getattr(route, name)) for name in ROUTE_COUNTS}


def route_of(numbers: Tree) -> RouteMetrics:
    """Return counters that show these counts."""
    route = RouteMetrics()
    for name in ROUTE_COUNTS:
        if name not in numbers:
            continue
        histogram, value = getattr(route, name), numbers[name]
        if isinstance(histogram, Histogram):
            histogram.counts, histogram.sum_s = list(value["counts"]), float(value["sum_s"])
        else:
            setattr(route, name, _counter(name, value))
    return route


def _plain(value: Any) -> Any:
    if isinstance(value, Histogram):
        return {"counts": value.counts, "sum_s": value.sum_s}
    if isinstance(value, dict):
        return {_text(key): count for key, count in value.items()}
    return value


def _text(key: object) -> str:
    if isinstance(key, tuple):
        return _TAB.join(key)
    return str(key.value if isinstance(key, Enum) else key)


def _counter(name: str, value: Any) -> Any:
    if name in _KEYS:
        return {_KEYS[name](key): count for key, count in value.items()}
    return value


def group_numbers(group: GroupMetrics) -> dict[str, Any]:
    """Return all counts of a group of upstream addresses."""
    return {
        "retries": _plain(group.retries),
        "ejections": dict(group.ejections),
        "checks": dict(group.checks),
        "waits": _plain(group.waits),
    }


def group_of(numbers: Tree) -> GroupMetrics:
    """Return counters that show these counts."""
    group = GroupMetrics()
    group.ejections = dict(numbers.get("ejections", {}))
    group.checks = dict(numbers.get("checks", {}))
    if waits := numbers.get("waits"):
        group.waits.counts, group.waits.sum_s = list(waits["counts"]), float(waits["sum_s"])
    for key, count in numbers.get("retries", {}).items():
        reason, _, outcome = key.partition(_TAB)
        group.retries[reason, outcome] = count
    return group


def names_of(tree: Tree) -> dict[str, dict[LookUp, int]]:
    """Return failed look-ups, by name and outcome."""
    return {
        name: {LookUp(outcome): count for outcome, count in counts.items()} for name, counts in tree.items()
    }


def health_numbers(health: RouteHealth) -> dict[str, Any]:
    """Return the trouble of a route."""
    last = health.last
    assert last is not None
    cause = last.cause.value if last.cause else ""
    return {
        "is_troubled": health.is_troubled,
        "failures": health.failures,
        "at_s": health.at_s,
        "trouble": [last.side.value, last.code, cause, last.key, last.reason],
    }


def show_health(health: RouteHealth, of_workers: list[Tree]) -> None:
    """Let a route be as troubled as any worker finds it; the latest trouble speaks for all."""
    if not of_workers:
        return
    troubled = [each for each in of_workers if each["is_troubled"]]
    latest = max(troubled or of_workers, key=lambda each: float(each["at_s"]))
    side, code, cause, key, reason = latest["trouble"]
    health.is_troubled = bool(troubled)
    health.last = RouteTrouble(Side(side), code, Cause(cause) if cause else None, key, reason)
    health.failures = sum(int(each["failures"]) for each in of_workers)
    health.at_s = float(latest["at_s"])


def process_numbers() -> dict[str, float]:
    """Return what Prometheus wants to know of a process, by the ends of its names."""
    used = os.times()
    numbers = {"cpu_seconds_total": used.user + used.system}
    numbers["max_fds"] = float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib takes longer
            pages = file.read().split()
        numbers["virtual_memory_bytes"] = int(pages[0]) * float(_PAGE_BYTES)
        numbers["resident_memory_bytes"] = int(pages[1]) * float(_PAGE_BYTES)
        numbers["open_fds"] = float(len(os.listdir("/proc/self/fd")) - 1)  # noqa: PTH208
    except OSError:
        pass
    if (ticks := started_ticks()) is not None:
        booted_at_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        numbers["start_time_seconds"] = booted_at_s + ticks / _TICKS
    return numbers
