"""When an address is out, for how long, and that it never stays out for good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.balance_settings import EjectSettings
from gateway.core.upstreams.ejection import (
    MOST_OUT_S,
    WELL,
    Health,
    asked_to_wait,
    cut_off,
    failed,
    may_be_out,
    most_out,
    not_reached,
    succeeded,
)

RULE = EjectSettings(after=3, for_s=10.0)


def after(*moments, rule=RULE, may_leave=True, health=WELL):
    """How an address is after it failed at these moments."""
    for now_s in moments:
        health = failed(health, now_s, rule, 0.0, may_leave=may_leave)
    return health


@pytest.mark.parametrize(
    ("addresses", "at_most", "expected"),
    [
        (1, 1.0, 0),
        (2, 0.5, 1),
        (2, 0.1, 1),
        (3, 0.5, 1),
        (4, 0.5, 2),
        (5, 0.5, 2),
        (5, 1.0, 4),
        (10, 0.25, 2),
    ],
)
def test_at_most_a_share_is_out_and_never_the_last(addresses, at_most, expected):
    assert most_out(addresses, at_most) == expected


OUT, DEAD = Health(is_out=True), Health(is_out=True, is_unreached=True)


@pytest.mark.parametrize(
    ("all_of_them", "is_reached", "expected"),
    [
        ([WELL, WELL, DEAD], True, True),
        ([WELL, OUT, WELL], False, True),
        ([WELL, WELL, OUT], True, False),
        ([WELL, WELL, DEAD], False, False),
        ([WELL, DEAD], True, False),
        ([WELL, OUT, DEAD], True, False),
        ([WELL, WELL, DEAD, DEAD], True, True),
        ([WELL, OUT, DEAD, DEAD], True, False),
        ([WELL, WELL, WELL, cut_off(WELL, 0.0, RULE, 0.0)], True, True),
    ],
)
def test_what_cannot_be_connected_to_is_limited_apart(all_of_them, is_reached, expected):
    assert may_be_out(all_of_them, RULE, is_reached=is_reached) is expected


@given(st.integers(2, 12), st.lists(st.booleans(), max_size=40), st.floats(0.01, 1))
def test_the_limits_together_never_let_the_last_one_out(count, failures, at_most):
    rule, addresses = EjectSettings(after=1, at_most=at_most), [WELL] * count
    for is_reached in failures:
        if may_be_out(addresses, rule, is_reached=is_reached):
            addresses[addresses.index(WELL)] = OUT if is_reached else DEAD
        assert WELL in addresses


def test_a_trial_says_anew_whether_an_address_is_reached():
    dead = not_reached(after(1, 2, 3))
    assert dead.is_unreached
    assert not after(20, health=dead).is_unreached
    assert not_reached(after(1)) == after(1)


def test_failures_in_a_row_eject():
    assert not after(1, 2).is_out
    assert after(1, 2, 3) == Health(failures=3, ejections=1, is_out=True, until_s=13.0)


def test_a_success_begins_the_row_anew():
    health = succeeded(after(1, 2), 3)
    assert not after(4, 5, health=health).is_out


def test_nobody_leaves_where_too_many_are_out_and_failures_go_on_to_count():
    assert after(1, 2, 3, 4, may_leave=False) == Health(failures=4)


def test_a_failed_trial_doubles_the_time_up_to_five_minutes():
    health = after(0, 0, 0)
    spans = []
    for _ in range(7):
        now_s = health.until_s
        health = failed(health, now_s, RULE, 0.0, may_leave=False)
        spans.append(health.until_s - now_s)
    assert spans == [20.0, 40.0, 80.0, 160.0, MOST_OUT_S, MOST_OUT_S, MOST_OUT_S]


@pytest.mark.parametrize(("well_s", "span_s"), [(9.0, 20.0), (11.0, 10.0)])
def test_who_was_well_for_as_long_as_it_was_out_begins_anew(well_s, span_s):
    back = succeeded(after(0, 0, 0), 10.0)
    assert not back.is_out
    at_s = 10.0 + well_s
    assert after(at_s, at_s, at_s, health=back).until_s == at_s + span_s


def test_chance_adds_a_tenth_at_most():
    assert failed(Health(2), 0.0, RULE, 1.0, may_leave=True).until_s == pytest.approx(11.0)


def test_an_address_may_say_for_how_long_within_bounds():
    assert asked_to_wait(WELL, 5.0, 7.0).until_s == 12.0
    assert asked_to_wait(WELL, 5.0, 1e9).until_s == 5.0 + MOST_OUT_S


@given(st.lists(st.tuples(st.sampled_from("fsw"), st.floats(0, 1000), st.floats(0, 1)), max_size=60))
def test_whatever_happens_the_time_out_is_bounded_and_one_success_ends_it(story):
    health, now_s = WELL, 0.0
    for what, passed_s, jitter in story:
        now_s += passed_s
        if what == "f":
            health = failed(health, now_s, RULE, jitter, may_leave=True)
        elif what == "w":
            health = asked_to_wait(health, now_s, passed_s)
        else:
            health = succeeded(health, now_s)
            assert not health.is_out
        assert not health.is_out or health.until_s - now_s <= MOST_OUT_S * 1.1


def test_what_cannot_be_reached_is_out_at_once_and_longer_after_each_trial():
    first = cut_off(WELL, 100, RULE, 0.0)
    assert (first.is_out, first.is_cut_off, first.until_s) == (True, True, 110.0)
    second = cut_off(first, 110, RULE, 0.0)
    assert (second.is_cut_off, second.until_s) == (True, 130.0)
    assert not succeeded(second, 130).is_cut_off
