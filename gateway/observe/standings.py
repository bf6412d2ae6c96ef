"""The state of clients and routes at the instant of a scrape. Imported at the first scrape only.

Rules: no caller or server makes a label's value: causes are words of ours, keys and sources stand in
`gateway.yaml`. A trouble is a series that exists only as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client.core import Metric

from gateway.core.cause import Cause
from gateway.core.errors import Side
from gateway.core.oauth.source_state import SourceState
from gateway.observe.families import Sample, gauge
from gateway.observe.route_health import RouteHealth
from gateway.observe.series import Family, Owners

TOKEN_STATES: Final = ("living", "suspect", "missing")
_TROUBLE_LABELS: Final = ("side", "type", "cause", "key")


def _tokens(clients: Owners[Sequence[SourceState]]) -> Metric:
    return gauge(
        "gateway_client_tokens",
        "Grants of the client by what they hold: a living token, one that an upstream refused, none.",
        ("client", "state"),
        (
            ([name, state], sum(token_standing(source) == state for source in sources))
            for name, sources in clients
            for state in TOKEN_STATES
        ),
    )


def token_standing(source: SourceState) -> str:
    """Return which of `TOKEN_STATES` a grant is in."""
    if source.token is None:
        return "missing"
    return "suspect" if source.token.is_suspect else "living"


def _troubles(clients: Owners[Sequence[SourceState]]) -> Metric:
    return gauge(
        "gateway_client_trouble",
        "1 while the client's last token request is a failed one: whose side, why, and which key to look at.",
        ("client", *_TROUBLE_LABELS),
        (([name, *labels], 1.0) for name, sources in clients for labels in _labels(sources)),
    )


def _labels(sources: Sequence[SourceState]) -> list[tuple[str, ...]]:
    """Return each trouble once, however many grants meet it."""
    failing = [source for source in sources if source.last_error]
    return list(
        dict.fromkeys(
            (one.last_side.replace(" ", "_"), one.last_error, one.last_cause, one.last_key) for one in failing
        )
    )


def _secrets(clients: Owners[Sequence[SourceState]]) -> Metric:
    return gauge(
        "gateway_client_secret_in_use",
        "1 for the secret that the authorization server accepted last, 0 for the others.",
        ("client", "secret", "source"),
        (sample for name, sources in clients for sample in _secret_samples(name, sources[0])),
    )


def _secret_samples(name: str, source: SourceState) -> list[Sample]:
    used = 0 if source.facts.accepted is None else source.facts.accepted.number
    return [([name, str(one.number), one.source], float(one.number == used)) for one in source.facts.names]


def route_troubles(routes: Owners[RouteHealth]) -> Metric:
    """Build the gauge of what keeps routes from their upstreams."""
    return gauge(
        "gateway_route_trouble",
        "1 while the route's requests fail at the upstream: whose side, why, and which key to look at.",
        ("route", *_TROUBLE_LABELS),
        (
            ([name, last.side.name.lower(), last.code, last.cause_word, last.key], 1.0)
            for name, health in routes
            if health.is_shown and (last := health.last) is not None
        ),
    )


def file_troubles(keys: Sequence[str]) -> Metric:
    """Build the gauge of files that cannot be used, by the keys that name them."""
    return gauge(
        "gateway_file_trouble",
        "1 while the file that a key names cannot be used; its last content stays in use until a restart.",
        ("side", "cause", "key"),
        (([Side.GATEWAY.value, Cause.FILE_UNUSABLE.value, key], 1.0) for key in dict.fromkeys(keys)),
    )


CLIENT_STANDINGS: Final[tuple[Family[Sequence[SourceState]], ...]] = (_tokens, _troubles, _secrets)
