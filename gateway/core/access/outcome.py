"""Whether a caller may use a route: the findings of its ways against the route's rule.

The table, in the order in which it is read (``docs/access.md`` prints it):

====================================================  ==============================================
what was found                                        outcome
====================================================  ==============================================
a credential is bad                                   `Reason.INVALID` (401), whatever else is good
a credential is not looked at after too many failures `Reason.SLOWED` (429), whatever else is good
a credential cannot be verified now                   `Reason.UNSURE` (503), whatever else is good
an entry is satisfied                                 admitted
all ways of an entry know the caller, but its scope   `Reason.SCOPE` (403)
is not enough
all ways of an entry know it, but another condition   `Reason.CONDITION` (403)
does not hold
all ways of an entry know it, but it is not the time  `Reason.TIME` (403)
an entry needs a credential that was not presented    `Reason.MISSING` (401)
only another address or certificate would help        `Reason.PLACE` (403)
====================================================  ==============================================

Bad credentials never count as none: a caller whose key was withdrawn is told so, and does not become
anonymous. An entry is satisfied as a whole; entries are never combined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from gateway.core.access.finding import Bad, Fault, Finding, Known, Slowed, Unsure
from gateway.core.caller import Caller, WayName
from gateway.core.settings.access_settings import AccessEntry, AccessRule


class Reason(Enum):
    """Why a caller is refused."""

    INVALID = "invalid"
    SLOWED = "slowed"
    UNSURE = "unsure"
    SCOPE = "scope"
    CONDITION = "condition"
    TIME = "time"
    MISSING = "missing"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller may use the route.

    Attributes:
        caller: the one that the satisfied entry names first and that a credential identifies, if any does.
        entry: the index of that entry.
    """

    caller: Caller
    entry: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller may not use the route.

    Attributes:
        detail: a few words for the caller.
        scope: what it would need, for `Reason.SCOPE`.
        retry_after_s, fault: for `Reason.UNSURE` and `Reason.SLOWED`, as in `Unsure`.
        way: the way whose credential is bad or unsure.
        needs_proof: as in `Bad`.
    """

    reason: Reason
    detail: str
    scope: tuple[str, ...] = ()
    retry_after_s: int | None = None
    fault: Fault = Fault.SERVER
    way: WayName | None = None
    needs_proof: bool = False


Verdict = Admitted | Refused

Local = Callable[[str], datetime]
"""Returns the local time in a zone, by its name."""

_ORDER: Final = (Reason.SCOPE, Reason.CONDITION, Reason.TIME, Reason.MISSING, Reason.PLACE)
"""What several entries lack is told by the first of these."""


def judge(
    rule: AccessRule,
    findings: Mapping[WayName, Finding],
    presented: frozenset[WayName],
    local: Local | None = None,
) -> Verdict:
    """Decide whether a caller may use a route.

    Args:
        rule: the route's.
        findings: by way, of those ways of the rule to which the request presents something.
        presented: the ways of the rule whose credential a caller can add to a request when asked to.
        local: the clock, for a rule with hours.
    """
    spoilt = _spoilt(findings)
    if spoilt is not None:
        return spoilt
    known = {name: found.caller for name, found in findings.items() if isinstance(found, Known)}
    refused: list[Refused] = []
    for index, entry in enumerate(rule.entries):
        lack = _lack(entry, known, presented) or _untimely(entry, local)
        if lack is None:
            return Admitted(_principal(entry, known, presented), index)
        refused.append(lack)
    return min(refused, key=_rank)


def _spoilt(findings: Mapping[WayName, Finding]) -> Refused | None:
    for name, found in findings.items():
        if isinstance(found, Bad):
            return Refused(Reason.INVALID, found.reason, way=name, needs_proof=found.needs_proof)
    for name, found in findings.items():
        if isinstance(found, Slowed):
            return Refused(Reason.SLOWED, found.reason, retry_after_s=found.retry_after_s, way=name)
    for name, found in findings.items():
        if isinstance(found, Unsure):
            after_s, fault = found.retry_after_s, found.fault
            return Refused(Reason.UNSURE, found.reason, retry_after_s=after_s, fault=fault, way=name)
    return None


def _lack(
    entry: AccessEntry, known: Mapping[WayName, Caller], presented: frozenset[WayName]
) -> Refused | None:
    """Return what an entry lacks; None if it is satisfied."""
    missing = [name for name in entry.callers if name not in known]
    if any(name in presented for name in missing):
        return Refused(Reason.MISSING, "the request presents no credential that this route needs")
    if missing:
        return Refused(Reason.PLACE, "this route does not serve callers from there")
    callers = [known[name] for name in entry.callers]
    if not all(_holds(name, values, callers) for name, values in entry.claims):
        return Refused(Reason.CONDITION, "the caller is not one of those whom this route serves")
    granted = frozenset[str]().union(*(caller.scope for caller in callers))
    if not entry.scope <= granted:
        return Refused(Reason.SCOPE, "the caller's scope is not enough", scope=tuple(sorted(entry.scope)))
    return None


def _untimely(entry: AccessEntry, local: Local | None) -> Refused | None:
    hours = entry.hours
    if hours is None:
        return None
    assert local is not None, "whoever asks about a rule with hours has a clock"
    if hours.include(local(hours.zone)):
        return None
    return Refused(Reason.TIME, "this route does not serve the caller at this time")


def _holds(name: str, values: tuple[str | int | bool, ...], callers: list[Caller]) -> bool:
    """Whether a claim has one of these values, or is a list that contains one."""
    return any(_has(caller.claims.get(name), values) for caller in callers)


def _has(claim: object, values: tuple[str | int | bool, ...]) -> bool:
    found = claim if isinstance(claim, list) else [claim]
    # In Python, True == 1: JSON tells them apart.
    return any(type(one) is type(value) and one == value for one in found for value in values)


def _principal(entry: AccessEntry, known: Mapping[WayName, Caller], presented: frozenset[WayName]) -> Caller:
    named = [name for name in entry.callers if name in presented] or list(entry.callers)
    return known[named[0]]


def _rank(refused: Refused) -> int:
    return _ORDER.index(refused.reason)
