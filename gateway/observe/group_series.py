"""The families of samples about groups of upstream addresses. Imported at the first scrape only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client.core import Metric

from gateway.observe.families import counter, gauge, histogram
from gateway.observe.group_metrics import GroupMetrics
from gateway.observe.series import Family, Owners


def _retries(groups: Owners[GroupMetrics]) -> Metric:
    return counter(
        "gateway_upstream_retries",
        "Requests tried again on another address of a group, by why, and what became of it.",
        ("upstream", "reason", "outcome"),
        (([name, *labels], count) for name, group in groups for labels, count in group.retries.items()),
    )


def _ejections(groups: Owners[GroupMetrics]) -> Metric:
    return counter(
        "gateway_upstream_ejections",
        "Addresses that were taken out of their group for a while, by the last failure.",
        ("upstream", "reason"),
        (([name, reason], count) for name, group in groups for reason, count in group.ejections.items()),
    )


def _checks(groups: Owners[GroupMetrics]) -> Metric:
    return counter(
        "gateway_upstream_checks",
        "Checks of the addresses of a group, by outcome: alive, failed, or undecided.",
        ("upstream", "outcome"),
        (([name, outcome], count) for name, group in groups for outcome, count in group.checks.items()),
    )


def _waits(groups: Owners[GroupMetrics]) -> Metric:
    return histogram(
        "gateway_upstream_queue_seconds",
        "How long requests waited for a place in a group with max_requests.",
        "upstream",
        ((name, group.waits) for name, group in groups if sum(group.waits.counts)),
    )


GROUPS: Final[tuple[Family[GroupMetrics], ...]] = (_retries, _ejections, _checks, _waits)


def queues(groups: Owners[int]) -> Metric:
    """Build the gauge of requests that wait, by group."""
    return gauge(
        "gateway_upstream_queue_length",
        "Requests that wait for a place in a group with max_requests.",
        ("upstream",),
        (([name], waiting) for name, waiting in groups),
    )


def targets(groups: Owners[Mapping[str, int]]) -> Metric:
    """Build the gauge of addresses, by group and state."""
    return gauge(
        "gateway_upstream_targets",
        "Addresses of a group, by state: up, ejected, or checked_down.",
        ("upstream", "state"),
        (([name, state], count) for name, states in groups for state, count in states.items()),
    )
