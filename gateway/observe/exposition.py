"""From our own counters to what Prometheus reads, in pieces. Imported at the first scrape only.

Rules: names and units follow the conventions of Prometheus (base units, ``_total`` for counters). Every
name stands in ``docs/observability.md``; a test compares them. No piece covers more than `OWNERS_AT_ONCE`
routes or clients, so that the loop can do other work in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.core.resolution import LookUp
from gateway.observe.families import counter, gauge
from gateway.observe.gauges import Connections, Gauges, Reloaded
from gateway.observe.group_metrics import GroupMetrics
from gateway.observe.group_series import GROUPS, queues, targets
from gateway.observe.route_metrics import RouteMetrics
from gateway.observe.series import (
    CLIENTS,
    KEY_SETS,
    ROUTES,
    Family,
    Owners,
    name_resolutions,
    open_tunnels,
)
from gateway.observe.standings import CLIENT_STANDINGS, file_troubles, route_troubles
from gateway.observe.token_metrics import ClientMetrics

OWNERS_AT_ONCE: Final = 16
"""Their widest family, a histogram, takes about 2 ms on a small machine."""

_Owner = TypeVar("_Owner")


@dataclass(frozen=True, slots=True)
class Counted:
    """Counters of routes, of clients, of names that are looked up, and of groups of upstream addresses."""

    routes: Owners[RouteMetrics]
    clients: Owners[ClientMetrics]
    names: Owners[Mapping[LookUp, int]]
    groups: Owners[GroupMetrics]


def pieces(counted: Counted, gauges: Gauges) -> Iterator[bytes]:
    """Render the text, family by family."""
    for of_routes in ROUTES:
        yield from _in_pieces(of_routes, counted.routes)
    for of_clients in CLIENTS:
        yield from _in_pieces(of_clients, counted.clients)
    states = list(gauges.sources().items())
    for of_states in CLIENT_STANDINGS:
        yield from _in_pieces(of_states, states)
    key_sets = list(gauges.key_sets().items())
    for of_sets in KEY_SETS:
        yield from _in_pieces(of_sets, key_sets)
    yield from _in_pieces(open_tunnels, list(gauges.tunnels().items()))
    for of_groups in GROUPS:
        yield from _in_pieces(of_groups, counted.groups)
    yield from _in_pieces(targets, list(gauges.groups().items()))
    yield from _in_pieces(queues, list(gauges.queues().items()))
    yield from _in_pieces(route_troubles, list(gauges.routes().items()))
    yield generate_latest(_Of([file_troubles(gauges.file_troubles())]))
    yield from _in_pieces(name_resolutions, counted.names)
    yield generate_latest(
        _Of([*_process(gauges), *_reloaded(gauges.reloaded()), *_connections(gauges.connections())])
    )
    processes = gauges.processes()
    yield generate_latest(_Of(list(_of_each(processes))) if processes else _PROCESS)


def _in_pieces(family: Family[_Owner], owners: Owners[_Owner]) -> Iterator[bytes]:
    yield generate_latest(_Of([family(owners[:OWNERS_AT_ONCE])]))
    for begin in range(OWNERS_AT_ONCE, len(owners), OWNERS_AT_ONCE):
        text = generate_latest(_Of([family(owners[begin : begin + OWNERS_AT_ONCE])]))
        yield text.split(b"\n", 2)[2]  # without HELP and TYPE, which stand once


def _process_collector() -> CollectorRegistry:
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    return own


_PROCESS: Final = _process_collector()
_OF_PROCESS: Final = {
    "virtual_memory_bytes": "Virtual memory size in bytes.",
    "resident_memory_bytes": "Resident memory size in bytes.",
    "start_time_seconds": "Start time of the process since unix epoch in seconds.",
    "cpu_seconds_total": "Total user and system CPU time spent in seconds.",
    "open_fds": "Number of open file descriptors.",
    "max_fds": "Maximum number of open file descriptors.",
}


@dataclass(frozen=True, slots=True)
class _Of(Collector):
    """What `generate_latest` reads families from."""

    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


def _process(gauges: Gauges) -> Iterator[Metric]:
    ready = gauges.is_ready()
    yield gauge("gateway_ready", "1 while /readyz says that the gateway is ready.", (), [([], float(ready))])
    yield gauge("gateway_build_info", "Always 1.", ("version",), [([gauges.version], 1.0)])
    yield counter(
        "gateway_access_log_dropped",
        "Access records that could not be written.",
        (),
        [([], gauges.dropped_access_records())],
    )
    yield counter(
        "gateway_operational_log_dropped",
        "Other lines to standard error (in the demo, standard output too) that could not be written.",
        (),
        [([], gauges.dropped_lines())],
    )


def _of_each(processes: Mapping[str, Mapping[str, float]]) -> Iterator[Metric]:
    """Build what prometheus_client says of a process, with a label that says of which."""
    for end, text in _OF_PROCESS.items():
        make = counter if end.endswith("_total") else gauge
        samples = (([name], numbers[end]) for name, numbers in processes.items() if end in numbers)
        yield make(f"process_{end.removesuffix('_total')}", text, ("worker",), samples)


def _reloaded(reloaded: Reloaded) -> Iterator[Metric]:
    yield gauge(
        "gateway_config_last_reload_successful",
        "1 if the configuration that was loaded last is in use.",
        (),
        [([], float(reloaded.is_well))],
    )
    yield gauge(
        "gateway_config_last_reload_success_timestamp_seconds",
        "When the configuration in use was loaded, in seconds since 1970.",
        (),
        [([], reloaded.loaded_at_s)],
    )
    yield gauge(
        "gateway_config_generations",
        "Configurations in use: one, and those whose last exchange is not over.",
        (),
        [([], reloaded.generations)],
    )


def _connections(connections: Connections) -> Iterator[Metric]:
    yield gauge("gateway_connections", "Connections of callers that are open.", (), [([], connections.open)])
    yield gauge(
        "gateway_connections_max", "How many connections callers may have.", (), [([], connections.most)]
    )
    yield counter(
        "gateway_connections_refused",
        "Connections of callers that were refused or closed, by what there was too much of.",
        ("reason",),
        (([reason], count) for reason, count in connections.refused.items()),
    )
