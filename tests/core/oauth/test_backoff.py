"""Rests after failures: bounded below and above, full jitter, Retry-After."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.backoff import Rest, pause_s
from gateway.core.oauth.token_outcome import Failed, FailureKind

ALMOST_ONE = 0.999999
KIND = st.sampled_from(FailureKind)
JITTER = st.floats(0.0, 1.0, exclude_max=True)


def failed(kind: FailureKind = FailureKind.UNREACHABLE, retry_after_s: float | None = None) -> Failed:
    return Failed(kind, "it failed", retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("kind", "failures", "shortest_s", "longest_s"),
    [
        (FailureKind.UNREACHABLE, 1, 1.0, 2.0),
        (FailureKind.UNREACHABLE, 3, 1.0, 8.0),
        (FailureKind.INVALID, 6, 1.0, 60.0),
        (FailureKind.SLOW, 10_000, 1.0, 60.0),
        (FailureKind.REFUSED, 1, 10.0, 20.0),
        (FailureKind.REFUSED, 10_000, 10.0, 300.0),
    ],
)
def test_a_pause_doubles_up_to_its_bound(
    kind: FailureKind, failures: int, shortest_s: float, longest_s: float
):
    assert pause_s(failed(kind), failures, 0.0) == shortest_s
    assert pause_s(failed(kind), failures, ALMOST_ONE) == pytest.approx(longest_s, rel=1e-5)


@given(KIND, st.integers(1, 10**9), JITTER)
def test_a_pause_is_never_below_a_second_nor_above_its_bound(kind: FailureKind, failures: int, jitter: float):
    assert 1.0 <= pause_s(failed(kind), failures, jitter) <= 300.0


@pytest.mark.parametrize(("asked_s", "expected"), [(0.0, 1.0), (0.5, 1.0), (90.0, 90.0), (None, 1.0)])
def test_retry_after_lengthens_a_pause_and_never_shortens_it(asked_s: float | None, expected: float):
    assert pause_s(failed(retry_after_s=asked_s), 1, 0.0) == expected


def test_a_rest_counts_the_failures_in_a_row():
    rest = Rest().after(failed(), 100.0, 0.0).after(failed(), 200.0, ALMOST_ONE)
    assert rest.failures == 2
    assert rest.until_s == pytest.approx(204.0, abs=0.01)
    assert rest.left_s(201.0) == pytest.approx(3.0, abs=0.01)
    assert rest.left_s(205.0) == 0.0


def test_who_never_failed_does_not_rest():
    assert Rest().left_s(0.0) == 0.0
