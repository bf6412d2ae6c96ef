"""What the admin listener shows of a group; addresses, but no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final

from gateway.core.upstreams.active_checks import Checked
from gateway.net.resolver import Name
from gateway.upstreams.group import Group
from gateway.upstreams.target import Target

STATES: Final = ("up", "ejected", "checked_down")


def state_of(target: Target) -> str:
    """Return which of `STATES` a target is in; one that is ejected as well is `checked_down`."""
    if target.checked.is_down:
        return "checked_down"
    return "ejected" if target.health.is_out else "up"


def counts_of(group: Group) -> Mapping[str, int]:
    """Return how many targets are in each state."""
    states = [state_of(each) for each in group.targets]
    return {state: states.count(state) for state in STATES}


def group_state(group: Group, now_s: float) -> Mapping[str, object]:
    """Show a group with its targets."""
    return {
        "upstream": group.settings.name,
        "balance": group.settings.balance.kind.value,
        "retries": {
            f"{reason} {outcome}": count for (reason, outcome), count in group.counts.retries.items()
        },
        "max_requests": group.settings.max_requests,
        "waiting": group.queue.waiting if group.queue is not None else None,
        "check": None if group.settings.check is None else group.settings.check.path,
        "names": [_name(each, now_s) for each in group.names.all],
        "addresses": [_target(each, now_s) for each in group.targets],
    }


def _name(name: Name, now_s: float) -> Mapping[str, object]:
    age_s = now_s - name.looked_up_at_s
    return {
        "name": name.host,
        "addresses": sorted(name.addresses),
        "age_s": round(age_s, 1) if isfinite(age_s) else None,
        "trouble": name.trouble or None,
    }


def _target(target: Target, now_s: float) -> Mapping[str, object]:
    health = target.health
    return {
        "address": target.name,
        "host": target.address.service.authority,
        "proxy": str(target.place.proxy) if target.place.proxy is not None else None,
        "state": state_of(target),
        "weight": target.weight,
        "backup": target.is_backup,
        "running": target.running,
        "requests": target.pool.requests,
        "failures": {sign.value: count for sign, count in target.failures.items()},
        "failures_in_a_row": health.failures,
        "ejections": target.ejections,
        "tried_in_s": round(max(0.0, health.until_s - now_s), 1) if health.is_out else None,
        "check": _check(target.checked, now_s),
    }


def _check(checked: Checked, now_s: float) -> Mapping[str, object] | None:
    last = checked.last
    if last is None:
        return None
    return {
        "outcome": last.outcome,
        "result": last.words,
        "age_s": round(max(0.0, now_s - checked.at_s), 1),
        "took_ms": round(1000 * last.took_s, 1),
        "contrary_in_a_row": checked.row,
    }
