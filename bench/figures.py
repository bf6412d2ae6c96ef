"""From raw rounds to medians and ratios; pure.

A ratio is the median of the ratios of single rounds, in which both were measured within seconds of each
other: what slows a whole round slows both.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from bench.plan import GIB
from bench.results import Behaviour, Calm, Case, Memory, Results, Way

Rounds = Mapping[int, float]


def load_rounds(results: Results, contestant: str, name: str) -> Rounds:
    """Return one value of every load round of a contestant in which it was taken."""
    loads = [load for load in results.loads if load.contestant == contestant]
    return {load.round: float(value) for load in loads if (value := getattr(load, name)) is not None}


def cpu_rounds(results: Results, contestant: str, way: Way) -> Rounds:
    """Return the processor seconds per GiB of every round of a contestant's transfers one way."""
    taken = [one for one in results.transfers if one.contestant == contestant and one.way is way]
    return {one.round: one.cpu_s * GIB / one.transferred_bytes for one in taken}


def start_rounds(results: Results, contestant: str) -> Rounds:
    """Return the seconds from start to ready of every round of a contestant."""
    return {start.round: start.ready_s for start in results.starts if start.contestant == contestant}


def median(rounds: Rounds) -> float | None:
    """Return the median over the rounds, or None if there are none."""
    return statistics.median(rounds.values()) if rounds else None


def ratio(rounds: Rounds, rivals: Rounds) -> float | None:
    """Return the median of the ratios of the rounds that both have, or None if there are none."""
    return median(ratios(rounds, rivals))


def ratios(rounds: Rounds, rivals: Rounds) -> Rounds:
    """Return the ratio of every round that both have."""
    return {number: rounds[number] / rivals[number] for number in rounds if rivals.get(number)}


def wake_ups_per_s(results: Results, contestant: str, calm: Calm) -> float | None:
    """Return how often an idle contestant woke up each second, if that was measured."""
    taken = (one for one in results.idles if one.contestant == contestant and one.calm is calm)
    return next((one.wake_ups / one.seconds for one in taken), None)


def idle_cpu_ms_per_s(results: Results, contestant: str, calm: Calm) -> float | None:
    """Return the processor time that an idle contestant took each second, if that was measured."""
    taken = (one for one in results.idles if one.contestant == contestant and one.calm is calm)
    return next((one.cpu_s * 1000 / one.seconds for one in taken), None)


def growth_bytes(results: Results, contestant: str, way: Way | None = None) -> int | None:
    """Return the largest growth of memory that a contestant showed, one way or any."""
    grown = [
        one.growth_bytes
        for one in results.transfers
        if one.contestant == contestant and (way is None or one.way is way)
    ]
    return max(grown, default=None)


def memory(results: Results, contestant: str) -> Memory | None:
    """Return the memory of a contestant, if it was measured."""
    return next((one for one in results.memories if one.contestant == contestant), None)


def behaviour(results: Results, case: Case) -> Behaviour | None:
    """Return one of the gateway's own figures, if it was taken."""
    return next((one for one in results.behaviours if one.case is case), None)


def failures(results: Results, contestant: str) -> int:
    """Return how many requests of a contestant failed under load."""
    return sum(load.failures for load in results.loads if load.contestant == contestant)
