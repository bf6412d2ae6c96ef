from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.balance_settings import RETRY, RetrySettings
from gateway.core.upstreams.budget import LEAST, may_retry


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
