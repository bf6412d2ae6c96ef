"""Who would be let in, and why not: the rule of a route against a caller that the operator describes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.access.networks import Networks
from gateway.access.week_clock import WeekClock
from gateway.core.access.finding import Finding, Known
from gateway.core.access.outcome import Admitted, judge
from gateway.core.access.refusal import refusal_error
from gateway.core.access.rule_words import entry_words
from gateway.core.caller import Caller, WayName
from gateway.core.errors import GatewayError
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import PLACES, AccessRule, NetworkWay, WaySettings


class UnknownWay(ValueError):
    """The operator names a way that the configuration does not have; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Described:
    """A caller as the operator describes it.

    Attributes:
        known: its names by the ways that are to know it.
        scope: what it was granted.
        claims: what else is known of it.
        at_s: when it calls, by the wall clock; None: now.
    """

    known: Mapping[WayName, str] = field(default_factory=dict)
    scope: frozenset[str] = frozenset()
    claims: Mapping[str, object] = field(default_factory=dict)
    at_s: float | None = None

    def wall_s(self) -> float:
        """Return when it calls."""
        return time.time() if self.at_s is None else self.at_s

    def caller(self, way: WayName) -> Caller:
        """Return the caller as one way would know it."""
        return Caller(way, self.known[way] or f"<a caller of {way}>", self.scope, self.claims)


NOBODY = Described()


def described(
    names: tuple[str, ...],
    scope: str,
    claims: tuple[str, ...],
    ways: Mapping[WayName, object],
    at: datetime | None = None,
) -> Described:
    """Read what the operator says: ``WAY`` or ``WAY:ID``, words of a scope, ``NAME=VALUE``, an instant.

    Raises:
        UnknownWay: there is no such way.
    """
    known: dict[WayName, str] = {}
    for each in names:
        name, _, called = each.partition(":")
        if WayName(name) not in ways:
            expected = f"expected one of {', '.join(ways)}" if ways else "none is defined under `callers`"
            raise UnknownWay(f"no way to know a caller is called {name}: {expected}")
        known[WayName(name)] = called
    at_s = at.timestamp() if at is not None else None
    return Described(known, frozenset(scope.split()), dict(map(_claim, claims)), at_s)


def _claim(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, {"true": True, "false": False}.get(value, int(value) if value.isdecimal() else value)


def admitted(
    rule: AccessRule,
    ways: Mapping[WayName, WaySettings],
    who: Described,
    head: RequestHead,
    caller: CallerFields,
) -> tuple[Caller, int]:
    """Return as whom the caller is let in, and the index of the entry that does.

    Raises:
        GatewayError: it is refused; the detail says what each entry lacks.
    """
    findings: dict[WayName, Finding] = {
        name: Known(who.caller(name)) for name in rule.ways if name in who.known
    }
    for name in rule.ways:
        way = ways[name].way
        seen = Networks(name, way).see(head, caller) if isinstance(way, NetworkWay) else None
        if seen is not None:
            findings.setdefault(name, seen)
    presented = frozenset(name for name in rule.ways if not isinstance(ways[name].way, PLACES))
    verdict = judge(rule, findings, presented, WeekClock(who.wall_s).local)
    if isinstance(verdict, Admitted):
        return verdict.caller, verdict.entry
    error = refusal_error(verdict, {})
    raise _with_entries(error, rule, findings)


def _with_entries(error: GatewayError, rule: AccessRule, findings: Mapping[WayName, Finding]) -> GatewayError:
    lines = (f"{entry_words(entry)}: {_known(entry.callers, findings)}" for entry in rule.entries)
    error.detail = "\n  ".join((f"{error.detail}; the route serves:", *lines))
    return error


def _known(names: tuple[WayName, ...], findings: Mapping[WayName, Finding]) -> str:
    missing = [name for name in names if name not in findings]
    return f"not known as {' and '.join(missing)}" if missing else "known, but a condition does not hold"
