"""Times of the week: days, midnight, and the two nights on which clocks are set."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings.hours import DAYS, BadHours, Hours, read_hours

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 24 * 60


def at(text):
    """An instant, as the clock in Berlin shows it; 2026-11-30 is a Monday."""
    return datetime.fromisoformat(text).astimezone(BERLIN)


@pytest.mark.parametrize(
    ("text", "instant", "expected"),
    [
        ("Mon-Fri 08:00-18:00", "2026-11-30T07:59:59+01:00", False),
        ("Mon-Fri 08:00-18:00", "2026-11-30T08:00+01:00", True),
        ("Mon-Fri 08:00-18:00", "2026-11-30T17:59:59+01:00", True),
        ("Mon-Fri 08:00-18:00", "2026-11-30T18:00+01:00", False),
        ("Mon-Fri 08:00-18:00", "2026-12-05T09:00+01:00", False),
        ("Mon-Fri 08:00-18:00", "2026-11-30T07:30+00:00", True),
        ("Sat 09:00-12:30", "2026-12-05T12:29+01:00", True),
        ("08:00-18:00", "2026-12-06T08:00+01:00", True),
        ("Fri-Mon 08:00-18:00", "2026-12-06T08:00+01:00", True),
        ("Fri-Mon 08:00-18:00", "2026-12-01T08:00+01:00", False),
        ("00:00-24:00", "2026-12-06T23:59:59+01:00", True),
        ("Mon 00:00-24:00", "2026-12-01T00:00+01:00", False),
        # over midnight: the night belongs to the day on which it begins
        ("Fri 22:00-06:00", "2026-12-04T21:59+01:00", False),
        ("Fri 22:00-06:00", "2026-12-04T23:00+01:00", True),
        ("Fri 22:00-06:00", "2026-12-05T05:59+01:00", True),
        ("Fri 22:00-06:00", "2026-12-05T06:00+01:00", False),
        ("Fri 22:00-06:00", "2026-12-04T05:00+01:00", False),
        ("Sun 22:00-06:00", "2026-11-30T05:59+01:00", True),
        ("Sun 22:00-06:00", "2026-11-30T06:00+01:00", False),
        # 2026-03-29: 02:00 is 03:00, and what lies between never comes
        ("Sun 02:00-03:00", "2026-03-29T00:59:59+00:00", False),
        ("Sun 02:00-03:00", "2026-03-29T01:00+00:00", False),
        ("Sun 01:00-03:01", "2026-03-29T01:00+00:00", True),
        # 2026-10-25: 03:00 is 02:00 once more, and 02:30 comes twice
        ("Sun 02:00-03:00", "2026-10-25T00:30+00:00", True),
        ("Sun 02:00-03:00", "2026-10-25T01:30+00:00", True),
        ("Sun 02:00-03:00", "2026-10-25T02:00+00:00", False),
    ],
)
def test_what_belongs_to_it(text, instant, expected):
    assert Hours.of((text,), "Europe/Berlin").include(at(instant)) is expected


def test_of_several_any_will_do():
    hours = Hours.of(("Mon-Fri 08:00-18:00", "Sat 09:00-12:00"), "Europe/Berlin")

    assert hours.include(at("2026-12-05T09:00+01:00"))
    assert not hours.include(at("2026-12-05T12:00+01:00"))
    assert str(hours) == "Mon-Fri 08:00-18:00 or Sat 09:00-12:00 Europe/Berlin"


@pytest.mark.parametrize(
    "text",
    [
        *("", "Mon", "always", "Mon-Fri", "Mon-Fri 8-18", "Mon-Fri 8:00-18:00", "mon 08:00-18:00"),
        *("Mon-Fri 08:00-18:60", "Mon 25:00-26:00", "Mon 08:00-24:01", "Mon 24:00-08:00", "Mon 08:00-08:00"),
        *("Mon,Tue 08:00-09:00", "Mon  08:00-09:00", "Mon 08:00 - 09:00", "Mon 08:00-09:00 "),
        *("Abc 08:00-09:00", "Mon-Xyz 08:00-09:00", "Mon 0\u0668:00-09:00", "Mon 08:00-09:00\n"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(BadHours):
        read_hours(text)


@given(
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, DAY - 1),
    st.integers(1, DAY),
    st.integers(0, 7 * DAY - 1),
)
def test_each_minute_is_counted_out(first, last, begin, end, minute):
    """Against a set of all minutes of the week."""
    if begin == end:
        return
    text = f"{DAYS[first]}-{DAYS[last]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    length = end - begin if end > begin else end - begin + DAY
    days = [(first + number) % 7 for number in range((last - first) % 7 + 1)]
    those = {(day * DAY + begin + more) % (7 * DAY) for day in days for more in range(length)}
    monday = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
    instant = datetime.fromtimestamp(monday + minute * 60, UTC)

    assert Hours.of((text,), "UTC").include(instant) is (minute in those)
