from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.balance_settings import RETRY, RetrySettings
from gateway.core.upstreams.budget import LEAST, MOST_SAVED, may_retry, saved, spent


@pytest.mark.parametrize(
    ("running", "retrying", "expected"),
    [(1, 0, True), (4, 2, True), (4, 3, False), (50, 7, True), (50, 8, False), (0, 3, False)],
)
def test_a_fifth_of_what_runs_and_three_at_least(running, retrying, expected):
    assert may_retry(running, retrying, RETRY) is expected


@given(st.integers(0, 5000), st.floats(0.01, 1))
def test_retries_are_never_more_than_their_share_of_the_others(callers, budget):
    rule, retrying = RetrySettings(budget=budget), 0
    while retrying < callers and may_retry(callers, retrying, rule):
        retrying += 1
    assert retrying <= LEAST or retrying <= (callers - retrying + 1) * budget


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 50))
def test_what_is_spent_is_never_more_than_a_share_of_what_went_well(went_well, running):
    savings, wells, spendings = 0.0, 0, 0
    for is_well in went_well:
        if is_well:
            savings, wells = saved(savings, RETRY), wells + 1
        elif (left := spent(savings, running)) >= 0:
            savings, spendings = left, spendings + 1
    assert spendings <= RETRY.budget * wells + 1e-9


def test_savings_are_for_one_retry_of_each_request_that_runs():
    savings, spendings = 500.0, 0
    while (left := spent(savings, 50)) >= 0:
        savings, spendings = left, spendings + 1
    assert spendings == 50
    assert saved(MOST_SAVED, RETRY) == MOST_SAVED
