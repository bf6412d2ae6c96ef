"""When an address of a group gets no requests for a while, because it fails.

Rules:

- So many failures in a row eject it (`EjectSettings.after`). Whatever else it answers begins the row anew.
- It stays out for `for_s`, twice as long each time in a row, up to `MOST_OUT_S`, and a little longer by
  chance, so that those that fell together do not return together. A 503 with ``Retry-After`` ejects it for
  as long as that says.
- Then one request tries it. If that succeeds it is back; if not, it is out again.
- Addresses of a family that cannot be reached are out, however many they are, and count in no share.
- At most a share of the addresses is out, rounded down, but one of two at least; never the last one. The
  limit keeps load from those that serve: one that cannot be connected to takes none anyway. So those are
  limited apart, and the share of the others is of what can be reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from gateway.core.settings.balance_settings import EjectSettings

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
        is_unreached: it is out because connections fail.
        is_cut_off: it is out because its whole family cannot be reached (`families`).
    """

    failures: int = 0
    ejections: int = 0
    is_out: bool = False
    until_s: float = -inf
    back_at_s: float = -inf
    is_unreached: bool = False
    is_cut_off: bool = False


WELL: Final = Health()


def most_out(addresses: int, at_most: float) -> int:
    """Return how many of so many addresses may be out together."""
    return min(max(1, int(addresses * at_most)), addresses - 1) if addresses > 1 else 0


def may_be_out(others: Iterable[Health], rule: EjectSettings, *, is_reached: bool) -> bool:
    """Whether the limits let one more address out, given how all are; `is_reached`: it was connected to."""
    able = [each for each in others if not each.is_cut_off]
    unreached = sum(each.is_unreached for each in able)
    if sum(not each.is_out for each in able) < 2:  # the last one
        return False
    if not is_reached:
        return unreached < most_out(len(able), rule.at_most)
    out = sum(each.is_out for each in able)
    return out - unreached < most_out(len(able) - unreached, rule.at_most)


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


def not_reached(health: Health) -> Health:
    """Return how an address is that failed because there was no connection."""
    return replace(health, is_unreached=True) if health.is_out else health


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
    return replace(health, is_out=True, ejections=ejections, until_s=until_s, is_unreached=False)


def _span_s(rule: EjectSettings, ejections: int) -> float:
    return min(rule.for_s * 2.0 ** min(max(0, ejections - 1), 32), max(MOST_OUT_S, rule.for_s))
