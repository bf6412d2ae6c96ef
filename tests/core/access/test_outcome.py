"""The table of outcomes, row by row and in its order."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.finding import Bad, Known, Slowed, Unsure
from gateway.core.access.outcome import Admitted, Reason, Refused, judge
from gateway.core.caller import Caller, WayName
from gateway.core.settings.access_settings import AccessEntry, AccessRule
from gateway.core.settings.hours import Hours

STAFF, PARTNER, OFFICE = WayName("staff"), WayName("partner"), WayName("office")
PRESENTED = frozenset({STAFF, PARTNER})
ALICE = Caller(STAFF, "alice", frozenset({"read"}), {"groups": ["sales", "ops"], "level": 2, "admin": True})
ACME = Caller(PARTNER, "acme", frozenset({"write"}), {"id": "acme"})
DESK = Caller(OFFICE, "10.0.0.7")


def rule(*entries):
    return AccessRule(entries)


def entry(*names, scope=(), **claims):
    wanted = tuple(
        (name, values if isinstance(values, tuple) else (values,)) for name, values in claims.items()
    )
    return AccessEntry(names, frozenset(scope), wanted)


def known(*callers):
    return {caller.way: Known(caller) for caller in callers}


BAD = {STAFF: Bad("the token has expired")}
UNSURE = {STAFF: Unsure("no keys", 7)}
SLOWED = {STAFF: Slowed("too many were wrong", 5)}

DAY, NIGHT = (Hours.of((text,), "UTC") for text in ("06:00-22:00", "22:00-06:00"))


def noon(_zone):
    return datetime(2026, 11, 30, 12, tzinfo=UTC)


ADMITTED = {
    "any entry will do": (rule(entry(STAFF), entry(PARTNER)), known(ACME), ACME, 1),
    "all ways of an entry know it": (rule(entry(PARTNER, OFFICE)), known(ACME, DESK), ACME, 0),
    "whoever a credential identifies is the caller": (
        rule(entry(OFFICE, PARTNER)),
        known(ACME, DESK),
        ACME,
        0,
    ),
    "an address alone is a caller": (rule(entry(OFFICE)), known(DESK), DESK, 0),
    "the scope is enough": (rule(entry(STAFF, scope=["read"])), known(ALICE), ALICE, 0),
    "the scopes of an entry's ways add up": (
        rule(entry(STAFF, PARTNER, scope=["read", "write"])),
        known(ALICE, ACME),
        ALICE,
        0,
    ),
    "a claim has one of the values": (rule(entry(STAFF, level=(1, 2))), known(ALICE), ALICE, 0),
    "a list holds one of the values": (rule(entry(STAFF, groups=("hr", "ops"))), known(ALICE), ALICE, 0),
    "at its time": (rule(AccessEntry((STAFF,), hours=DAY)), known(ALICE), ALICE, 0),
    "at any time with less": (rule(AccessEntry((STAFF,), hours=NIGHT), entry(STAFF)), known(ALICE), ALICE, 1),
    "true is true": (rule(entry(STAFF, admin=True)), known(ALICE), ALICE, 0),
}
REFUSED = {
    "nothing presented": (rule(entry(STAFF)), {}, Reason.MISSING),
    "one of two": (rule(entry(STAFF, PARTNER)), known(ALICE), Reason.MISSING),
    "elsewhere": (rule(entry(OFFICE)), {}, Reason.PLACE),
    "a good key from elsewhere": (rule(entry(PARTNER, OFFICE)), known(ACME), Reason.PLACE),
    "elsewhere, but a credential would do": (rule(entry(OFFICE), entry(STAFF)), {}, Reason.MISSING),
    "not at this time": (rule(AccessEntry((STAFF,), hours=NIGHT)), known(ALICE), Reason.TIME),
    "its scope before its time": (
        rule(AccessEntry((STAFF,), frozenset({"write"}), hours=NIGHT)),
        known(ALICE),
        Reason.SCOPE,
    ),
    "not at this time, but with another credential at any": (
        rule(AccessEntry((STAFF,), hours=NIGHT), entry(PARTNER)),
        known(ALICE),
        Reason.TIME,
    ),
    "scope": (rule(entry(STAFF, scope=["write"])), known(ALICE), Reason.SCOPE),
    "scope before what another entry lacks": (
        rule(entry(PARTNER), entry(STAFF, scope=["write"])),
        known(ALICE),
        Reason.SCOPE,
    ),
    "claim": (rule(entry(STAFF, groups="hr")), known(ALICE), Reason.CONDITION),
    "claim that is not there": (rule(entry(STAFF, tenant="a")), known(ALICE), Reason.CONDITION),
    "claim of another type": (rule(entry(STAFF, level="2")), known(ALICE), Reason.CONDITION),
    "true is not 1": (rule(entry(STAFF, admin=1)), known(ALICE), Reason.CONDITION),
    "claims of other entries do not help": (
        rule(entry(STAFF, id="acme"), entry(PARTNER, level=2)),
        known(ALICE, ACME),
        Reason.CONDITION,
    ),
    "bad": (rule(entry(STAFF)), BAD, Reason.INVALID),
    "bad beside good": (rule(entry(STAFF), entry(PARTNER)), BAD | known(ACME), Reason.INVALID),
    "unsure": (rule(entry(STAFF)), UNSURE, Reason.UNSURE),
    "unsure beside good": (rule(entry(STAFF), entry(PARTNER)), UNSURE | known(ACME), Reason.UNSURE),
    "slowed": (rule(entry(STAFF)), SLOWED, Reason.SLOWED),
    "slowed beside good": (rule(entry(STAFF), entry(PARTNER)), SLOWED | known(ACME), Reason.SLOWED),
    "slowed before unsure": (
        rule(entry(STAFF), entry(PARTNER)),
        SLOWED | {PARTNER: Unsure("no file")},
        Reason.SLOWED,
    ),
    "bad before slowed": (
        rule(entry(STAFF), entry(PARTNER)),
        SLOWED | {PARTNER: Bad("the API key is unknown")},
        Reason.INVALID,
    ),
    "bad before unsure": (
        rule(entry(STAFF), entry(PARTNER)),
        UNSURE | {PARTNER: Bad("the API key is unknown")},
        Reason.INVALID,
    ),
}


@pytest.mark.parametrize(("asked", "findings", "caller", "index"), ADMITTED.values(), ids=ADMITTED)
def test_whoever_satisfies_an_entry_is_admitted(asked, findings, caller, index):
    assert judge(asked, findings, PRESENTED, noon) == Admitted(caller, index)


@pytest.mark.parametrize(("asked", "findings", "reason"), REFUSED.values(), ids=REFUSED)
def test_everybody_else_is_told_why_not(asked, findings, reason):
    verdict = judge(asked, findings, PRESENTED, noon)

    assert isinstance(verdict, Refused)
    assert verdict.reason is reason
    assert verdict.detail


def test_what_would_be_enough_is_part_of_the_verdict():
    verdict = judge(rule(entry(STAFF, scope=["write", "admin"])), known(ALICE), PRESENTED)

    assert isinstance(verdict, Refused)
    assert verdict.scope == ("admin", "write")


def test_an_outage_says_when_to_come_back():
    verdict = judge(rule(entry(STAFF)), UNSURE, PRESENTED)

    assert verdict == Refused(Reason.UNSURE, "no keys", retry_after_s=7, way=STAFF)


NAMES = st.sampled_from([STAFF, PARTNER, OFFICE])
FINDINGS = st.dictionaries(
    NAMES,
    st.sampled_from(
        [Known(ALICE), Known(ACME), Known(DESK), Bad("bad"), Unsure("unsure"), Slowed("slowed", 1)]
    ),
    max_size=3,
)
ENTRIES = st.builds(
    AccessEntry,
    st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple),
    st.frozensets(st.sampled_from(["read", "write"])),
    st.sampled_from([(), (("id", ("acme",)),)]),
)


@given(st.lists(ENTRIES, min_size=1, max_size=3).map(tuple), FINDINGS)
def test_nobody_is_admitted_but_by_an_entry_all_of_whose_ways_know_it(entries, findings):
    verdict = judge(AccessRule(entries), findings, PRESENTED)

    if isinstance(verdict, Admitted):
        satisfied = entries[verdict.entry]
        assert all(isinstance(found, Known) for found in findings.values())
        assert all(name in findings for name in satisfied.callers)
        granted = frozenset().union(*(findings[name].caller.scope for name in satisfied.callers))
        assert satisfied.scope <= granted


@given(st.lists(ENTRIES, min_size=1, max_size=3).map(tuple))
def test_whoever_shows_nothing_is_admitted_nowhere(entries):
    assert isinstance(judge(AccessRule(entries), {}, PRESENTED), Refused)
