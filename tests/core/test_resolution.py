"""What is known of a name, by tables: no clock, no look-up."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.resolution import (
    EARLY_S,
    GRACE_S,
    RENEW_S,
    REPEAT_S,
    STALE_S,
    Finding,
    Ip,
    Known,
    LookUp,
    after,
    after_half,
    completed,
    is_due,
    may_repeat,
    missed,
    must_wait,
    race_order,
    reached,
)

A, B, C = Ip("192.0.2.1"), Ip("192.0.2.2"), Ip("192.0.2.3")
X, Y = Ip("2001:db8::1"), Ip("2001:db8::2")
FAILED = Finding(LookUp.FAILED, reason="no answer")
ABSENT = Finding(LookUp.ABSENT, reason="no such name")


def found(*addresses):
    return Finding(LookUp.FOUND, addresses)


def learnt(*steps, known=Known()):  # noqa: B008 - frozen
    for now_s, finding in steps:
        known = after(known, finding, now_s)
    return known


# ── what an outcome means ─────────────────────────────────────────────────────────────────────────

OUTCOMES = [
    ([(0, found(A, X))], (A, X), ""),
    ([(0, found(A)), (10, found(B))], (B,), ""),
    ([(0, FAILED)], (), "no answer"),
    ([(0, ABSENT)], (), "no such name"),
    # A failure keeps the last answer for ever, and is forgotten with the next answer.
    ([(0, found(A)), (10, FAILED)], (A,), "no answer"),
    ([(0, found(A)), *((10 * n, FAILED) for n in range(1, 1000))], (A,), "no answer"),
    ([(0, found(A)), (10, FAILED), (20, found(A))], (A,), ""),
    # "No such name", once, however late: kept. Twice in a row, but soon: kept.
    ([(0, found(A)), (10, ABSENT)], (A,), "no such name"),
    ([(0, found(A)), (STALE_S * 9, ABSENT)], (A,), "no such name"),
    ([(0, found(A)), (10, ABSENT), (20, ABSENT)], (A,), "no such name"),
    ([(0, found(A)), *((10 * n, ABSENT) for n in range(1, 30))], (A,), "no such name"),
    # Twice in a row, and the last good answer is old: given up, at that instant.
    ([(0, found(A)), (10, ABSENT), (STALE_S - 0.001, ABSENT)], (A,), "no such name"),
    ([(0, found(A)), (10, ABSENT), (STALE_S, ABSENT)], (), "no such name"),
    ([(0, found(A)), (STALE_S * 9, ABSENT), (STALE_S * 9 + 1, ABSENT)], (), "no such name"),
    # A failure or an answer between two of them breaks the row.
    ([(0, found(A)), (10, ABSENT), (290, FAILED), (STALE_S, ABSENT)], (A,), "no such name"),
    ([(0, found(A)), (10, ABSENT), (20, found(A)), (STALE_S, ABSENT)], (A,), "no such name"),
    # And it comes back.
    ([(0, found(A)), (10, ABSENT), (STALE_S, ABSENT), (310, FAILED), (320, found(B))], (B,), ""),
]


@pytest.mark.parametrize(("steps", "addresses", "trouble"), OUTCOMES)
def test_an_outcome_means(steps, addresses, trouble):
    known = learnt(*steps)

    assert (known.addresses, known.trouble) == (addresses, trouble)


HALVES = [
    # known, found; known then
    ((), (A,), (A,)),
    ((A,), (B, C), (B, C)),
    ((X, A), (B,), (B, X)),
    ((X, A), (Y,), (Y, A)),
]


@pytest.mark.parametrize(("known", "addresses", "expected"), HALVES)
def test_what_is_found_of_one_family_takes_the_place_of_that_family(known, addresses, expected):
    before = Known(known, looked_up_at_s=10, absences=1, trouble="no answer")
    half = after_half(before, addresses, 20)

    assert half.addresses == expected
    assert (half.found_at_s, half.looked_up_at_s, half.absences) == (20, 20, 0)
    assert half.trouble == "no answer"  # the look-up goes on


COMPLETED = [
    # known, what the look-up of both finds, families found for themselves; what counts
    ((B, X), (A, Y), (), (A, Y)),
    ((B, X), (A, Y), (False,), (B, Y)),
    ((B, X), (A, Y), (True,), (A, X)),
    ((B, X), (Y, A), (False,), (Y, B)),
    ((X, B), (A, Y), (False, True), (B, X)),
]


@pytest.mark.parametrize(("known", "found_late", "found_v6", "expected"), COMPLETED)
def test_what_was_asked_later_counts_though_it_was_answered_earlier(known, found_late, found_v6, expected):
    assert completed(found(*found_late), Known(known), found_v6).addresses == expected


def test_a_look_up_that_fails_is_a_failure_whatever_was_found_meanwhile():
    assert completed(FAILED, Known((A,)), {False}) is FAILED


FINDINGS = st.sampled_from([found(A), found(B, X), FAILED, ABSENT])


@given(st.lists(st.tuples(st.floats(0, 100), FINDINGS)))
def test_addresses_are_given_up_only_by_two_absences_in_a_row_and_late(steps):
    known, now_s = Known(), 0.0
    seen = []
    for passed_s, finding in steps:
        now_s += passed_s
        before, known = known, after(known, finding, now_s)
        seen.append(finding)
        if before.addresses and not known.addresses:
            assert seen[-2:] == [ABSENT, ABSENT]
            assert now_s - before.found_at_s >= STALE_S
        if finding.outcome is LookUp.FOUND:
            assert known.addresses == finding.addresses


# ── when ──────────────────────────────────────────────────────────────────────────────────────────

KEPT = learnt((100, found(A)))
EMPTY = learnt((100, ABSENT))
TIMES = [
    # known, seconds since the last look-up; due, repeatable, to be waited for
    (Known(), inf, (True, True, True)),
    (KEPT, 0.0, (False, False, False)),
    (KEPT, EARLY_S - 0.001, (False, False, False)),
    (KEPT, EARLY_S, (False, True, False)),
    (KEPT, RENEW_S - 0.001, (False, True, False)),
    (KEPT, RENEW_S, (True, True, False)),
    (KEPT, RENEW_S + GRACE_S - 0.001, (True, True, False)),
    (KEPT, RENEW_S + GRACE_S, (True, True, True)),
    (EMPTY, REPEAT_S - 0.001, (False, False, True)),
    (EMPTY, REPEAT_S, (True, True, True)),
]


@pytest.mark.parametrize(("known", "passed_s", "expected"), TIMES)
def test_a_name_is_looked_up_when_it_is_time(known, passed_s, expected):
    now_s = 100 + passed_s

    assert (is_due(known, now_s), may_repeat(known, now_s), must_wait(known, now_s)) == expected


RENEWALS = [
    # renew_s, chance, trouble; due after
    (2.0, 0.0, False, 2.0),
    (2.0, 0.5, False, 1.9),
    (600.0, 0.0, False, 600.0),
    (600.0, 0.0, True, RENEW_S),
    (2.0, 0.0, True, 2.0),
]


@pytest.mark.parametrize(("renew_s", "chance", "has_failed", "due_s"), RENEWALS)
def test_an_answer_is_renewed_as_often_as_who_uses_it_wants_and_a_failure_soon(
    renew_s, chance, has_failed, due_s
):
    known = after(learnt((0, found(A))), FAILED if has_failed else found(A), 100, chance=chance)

    assert not is_due(known, 100 + due_s - 0.001, renew_s)
    assert is_due(known, 100 + due_s + 0.001, renew_s)


def test_who_uses_a_name_that_is_overdue_by_more_than_the_grace_waits():
    assert not must_wait(KEPT, 100 + 2 + GRACE_S - 0.001, 2.0)
    assert must_wait(KEPT, 100 + 2 + GRACE_S, 2.0)


def early(known, finding, gap_s):
    """Look up as early as may be: after `gap_s`, not sooner."""
    now_s = known.looked_up_at_s + gap_s
    assert not may_repeat(known, now_s - 0.001)
    assert may_repeat(known, now_s + 1e-9)
    return after(known, finding, now_s + 1e-9, is_early=True)


@pytest.mark.parametrize("finding", [found(A), FAILED, ABSENT])
def test_early_look_ups_that_find_nothing_new_are_made_ever_less_often(finding):
    known = learnt((0, found(A)))
    for gap_s in (EARLY_S, 2 * EARLY_S, 4 * EARLY_S, 8 * EARLY_S, REPEAT_S, REPEAT_S):
        known = early(known, finding, gap_s)
    known = early(known, found(B), REPEAT_S)
    early(known, found(B), EARLY_S)


def test_a_look_up_on_schedule_forgets_that_early_ones_found_nothing_new():
    known = early(early(learnt((0, found(A))), found(A), EARLY_S), found(A), 2 * EARLY_S)
    early(after(known, found(A), 100), found(A), EARLY_S)


# ── the order of a race ───────────────────────────────────────────────────────────────────────────

ORDERS = [
    ((), None, None, ()),
    ((A,), None, None, (A,)),
    ((A,), None, A, (A,)),
    ((A, B, C), None, None, (A, B, C)),
    ((X, Y, A, B), None, None, (X, A, Y, B)),
    ((A, B, X), None, None, (A, X, B)),
    ((X, Y, A), A, None, (A, X, Y)),
    ((X, A, B), A, None, (A, X, B)),
    ((X, Y, A, B), Y, None, (Y, A, X, B)),
    ((A, B, C), None, A, (B, C, A)),
    ((X, A), A, X, (A, X)),
    ((X, A, Y), None, X, (A, Y, X)),
    ((A, B), C, None, (A, B)),  # what worked is gone
    ((A, B), None, C, (A, B)),
]


@pytest.mark.parametrize(("addresses", "worked", "failed", "expected"), ORDERS)
def test_the_order_of_a_race(addresses, worked, failed, expected):
    assert race_order(Known(addresses, worked=worked, failed=failed)) == expected


ADDRESSES = st.lists(st.sampled_from([A, B, C, X, Y]), unique=True).map(tuple)
MAYBE = st.sampled_from([None, A, B, C, X, Y])


@given(ADDRESSES, MAYBE, MAYBE)
def test_every_address_is_tried_once(addresses, worked, failed):
    ordered = race_order(Known(addresses, worked=worked, failed=failed))

    assert sorted(ordered) == sorted(addresses)
    assert ordered[:1] == ((worked,) if worked in addresses else ordered[:1])


def test_what_was_reached_and_missed_is_remembered():
    known = reached(Known((A, B)), B)
    assert (known.worked, known.failed) == (B, None)
    assert reached(known, B) is known
    known = missed(known, B)
    assert (known.worked, known.failed) == (None, B)
    known = reached(missed(reached(known, A), B), B)
    assert (known.worked, known.failed) == (B, None)
    assert missed(reached(Known((A, B)), A), B).worked == A


def test_an_answer_leaves_what_worked():
    assert learnt((1, found(A, B)), known=reached(Known((A, B)), B)).worked == B
