"""How often a process wakes up when nobody calls: what a sidecar costs that has nothing to do.

All contestants are idle together, for none of them disturbs another. Measured twice: after the start, and
after some requests, when callers have left and the connections to the upstream have been given up. What
sweeps only while there is something to sweep must have ended then.
"""

from __future__ import annotations

import contextlib
import time

from bench import callers, kernel
from bench.contestants import Contestant, Running, running
from bench.note import note
from bench.plan import Plan
from bench.processes import FAILURES
from bench.results import Calm, Idle
from bench.stage import Stage

_SETTLED_S = 8.0  # a gateway keeps an idle connection to an upstream 4.5 s
_CALLERS, _REQUESTS_EACH = 8, 50


def measure(stage: Stage, plan: Plan, contestants: list[Contestant]) -> list[Idle]:
    """Start all contestants, let them be, call them, let them be, and stop them."""
    with contextlib.ExitStack() as stack:
        idlers = [one for contestant in contestants if (one := _enter(stack, stage, contestant))]
        started = _idle(plan, idlers, Calm.STARTED)
        for one in idlers:
            callers.in_turns(one.front.listen, "/", _CALLERS, _REQUESTS_EACH)
        return started + _idle(plan, idlers, Calm.SERVED)


def _enter(stack: contextlib.ExitStack, stage: Stage, contestant: Contestant) -> Running | None:
    try:
        return stack.enter_context(running(stage, contestant))
    except FAILURES as error:
        note(f"left out: {error}")
        return None


def _idle(plan: Plan, idlers: list[Running], calm: Calm) -> list[Idle]:
    note(f"idle, {calm}: {', '.join(one.contestant.name for one in idlers)}")
    time.sleep(_SETTLED_S)
    before = [(time.monotonic(), kernel.wake_ups(one.pid), kernel.cpu_ns(one.pid)) for one in idlers]
    time.sleep(plan.idle_s)
    return [_figure(one, calm, *values) for one, values in zip(idlers, before, strict=True)]


def _figure(one: Running, calm: Calm, began_at_s: float, wake_ups: int, cpu_ns: int) -> Idle:
    return Idle(
        contestant=one.contestant.name,
        calm=calm,
        seconds=time.monotonic() - began_at_s,
        wake_ups=kernel.wake_ups(one.pid) - wake_ups,
        cpu_s=(kernel.cpu_ns(one.pid) - cpu_ns) / 1_000_000_000,
    )
