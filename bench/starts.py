"""From the start of the process to its readiness, one contestant at a time, nobody else running."""

from __future__ import annotations

from bench.contestants import Contestant, running
from bench.note import note
from bench.plan import Plan
from bench.processes import FAILURES
from bench.results import Start
from bench.stage import Stage


def measure(stage: Stage, plan: Plan, contestants: list[Contestant]) -> list[Start]:
    """Start and stop every contestant once per round; those that fail are left out."""
    starts = []
    for number in range(plan.few_rounds):
        for contestant in contestants:
            note(f"start, round {number + 1} of {plan.few_rounds}: {contestant.name}")
            starts += _start(stage, contestant, number)
    return starts


def _start(stage: Stage, contestant: Contestant, number: int) -> list[Start]:
    try:
        with running(stage, contestant) as started:
            return [Start(contestant.name, number, started.ready_s)] if started else []
    except FAILURES as error:
        note(f"left out: {error}")
        return []
