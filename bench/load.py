"""Small requests under load: processor time, throughput, latency, memory, in alternating rounds."""

from __future__ import annotations

import dataclasses

from bench import kernel
from bench.contestants import Contestant, Running, start
from bench.kernel import Clocks
from bench.note import note
from bench.plan import Plan
from bench.processes import FAILURES
from bench.results import Load, Memory
from bench.scenarios import PLAIN, Scenario
from bench.stage import Stage
from bench.wrk import Outcome


def measure(stage: Stage, plan: Plan, contestants: list[Contestant]) -> tuple[list[Load], list[Memory]]:
    """Load all contestants, those that are compared with each other in the same minutes."""
    loads: list[Load] = []
    memories: list[Memory] = []
    for group in _groups(contestants):
        more_loads, more_memories = _measure(stage, plan, group)
        loads += more_loads
        memories += more_memories
    return loads, memories


def _groups(contestants: list[Contestant]) -> list[list[Contestant]]:
    """Return those that are compared with each other, in the same minutes."""
    groups: dict[Scenario, list[Contestant]] = {}
    for one in contestants:
        groups.setdefault(one.lineup, []).append(one)
    return list(groups.values())


def _measure(stage: Stage, plan: Plan, contestants: list[Contestant]) -> tuple[list[Load], list[Memory]]:
    """Start all contestants of a group, load them in turn, and stop them.

    Every second round goes backwards, so that what drifts (heat, neighbours) drifts for all alike.
    """
    lineup = [entered for contestant in contestants if (entered := _enter(stage, plan, contestant))]
    loads: list[Load] = []
    for number in range(plan.rounds):
        for entrant in lineup if number % 2 == 0 else reversed(lineup):
            note(f"load, round {number + 1} of {plan.rounds}: {entrant.running.contestant.name}")
            loads += _load(stage, plan, entrant.running, number)
    memories = [_leave(stage, entrant) for entrant in lineup]
    silent = {entrant.running.contestant.name for entrant in lineup if _owes_a_log(entrant.running)}
    return [load for load in loads if load.contestant not in silent], memories


@dataclasses.dataclass(frozen=True, slots=True)
class _Entrant:
    running: Running
    idle_bytes: int


def _enter(stage: Stage, plan: Plan, contestant: Contestant) -> _Entrant | None:
    try:
        running = start(stage, contestant)
    except FAILURES as error:
        note(f"left out: {error}")
        return None
    if running is None:
        return None
    entrant = _Entrant(running, kernel.rss_bytes(running.pid))
    stage.wrk.run(running.url, plan.connections, plan.warm_up_s, contestant.scenario.fields)
    return entrant


def _load(stage: Stage, plan: Plan, running: Running, number: int) -> list[Load]:
    scenario = running.contestant.scenario
    try:
        before = kernel.clocks(running.pid)
        many = stage.wrk.run(running.url, plan.connections, plan.load_s, scenario.fields)
        used = kernel.clocks(running.pid) - before
        one = stage.wrk.run(running.url, 1, plan.single_s) if scenario is PLAIN else None
    except FAILURES as error:
        note(f"failed: {error}\n{running.child.tail()}")
        return []
    return [_figure(running.contestant.name, number, used, many, one)]


def _figure(contestant: str, number: int, used: Clocks, many: Outcome, one: Outcome | None) -> Load:
    wall_ns = many.duration_us * 1000
    return Load(
        contestant=contestant,
        round=number,
        requests=many.requests,
        failures=many.failures + (one.failures if one else 0),
        cpu_us=used.cpu_ns / 1000 / max(many.requests, 1),
        busy=used.busy(wall_ns),
        kept_waiting=used.kept_waiting(wall_ns),
        requests_per_s=many.requests / many.duration_us * 1_000_000,
        p50_us=many.p50_us,
        p99_us=many.p99_us,
        single_p50_us=one.p50_us if one else None,
    )


def _owes_a_log(running: Running) -> bool:
    log = running.front.access_log
    if log is None or (log.exists() and log.stat().st_size > 0):
        return False
    note(f"left out: {running.contestant.name} has written no access log")
    return True


def _leave(stage: Stage, entrant: _Entrant) -> Memory:
    running = entrant.running
    loaded_bytes = 0 if running.child.has_ended else kernel.rss_bytes(running.pid)
    stage.processes.stop(running.child)
    return Memory(running.contestant.name, entrant.idle_bytes, loaded_bytes)
