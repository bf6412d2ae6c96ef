"""How long and how often everything is measured."""

from __future__ import annotations

import dataclasses

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The lengths of one run; wrk takes whole seconds only.

    Many short rounds, not a few long ones: what counts is the median of ratios between neighbours in time.
    """

    rounds: int
    load_s: int
    transfer_bytes: int
    slow_s: float
    expiring_s: int
    idle_s: float
    single_s: int = 1
    tls_transfer_bytes: int = 256 * MIB
    warm_up_s: int = 1
    connections: int = 64
    callers: int = 500
    denied_requests: int = 1000

    @property
    def few_rounds(self) -> int:
        """How often what varies less is measured: starts and large bodies."""
        return (self.rounds + 1) // 2


FULL = Plan(rounds=7, load_s=2, transfer_bytes=GIB, slow_s=5.0, expiring_s=20, idle_s=10.0)
QUICK = Plan(rounds=1, load_s=1, transfer_bytes=GIB // 4, slow_s=2.0, expiring_s=6, idle_s=3.0)
