"""``Date`` and ``Retry-After``, written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.text.http_time import MAX_RETRY_AFTER_S, HttpDate, read_http_date, read_retry_after

NOW_S = 1_700_000_000.0
NOW = "Tue, 14 Nov 2023 22:13:20 GMT"
FAR_S = 253_402_300_799  # the last second of the year 9999, beyond which the form has no year


@pytest.mark.parametrize(
    ("wall_s", "written"),
    [
        (0.0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777.0, b"Sun, 06 Nov 1994 08:49:37 GMT"),  # the example of RFC 9110 section 5.6.7
        (NOW_S, NOW.encode()),
        (NOW_S + 0.999_999, NOW.encode()),
        (NOW_S + 1.0, b"Tue, 14 Nov 2023 22:13:21 GMT"),
    ],
)
def test_an_instant_is_written_in_the_preferred_form(wall_s, written):
    assert written == HttpDate().at(wall_s)


def test_a_second_is_written_once_and_the_next_anew():
    date = HttpDate()
    first, same = date.at(NOW_S), date.at(NOW_S + 0.9)

    assert first is same
    assert date.at(NOW_S + 1) == b"Tue, 14 Nov 2023 22:13:21 GMT"
    assert date.at(NOW_S) == NOW.encode(), "the clock was put back"


@given(st.lists(st.integers(0, FAR_S) | st.floats(0, FAR_S)))
def test_what_is_written_is_read_back(instants):
    date = HttpDate()

    assert [read_http_date(date.at(instant).decode()) for instant in instants] == [*map(int, instants)]


@pytest.mark.parametrize(
    "text", [NOW, "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023", "Tue, 14 Nov 2023 22:13:20"]
)
def test_every_form_of_a_date_is_read(text):
    assert read_http_date(text) == NOW_S


@pytest.mark.parametrize("text", ["", "soon", "Tue, 14 Nov", "x" * 100, NOW + " " * 64, "\udc80"])
def test_what_is_no_date_is_none(text):
    assert read_http_date(text) is None


@pytest.mark.parametrize(
    ("text", "after_s"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("300", MAX_RETRY_AFTER_S),
        ("301", MAX_RETRY_AFTER_S),
        ("9" * 5000, MAX_RETRY_AFTER_S),
        (NOW, 0.0),
        ("Tue, 14 Nov 2023 22:13:25 GMT", 5.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
        ("Wed, 14 Nov 2123 22:13:10 GMT", MAX_RETRY_AFTER_S),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_a_wish_for_rest_is_read_within_bounds(text, after_s):
    assert read_retry_after(text, NOW_S) == after_s
