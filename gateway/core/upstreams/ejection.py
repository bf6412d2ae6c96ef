"""When an address of a group gets no requests for a while, because it fails.

Rules:

- So many failures in a row eject it (`EjectSettings.after`). Whatever else it answers begins the row anew.
- It stays out for `for_s`, twice as long each time in a row, up to `MOST_OUT_S`, and a little longer by
  chance, so that those that fell together do not return together. A 503 with ``Retry-After`` ejects it for
  as long as that says.
- Then one request tries it. If that succeeds it is back; if not, it is out again.
- Addresses of a family that cannot be reached are out, however many they are, and count in no share.
- At most a share of the addresses is out, rounded down, but one of two at least; never the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Final

from gateway.core.balance_settings import EjectSettings

MOST_OUT_S: Final = 5 * 60.0
_SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True)
class Health:
    """How an address is.

    Attributes:
        failures: in a row.
        ejections: in a row: without as long a time between two as it was out.
        until_s: when it may be tried again, if it is out; monotonic.
        back_at_s: when it came back.
        is_cut_off: it is out because its whole family cannot be reached (`families`).
    """

    failures: int = 0
    ejections: int = 0
    is_out: bool = False
    until_s: float = -inf
    back_at_s: float = -inf
    is_cut_off: bool = False


WELL: Final = Health()


def most_out(addresses: int, at_most: float) -> int:
    """Return how many of so many addresses may be out together."""
    return min(max(1, int(addresses * at_most)), addresses - 1) if addresses > 1 else 0


def succeeded(health: Health, now_s: float) -> Health:
    """Return how an address is after it answered; if it is out, that was its trial."""
    if health.is_out:
        return Health(ejections=health.ejections, back_at_s=now_s)
    return replace(health, failures=0) if health.failures else health


def failed(health: Health, now_s: float, rule: EjectSettings, jitter: float, *, may_leave: bool) -> Health:
    """Return how an address is after it failed; if it is out, that was its trial."""
    if health.is_out:
        return _out(health, now_s, rule, jitter)
    counted = replace(health, failures=health.failures + 1)
    return _out(counted, now_s, rule, jitter) if counted.failures >= rule.after and may_leave else counted


def asked_to_wait(health: Health, now_s: float, wait_s: float) -> Health:
    """Return how an address is that said itself for how long it cannot serve."""
    return replace(health, is_out=True, until_s=max(health.until_s, now_s + min(wait_s, MOST_OUT_S)))


def worth_a_trial(health: Health, now_s: float) -> Health:
    """Return how an address is that checks have found alive again: a request may try it at once."""
    return replace(health, until_s=min(health.until_s, now_s)) if health.is_out else health


def cut_off(health: Health, now_s: float, rule: EjectSettings, jitter: float) -> Health:
    """Return how an address is whose family cannot be reached; if it is out, that was its trial."""
    return replace(_out(health, now_s, rule, jitter), is_cut_off=True)


def _out(health: Health, now_s: float, rule: EjectSettings, jitter: float) -> Health:
    was_long_ago = now_s - health.back_at_s >= _span_s(rule, health.ejections)
    ejections = 1 if was_long_ago and not health.is_out else health.ejections + 1
    until_s = now_s + _span_s(rule, ejections) * (1 + _SPREAD * jitter)
    return replace(health, is_out=True, ejections=ejections, until_s=until_s)


def _span_s(rule: EjectSettings, ejections: int) -> float:
    return min(rule.for_s * 2.0 ** min(max(0, ejections - 1), 32), max(MOST_OUT_S, rule.for_s))
