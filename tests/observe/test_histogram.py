from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.histogram import BOUNDS_S, Histogram

DURATIONS = st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False))


@pytest.mark.parametrize(
    ("duration_s", "place"),
    [
        (0.0, 0),
        (0.0005, 0),  # a bound belongs to the bucket that it closes
        (0.00050001, 1),
        (0.001, 1),
        (60.0, len(BOUNDS_S) - 1),
        (60.1, len(BOUNDS_S)),
    ],
)
def test_a_duration_falls_into_the_bucket_whose_bound_is_not_below_it(duration_s, place):
    histogram = Histogram()

    histogram.observe(duration_s)

    assert [0] * place + [1] + [0] * (len(BOUNDS_S) - place) == histogram.counts


@given(DURATIONS)
def test_cumulative_buckets_count_what_is_not_above_each_bound(durations_s):
    histogram = Histogram()
    for duration_s in durations_s:
        histogram.observe(duration_s)

    expected = [(bound, sum(d <= float(bound) for d in durations_s)) for bound, _ in histogram.cumulative()]

    assert expected == histogram.cumulative()
    assert sum(durations_s) == pytest.approx(histogram.sum_s)


def test_bounds_run_upwards_from_half_a_millisecond_to_a_minute():
    assert (BOUNDS_S[0], BOUNDS_S[-1]) == (0.0005, 60.0)
    assert all(lower < upper for lower, upper in pairwise(BOUNDS_S))
