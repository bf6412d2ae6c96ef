"""Lifetimes in every unit, and instants in every notation that was met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.stated_life import read_life_s
from gateway.core.settings.whereabouts import LifeUnit

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "unit", "seconds"),
    [
        ("3600", LifeUnit.SECONDS, 3600.0),
        (" 3599.5 ", LifeUnit.SECONDS, 3599.5),
        ("-1", LifeUnit.SECONDS, -1.0),
        ("7200000", LifeUnit.MILLISECONDS, 7200.0),
        ("30", LifeUnit.MINUTES, 1800.0),
        ("2", LifeUnit.HOURS, 7200.0),
        ("soon", LifeUnit.SECONDS, None),
        ("", LifeUnit.MINUTES, None),
        ("1700000060", LifeUnit.INSTANT, 60.0),
        ("1700000060.5", LifeUnit.INSTANT, 60.5),
        ("1700000060000", LifeUnit.INSTANT, 60.0),
        ("1699999940", LifeUnit.INSTANT, -60.0),
        ("2023-11-14T22:14:20Z", LifeUnit.INSTANT, 60.0),
        ("2023-11-14T22:14:20.000+00:00", LifeUnit.INSTANT, 60.0),
        ("2023-11-14T23:14:20.1234567+0100", LifeUnit.INSTANT, 60.123456),
        ("2023-11-14 22:14:20Z", LifeUnit.INSTANT, 60.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", LifeUnit.INSTANT, 60.0),
        ("/Date(1700000060000)/", LifeUnit.INSTANT, 60.0),
        ("/Date(1700000060000+0100)/", LifeUnit.INSTANT, 60.0),
        ("2023-11-14T22:14:20", LifeUnit.INSTANT, None),  # whose time?
        ("3600", LifeUnit.INSTANT, None),  # a duration
        ("20231114", LifeUnit.INSTANT, None),
        ("9999-99-99T00:00:00Z", LifeUnit.INSTANT, None),
        ("0001-01-01T00:00:00Z", LifeUnit.INSTANT, None),
        ("tomorrow", LifeUnit.INSTANT, None),
    ],
)
def test_a_lifetime_is_read(text: str, unit: LifeUnit, seconds: float | None):
    left_s = read_life_s(text, unit, NOW_S)
    assert left_s == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=30) | st.datetimes().map(str), st.sampled_from(LifeUnit))
def test_every_text_is_a_time_or_nothing(text: str, unit: LifeUnit):
    left_s = read_life_s(text, unit, NOW_S)
    assert left_s is None or isinstance(left_s, float)


@given(st.integers(min_value=10**9, max_value=10**11 - 1))
def test_seconds_and_milliseconds_since_1970_mean_the_same(instant: int):
    seconds = read_life_s(str(instant), LifeUnit.INSTANT, NOW_S)
    assert seconds == read_life_s(str(instant * 1000), LifeUnit.INSTANT, NOW_S)
