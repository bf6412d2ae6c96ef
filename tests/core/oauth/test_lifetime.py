"""How long a token is fresh, to the instant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.lifetime import bounded_life_s, earlier_of, may_send_at_s, plan_life
from gateway.core.token import Token

JITTER = st.floats(0.0, 1.0, exclude_max=True)
LIFETIME = st.floats(1.0, 1e7)


@pytest.mark.parametrize(
    ("lifetime_s", "jitter", "refresh_at_s"),
    [
        (3600.0, 0.0, 3540.0),
        (3600.0, 0.5, 3555.0),
        (300.0, 0.0, 240.0),
        (100.0, 0.0, 80.0),
        (100.0, 0.5, 85.0),
        (2.0, 0.0, 1.6),
        (2.0, 0.5, 1.7),
    ],
)
def test_the_early_refresh_starts_a_minute_or_a_fifth_of_life_before_expiry(
    lifetime_s: float, jitter: float, refresh_at_s: float
):
    life = plan_life(1000.0, lifetime_s, jitter)
    assert life.refresh_at_s == pytest.approx(1000.0 + refresh_at_s)
    assert life.expires_at_s == 1000.0 + lifetime_s


@given(LIFETIME, JITTER)
def test_the_refresh_lies_between_the_full_and_the_half_margin(lifetime_s: float, jitter: float):
    life = plan_life(0.0, lifetime_s, jitter)
    margin_s = min(60.0, 0.2 * lifetime_s)
    left_s = life.expires_at_s - life.refresh_at_s
    assert margin_s / 2 * 0.999 <= left_s <= margin_s * 1.001


@given(LIFETIME, JITTER)
def test_the_body_margin_never_exceeds_the_refresh_margin(lifetime_s: float, jitter: float):
    """Else a token of a few seconds would be asked for before every unreplayable body."""
    life = plan_life(0.0, lifetime_s, jitter)
    assert life.body_margin_s <= life.expires_at_s - life.refresh_at_s
    assert life.body_margin_s <= 30.0


@pytest.mark.parametrize(
    ("stated_s", "expected"),
    [(None, 300.0), (3600.0, 3600.0), (0.0, 1.0), (-5.0, 1.0), (0.3, 1.0), (1.0, 1.0), (1.1, 1.1)],
)
def test_a_life_is_at_least_a_second(stated_s: float | None, expected: float):
    assert bounded_life_s(stated_s, 300.0) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [((None, None), None), ((5.0, None), 5.0), ((5.0, 3.0), 3.0), ((1e12, 3.0), 3.0), ((1e12, None), None)],
)
def test_the_shortest_lifetime_that_can_be_meant_counts(
    stated: tuple[float | None, ...], expected: float | None
):
    assert earlier_of(*stated) == expected


def test_the_next_request_may_leave_a_second_after_the_last():
    assert may_send_at_s(1000.0) == 1001.0


@given(st.floats(0, 1e6), LIFETIME, st.floats(0, 1e7), st.floats(0, 1e7))
def test_freshness_is_monotone_in_time(sent_at_s: float, lifetime_s: float, one: float, other: float):
    """Once expired, for ever expired."""
    life = plan_life(sent_at_s, lifetime_s, 0.0)
    token = Token(b"Bearer t", sent_at_s, life.expires_at_s, 1, "00000000")
    early_s, late_s = sorted((one, other))
    assert token.is_alive(early_s) or not token.is_alive(late_s)
