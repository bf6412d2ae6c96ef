"""Counts requests against the limits of a route, before any work is done for them.

Rules: a request that is refused is counted nowhere. Tables are bounded: what is as good as unused is
forgotten first, and once a table is full of what is not, all newcomers share one count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

from gateway.core.access.gcra import NS, Rate
from gateway.core.access.limits import Usage, key_of, rate_fields, usage
from gateway.core.access_errors import CapacityExceeded, RateExceeded
from gateway.core.caller import Caller
from gateway.core.settings.access_settings import InFlightLimit, Limit, LimitKey, RateLimit

MOST_KEYS: Final = 100_000
"""Some 15 MiB."""
_OVERFLOW: Final = "\0"


class RateCounter:
    """What was taken of one rate, by key."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.rate = Rate.of(limit.count, limit.period_s, limit.burst)
        self._states_ns: dict[str, int] = {}
        self._sweep_at_ns = 0

    def wait_ns(self, key: str, now_ns: int) -> int:
        """Return how long until a request may be counted under `key`; 0 if it may be now."""
        return self.rate.wait_ns(self._states_ns.get(self._place_for(key, now_ns), 0), now_ns)

    def take(self, key: str, now_ns: int) -> None:
        """Count a request."""
        key = self._place_for(key, now_ns)
        self._states_ns[key] = self.rate.taken(self._states_ns.get(key, 0), now_ns)

    def give_back(self, key: str) -> None:
        """Count a request no longer, which was counted before and refused for another reason."""
        key = key if key in self._states_ns else _OVERFLOW
        self._states_ns[key] = self._states_ns.get(key, 0) - self.rate.step_ns

    def usage(self, key: str, now_ns: int) -> Usage:
        """Return what is left."""
        return usage(self.limit, self.rate, self._states_ns.get(self._place_for(key, now_ns), 0), now_ns)

    def _place_for(self, key: str, now_ns: int) -> str:
        states = self._states_ns
        if key in states or len(states) < MOST_KEYS:
            return key
        if now_ns >= self._sweep_at_ns:
            self._sweep_at_ns = now_ns + NS  # to look through all of them takes 10 ms
            self._states_ns = states = {
                each: state_ns for each, state_ns in states.items() if state_ns > now_ns
            }
        return key if len(states) < MOST_KEYS else _OVERFLOW


class InFlightCounter:
    """How many requests are in flight, by key; none is remembered beyond its end."""

    def __init__(self, limit: InFlightLimit) -> None:
        self.limit = limit
        self._counts: dict[str, int] = {}

    def is_full(self, key: str) -> bool:
        """Whether no other request may begin."""
        return self._counts.get(key, 0) >= self.limit.most

    def enter(self, key: str) -> None:
        """Begin a request."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def leave(self, key: str) -> None:
        """End a request."""
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


class Limiter:
    """The limits of one route; what is counted outlives a reload that leaves them as they are."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = tuple(limits)
        rates = [RateCounter(each) for each in limits if isinstance(each, RateLimit)]
        # Before anybody is asked who calls: else it would cost nothing to try credentials.
        self._early = [each for each in rates if each.limit.by is not LimitKey.CALLER]
        self._late = [each for each in rates if each.limit.by is LimitKey.CALLER]
        self._in_flight = [InFlightCounter(each) for each in limits if isinstance(each, InFlightLimit)]

    def arrive(self, address: str, now_s: float) -> None:
        """Count a request by where it comes from.

        Raises:
            RateExceeded, CapacityExceeded: it is one too many.
        """
        _count(self._early, address, None, int(now_s * NS))

    def enter(self, address: str, caller: Caller | None, now_s: float) -> Callable[[], None] | None:
        """Count a request by who sent it; return what gives back the places that it takes, if it takes any.

        Raises:
            RateExceeded, CapacityExceeded: it is one too many, and was not counted at all.
        """
        try:
            _count(self._late, address, caller, int(now_s * NS))
        except RateExceeded:
            _give_back(self._early, address, None)
            raise
        keys = [(each, key_of(each.limit.by, address, caller)) for each in self._in_flight]
        for counter, key in keys:
            if counter.is_full(key):
                _give_back(self._early, address, None)
                _give_back(self._late, address, caller)
                raise _too_many(counter.limit)
        return _entered(keys) if keys else None

    def fields(self, address: str, caller: Caller | None, now_s: float) -> tuple[tuple[str, str], ...]:
        """Return what a response says of the caller's own quotas."""
        now_ns = int(now_s * NS)
        own = [each for each in (*self._early, *self._late) if each.limit.by is not LimitKey.ROUTE]
        return rate_fields(each.usage(key_of(each.limit.by, address, caller), now_ns) for each in own)


def _count(counters: Sequence[RateCounter], address: str, caller: Caller | None, now_ns: int) -> None:
    keys = [(each, key_of(each.limit.by, address, caller)) for each in counters]
    for counter, key in keys:
        wait_ns = counter.wait_ns(key, now_ns)
        if wait_ns:
            raise _too_often(counter, key, wait_ns, now_ns)
    for counter, key in keys:
        counter.take(key, now_ns)


def _give_back(counters: Sequence[RateCounter], address: str, caller: Caller | None) -> None:
    for each in counters:
        each.give_back(key_of(each.limit.by, address, caller))


def _entered(keys: Sequence[tuple[InFlightCounter, str]]) -> Callable[[], None]:
    for counter, key in keys:
        counter.enter(key)

    def leave() -> None:
        for counter, key in keys:
            counter.leave(key)

    return leave


def _too_often(counter: RateCounter, key: str, wait_ns: int, now_ns: int) -> RateExceeded | CapacityExceeded:
    after_s = max(1, ceil(wait_ns / NS))
    if counter.limit.by is LimitKey.ROUTE:
        return CapacityExceeded("all callers of this route together send too much", retry_after_s=after_s)
    fields = rate_fields([counter.usage(key, now_ns)])
    return RateExceeded("the caller sends too many requests", retry_after_s=after_s, fields=fields)


def _too_many(limit: InFlightLimit) -> RateExceeded | CapacityExceeded:
    if limit.by is LimitKey.ROUTE:
        return CapacityExceeded("as many requests as the route allows are in flight", retry_after_s=1)
    return RateExceeded("the caller has too many requests in flight", retry_after_s=1)
