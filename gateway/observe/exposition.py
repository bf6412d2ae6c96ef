"""From our own counters to what Prometheus reads. Imported at the first scrape only.

Rules: names and units follow the conventions of Prometheus (base units, ``_total`` for counters); every
name stands in ``docs/observability.md``, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.core.record import Recovery
from gateway.observe.error_sides import sides_by_code
from gateway.observe.families import counter, gauge, histogram
from gateway.observe.metrics import RouteMetrics
from gateway.observe.resolutions import Resolutions
from gateway.observe.token_metrics import ClientMetrics

if TYPE_CHECKING:
    from gateway.observe.metrics import Connections, Gauges, Metrics

_OUTCOMES = tuple(outcome for outcome in Recovery if outcome is not Recovery.NONE)


def registry(metrics: Metrics) -> CollectorRegistry:
    """Make a registry of our own with the gateway's metrics and those of its process."""
    own = CollectorRegistry()
    own.register(_Gateway(metrics))
    ProcessCollector(registry=own)
    return own


def render(own: CollectorRegistry) -> bytes:
    """Give what a registry holds in the text format of Prometheus."""
    return generate_latest(own)


class _Gateway(Collector):
    """Reads the counters at the scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from _requests(self._metrics.routes.items())
        yield from _errors(self._metrics.routes.items())
        yield from _exchanges(self._metrics.routes.items())
        yield from _tokens(self._metrics.tokens.clients.items())
        yield from _lives(self._metrics.tokens.clients.items())
        yield _resolutions(self._metrics.resolutions)
        yield from _process(self._metrics.gauges)
        yield from _connections(self._metrics.gauges.connections())


_Routes = Iterable[tuple[str, RouteMetrics]]
_Clients = Iterable[tuple[str, ClientMetrics]]


def _requests(routes: _Routes) -> Iterator[Metric]:
    yield counter(
        "gateway_requests",
        "Requests that are over, by status answered; 499: the caller left first.",
        ("route", "code"),
        (([name, str(code)], count) for name, route in routes for code, count in route.statuses.items()),
    )
    yield gauge(
        "gateway_requests_in_progress",
        "Requests that have been matched and are not over.",
        ("route",),
        (([name], route.in_progress()) for name, route in routes),
    )
    yield histogram(
        "gateway_request_duration_seconds",
        "From a request's head to the last byte of its answer.",
        "route",
        ((name, route.durations) for name, route in routes),
    )
    yield from _per_route(
        routes,
        ("gateway_request_body_bytes", "Bytes of request bodies, as relayed.", lambda r: r.request_bytes),
        ("gateway_answer_body_bytes", "Bytes of answer bodies, as relayed.", lambda r: r.answer_bytes),
    )


def _errors(routes: _Routes) -> Iterator[Metric]:
    sides = sides_by_code()
    yield counter(
        "gateway_errors",
        "Requests that the gateway answered itself, by type of error and the side at fault.",
        ("route", "type", "side"),
        (
            ([name, code, sides.get(code, "gateway")], count)
            for name, route in routes
            for code, count in route.errors.items()
        ),
    )


def _exchanges(routes: _Routes) -> Iterator[Metric]:
    yield histogram(
        "gateway_upstream_duration_seconds",
        "Waiting for the head of the upstream's answer, where there was an exchange.",
        "route",
        ((name, route.upstream_durations) for name, route in routes),
    )
    yield counter(
        "gateway_recoveries",
        "Answers of the upstream that refused a token, by what became of them.",
        ("route", "outcome"),
        (
            ([name, outcome.value], route.recoveries.get(outcome, 0))
            for name, route in routes
            for outcome in _OUTCOMES
        ),
    )
    yield from _per_route(
        routes,
        (
            "gateway_connection_retries",
            "Requests sent again because a pooled connection had died.",
            lambda r: r.connection_retries,
        ),
        (
            "gateway_dpop_nonce_retries",
            "Requests sent again with the nonce that the upstream asked for.",
            lambda r: r.nonce_retries,
        ),
    )


def _tokens(clients: _Clients) -> Iterator[Metric]:
    yield counter(
        "gateway_token_requests",
        "Token requests sent to the authorization server, by reason.",
        ("client", "reason"),
        (
            ([name, reason.value], count)
            for name, client in clients
            for reason, count in client.requests.items()
        ),
    )
    yield counter(
        "gateway_token_request_failures",
        "Token requests that gave no token, by type of error.",
        ("client", "type"),
        (([name, code], count) for name, client in clients for code, count in client.failures.items()),
    )
    yield histogram(
        "gateway_token_request_duration_seconds",
        "Token requests that gave a token.",
        "client",
        ((name, client.durations) for name, client in clients),
    )
    yield from _per_client(
        clients,
        (
            "gateway_token_rejected",
            "Tokens that an upstream refused and that were dropped.",
            lambda client: client.rejected,
        ),
        (
            "gateway_client_secret_switches",
            "Times another secret of the client than before was accepted.",
            lambda client: client.switches,
        ),
        (
            "gateway_token_scope_reductions",
            "Times the scope that was granted began to lack something that was asked.",
            lambda client: client.scope_reductions,
        ),
    )
    yield from _revocations(clients)


def _revocations(clients: _Clients) -> Iterator[Metric]:
    yield counter(
        "gateway_token_revocations",
        "Tokens that were revoked since they are no longer used, or could not be.",
        ("client", "outcome"),
        (
            ([name, outcome], count)
            for name, client in clients
            for outcome, count in client.revocations.items()
        ),
    )


def _lives(clients: _Clients) -> Iterator[Metric]:
    yield gauge(
        "gateway_token_expiry_timestamp_seconds",
        "When the client's latest token expires or was dropped, seconds since 1970.",
        ("client",),
        (([name], client.expires_at_s) for name, client in clients if client.expires_at_s is not None),
    )
    yield gauge(
        "gateway_token_requested_timestamp_seconds",
        "When the client's latest token was requested, seconds since 1970.",
        ("client",),
        (([name], client.requested_at_s) for name, client in clients if client.requested_at_s is not None),
    )


def _resolutions(resolutions: Resolutions) -> Metric:
    return counter(
        "gateway_name_resolution_failures",
        "Look-ups of names that gave no address, by outcome.",
        ("name", "outcome"),
        (
            ([name, outcome.value], count)
            for name, counts in resolutions.failures.items()
            for outcome, count in counts.items()
        ),
    )


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
        "Other lines for standard error (in the demo: and output) that could not be written.",
        (),
        [([], gauges.dropped_lines())],
    )


def _connections(connections: Connections) -> Iterator[Metric]:
    yield gauge("gateway_connections", "Connections of callers that are open.", (), [([], connections.open)])
    yield gauge(
        "gateway_connections_max", "How many connections callers may have.", (), [([], connections.most)]
    )
    yield counter(
        "gateway_connections_refused",
        "Connections of callers that were refused, or closed, for what there was too much of.",
        ("reason",),
        (([reason], count) for reason, count in connections.refused.items()),
    )


def _per_route(
    routes: _Routes, *counters: tuple[str, str, Callable[[RouteMetrics], int]]
) -> Iterator[Metric]:
    for name, text, read in counters:
        yield counter(name, text, ("route",), (([route_name], read(route)) for route_name, route in routes))


def _per_client(
    clients: _Clients, *counters: tuple[str, str, Callable[[ClientMetrics], int]]
) -> Iterator[Metric]:
    for name, text, read in counters:
        yield counter(name, text, ("client",), (([client], read(one)) for client, one in clients))
