"""Wrong passwords, counted by the network that they come from, so that nobody guesses fast.

Rules: an attempt is counted before it is made, and given back if it was right; so many at once count like as
many in turn. The table is bounded: once it is full of networks that still owe, newcomers share one count.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final

from gateway.core.access.gcra import NS, Rate

BURST: Final = 10
PER_MINUTE: Final = 10
MOST_NETWORKS: Final = 10_000
"""Some 1.5 MiB."""
_OTHERS: Final = ""


class Failures:
    """Counts attempts: at most `BURST` wrong ones at once, and `PER_MINUTE` in the long run.

    Args:
        now_s: the monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._rate = Rate.of(PER_MINUTE, 60.0, BURST)
        self._states_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._states_ns)

    def wait_s(self, network: str) -> int:
        """Return in how many whole seconds another attempt may be made; 0 if it may be now."""
        state_ns = self._states_ns.get(self._place_of(network), 0)
        return ceil(self._rate.wait_ns(state_ns, self._now_ns()) / NS)

    def attempt(self, network: str) -> str:
        """Count an attempt; return what `succeeded` takes."""
        if network not in self._states_ns and len(self._states_ns) >= MOST_NETWORKS:
            self._forget_settled()
        place = self._place_of(network)
        self._states_ns[place] = self._rate.taken(self._states_ns.get(place, 0), self._now_ns())
        return place

    def succeeded(self, place: str) -> None:
        """Give an attempt back."""
        if place in self._states_ns:
            self._states_ns[place] -= self._rate.step_ns

    def _place_of(self, network: str) -> str:
        is_known = network in self._states_ns or len(self._states_ns) < MOST_NETWORKS
        return network if is_known else _OTHERS

    def _forget_settled(self) -> None:
        now_ns = self._now_ns()
        self._states_ns = {each: state for each, state in self._states_ns.items() if state > now_ns}

    def _now_ns(self) -> int:
        return int(self._now_s() * NS)
