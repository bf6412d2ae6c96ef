"""Counts of several processes as one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.crew.totals import added, laid_down, sum_of, updated

TREES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(0, 1000),
        "b": st.lists(st.integers(0, 9), min_size=3, max_size=3),
        "c": st.dictionaries(st.sampled_from("xyz"), st.integers(0, 1000)),
        "d": st.dictionaries(
            st.sampled_from("xy"), st.dictionaries(st.sampled_from("uv"), st.integers(0, 9))
        ),
    },
)


@given(one=TREES, other=TREES, third=TREES)
@settings(max_examples=80, deadline=None)
def test_the_order_of_sums_is_all_the_same(one, other, third):
    assert added(one, other) == added(other, one)
    assert added(added(one, other), third) == added(one, added(other, third))
    assert added(one, {}) == one == added({}, one)


def test_numbers_mappings_and_lists_add():
    assert added({"a": 1, "b": [1, 2], "c": {"x": 1}}, {"b": [3, 4], "c": {"x": 0.5, "y": 2}}) == {
        "a": 1,
        "b": [4, 6],
        "c": {"x": 1.5, "y": 2},
    }
    assert sum_of([{"a": 1}] * 3) == {"a": 3}
    assert sum_of([]) == {}


@pytest.mark.parametrize(("one", "other"), [(1, [1]), ({"a": 1}, 1), ([1], [1, 2]), ("a", "b")])
def test_what_does_not_fit_is_not_added(one, other):
    with pytest.raises(ValueError):
        added(one, other)


def test_what_a_worker_tells_takes_the_place_of_what_it_told_before():
    known = {"routes": {"a": {"n": 1}, "b": {"n": 1}}, "dropped": {"access": 0}}
    told = {"routes": {"a": {"n": 2}}, "dropped": {"access": 5}}
    assert updated(known, told) == {"routes": {"a": {"n": 2}, "b": {"n": 1}}, "dropped": {"access": 5}}
    assert updated(updated(known, told), told) == updated(known, told)


def test_of_the_dead_counters_stay_and_gauges_go():
    counts = {
        "routes": {"a": {"started_requests": 9, "statuses": {"200": 5, "502": 2}}},
        "dropped": {"access": 1},
        "open": 7,
        "process": {"rss": 1},
    }
    assert laid_down(counts) == {
        "routes": {"a": {"started_requests": 7, "statuses": {"200": 5, "502": 2}}},
        "dropped": {"access": 1},
    }
