"""How long and how often everything is measured."""

from __future__ import annotations

import dataclasses

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The lengths of one run; wrk takes whole seconds only."""

    rounds: int
    load_s: int
    single_s: int
    transfer_bytes: int
    slow_s: float
    expiring_s: int
    warm_up_s: int = 1
    connections: int = 64
    callers: int = 500
    denied_requests: int = 1000


FULL = Plan(rounds=3, load_s=5, single_s=2, transfer_bytes=GIB, slow_s=5.0, expiring_s=20)
QUICK = Plan(rounds=1, load_s=2, single_s=1, transfer_bytes=GIB // 4, slow_s=2.0, expiring_s=6)
