"""The families of samples that each route and each client has a part of. Imported at the first scrape only.

Rules: a route without a request has no histograms, which are most of the text; its counters stand at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from prometheus_client.core import Metric

from gateway.core.access.key_set_state import KeySetState
from gateway.core.http.recovery import Recovery
from gateway.core.resolution import LookUp
from gateway.observe.error_sides import sides_by_code
from gateway.observe.families import counter, gauge, histogram
from gateway.observe.route_metrics import RouteMetrics
from gateway.observe.token_metrics import ClientMetrics

_Owner = TypeVar("_Owner")
Owners = Sequence[tuple[str, _Owner]]
"""Routes or clients, by name."""
Family = Callable[[Owners[_Owner]], Metric]
"""Makes a family of samples for some of them."""

_OUTCOMES: Final = tuple(outcome for outcome in Recovery if outcome is not Recovery.NONE)
_SIDES: Final = sides_by_code()


def _total(name: str, text: str, label: str, read: Callable[[_Owner], int]) -> Family[_Owner]:
    def family(owners: Owners[_Owner]) -> Metric:
        return counter(name, text, (label,), (([of], read(owner)) for of, owner in owners))

    return family


def _requests(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_requests",
        "Finished requests, by the status that the caller got; 499: the caller left first.",
        ("route", "code"),
        (([name, str(code)], count) for name, route in routes for code, count in route.statuses.items()),
    )


def _in_progress(routes: Owners[RouteMetrics]) -> Metric:
    return gauge(
        "gateway_requests_in_progress",
        "Requests that have been matched and are not finished.",
        ("route",),
        (([name], route.in_progress()) for name, route in routes),
    )


def _durations(routes: Owners[RouteMetrics]) -> Metric:
    return histogram(
        "gateway_request_duration_seconds",
        "From a request's head to the last byte of its response.",
        "route",
        ((name, route.durations) for name, route in routes if route.statuses),
    )


def _errors(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_errors",
        "Requests that the gateway answered itself, by type of error and side at fault.",
        ("route", "type", "side"),
        (
            ([name, code, _SIDES.get(code, "gateway")], count)
            for name, route in routes
            for code, count in route.errors.items()
        ),
    )


def _accesses(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_access",
        "Callers at the gate of a route that asks who calls, by the way that knows them and by outcome.",
        ("route", "caller", "outcome"),
        (([name, *labels], count) for name, route in routes for labels, count in route.accesses.items()),
    )


def _tunnels(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_tunnels",
        "Tunnels of WebSocket that are over, by what ended them.",
        ("route", "outcome"),
        (([name, outcome], count) for name, route in routes for outcome, count in route.tunnels.items()),
    )


def _tunnel_durations(routes: Owners[RouteMetrics]) -> Metric:
    return histogram(
        "gateway_tunnel_duration_seconds",
        "From the beginning of a tunnel to its end.",
        "route",
        ((name, route.tunnel_durations) for name, route in routes if route.tunnels),
    )


def _upstream_errors(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_upstream_errors",
        "The upstream's own responses with a status of 500 or more, which passed to the caller.",
        ("route", "code"),
        (
            ([name, str(code)], count - route.own_statuses.get(code, 0))
            for name, route in routes
            for code, count in route.statuses.items()
            if code >= 500
        ),
    )


def _upstream_durations(routes: Owners[RouteMetrics]) -> Metric:
    return histogram(
        "gateway_upstream_duration_seconds",
        "The wait for the head of the upstream's response, where there was an exchange.",
        "route",
        ((name, route.upstream_durations) for name, route in routes if route.statuses),
    )


def _recoveries(routes: Owners[RouteMetrics]) -> Metric:
    return counter(
        "gateway_recoveries",
        "Responses of the upstream that refused a token, by what became of them.",
        ("route", "outcome"),
        (
            ([name, outcome.value], route.recoveries.get(outcome, 0))
            for name, route in routes
            for outcome in _OUTCOMES
        ),
    )


ROUTES: Final[tuple[Family[RouteMetrics], ...]] = (
    _requests,
    _in_progress,
    _durations,
    _total(
        "gateway_request_body_bytes",
        "Bytes of request bodies, as relayed.",
        "route",
        lambda route: route.request_bytes,
    ),
    _total(
        "gateway_answer_body_bytes",
        "Bytes of response bodies, as relayed.",
        "route",
        lambda route: route.answer_bytes,
    ),
    _accesses,
    _tunnels,
    _tunnel_durations,
    _errors,
    _upstream_errors,
    _upstream_durations,
    _recoveries,
    _total(
        "gateway_connection_retries",
        "Requests sent again because a pooled connection had died.",
        "route",
        lambda route: route.connection_retries,
    ),
    _total(
        "gateway_dpop_nonce_retries",
        "Requests sent again with the nonce that the upstream asked for.",
        "route",
        lambda route: route.nonce_retries,
    ),
)


def _token_requests(clients: Owners[ClientMetrics]) -> Metric:
    return counter(
        "gateway_token_requests",
        "Token requests sent to the authorization server, by reason.",
        ("client", "reason"),
        (
            ([name, reason.value], count)
            for name, client in clients
            for reason, count in client.requests.items()
        ),
    )


def _token_failures(clients: Owners[ClientMetrics]) -> Metric:
    return counter(
        "gateway_token_request_failures",
        "Token requests that yielded no token, by type of error.",
        ("client", "type"),
        (([name, code], count) for name, client in clients for code, count in client.failures.items()),
    )


def _token_durations(clients: Owners[ClientMetrics]) -> Metric:
    return histogram(
        "gateway_token_request_duration_seconds",
        "Token requests that yielded a token.",
        "client",
        ((name, client.durations) for name, client in clients),
    )


def _revocations(clients: Owners[ClientMetrics]) -> Metric:
    return counter(
        "gateway_token_revocations",
        "Tokens that are no longer used, by whether they could be revoked.",
        ("client", "outcome"),
        (
            ([name, outcome], count)
            for name, client in clients
            for outcome, count in client.revocations.items()
        ),
    )


def _expiries(clients: Owners[ClientMetrics]) -> Metric:
    return gauge(
        "gateway_token_expiry_timestamp_seconds",
        "When the client's latest token expires, seconds since 1970.",
        ("client",),
        (([name], client.expires_at_s) for name, client in clients if client.expires_at_s is not None),
    )


def _requested(clients: Owners[ClientMetrics]) -> Metric:
    return gauge(
        "gateway_token_requested_timestamp_seconds",
        "When the client's latest token was requested, seconds since 1970.",
        ("client",),
        (([name], client.requested_at_s) for name, client in clients if client.requested_at_s is not None),
    )


CLIENTS: Final[tuple[Family[ClientMetrics], ...]] = (
    _token_requests,
    _token_failures,
    _token_durations,
    _total(
        "gateway_token_rejected",
        "Tokens that an upstream refused and that became suspect.",
        "client",
        lambda client: client.rejected,
    ),
    _total(
        "gateway_client_secret_switches",
        "Times another secret of the client than before was accepted.",
        "client",
        lambda client: client.switches,
    ),
    _total(
        "gateway_token_scope_reductions",
        "Times the granted scope began to lack something that was requested.",
        "client",
        lambda client: client.scope_reductions,
    ),
    _revocations,
    _expiries,
    _requested,
)


def _of_key_sets(name: str, text: str, read: Callable[[KeySetState], float | None]) -> Family[KeySetState]:
    def family(sets: Owners[KeySetState]) -> Metric:
        each = ((of, read(state)) for of, state in sets)
        return gauge(name, text, ("caller",), (([of], value) for of, value in each if value is not None))

    return family


KEY_SETS: Final[tuple[Family[KeySetState], ...]] = (
    _of_key_sets("gateway_jwks_keys", "Keys of the issuer that can be used.", lambda state: len(state.keys)),
    _of_key_sets("gateway_jwks_age_seconds", "Since the keys were fetched.", lambda state: state.age_s),
    _total("gateway_jwks_fetches", "Attempts to fetch the keys.", "caller", lambda state: state.fetches),
    _total(
        "gateway_jwks_unknown_keys",
        "Tokens that named a key which the issuer does not publish.",
        "caller",
        lambda state: state.unknown,
    ),
)


def open_tunnels(routes: Owners[int]) -> Metric:
    """Build the gauge of tunnels, by route."""
    return gauge(
        "gateway_tunnels_open",
        "Tunnels of WebSocket that are open.",
        ("route",),
        (([name], count) for name, count in routes),
    )


def name_resolutions(names: Owners[Mapping[LookUp, int]]) -> Metric:
    """Build the counter of failed look-ups, by name."""
    return counter(
        "gateway_name_resolution_failures",
        "Look-ups of names that gave no address, by outcome.",
        ("name", "outcome"),
        (([name, outcome.value], count) for name, counts in names for outcome, count in counts.items()),
    )
