"""Cookies that a server sets: RFC 6265, and what servers write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.set_cookie import SetCookie, cookies_set, read_set_cookie

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "cookie"),
    [
        ("SID=abc", SetCookie("SID", "abc", None)),
        ("SID=a=b==; Path=/; HttpOnly", SetCookie("SID", "a=b==", None)),
        (' SID = "a b" ;Secure', SetCookie("SID", '"a b"', None)),
        ("SID=abc; Max-Age=1800", SetCookie("SID", "abc", 1800.0)),
        ("SID=abc; max-age=60; Expires=Tue, 14 Nov 2023 22:13:30 GMT", SetCookie("SID", "abc", 60.0)),
        ("SID=abc; Expires=Tue, 14 Nov 2023 22:13:30 GMT", SetCookie("SID", "abc", 10.0)),
        ("SID=abc; Expires=Tue, 14-Nov-2023 22:13:30 GMT", SetCookie("SID", "abc", 10.0)),
        ("SID=abc; Max-Age=soon; Expires=never", SetCookie("SID", "abc", None)),
        ("SID=", SetCookie("SID", "", None)),
        ("SID", None),
        ("=abc", None),
        ("", None),
    ],
)
def test_a_cookie_is_read(text: str, cookie: SetCookie | None):
    assert read_set_cookie(text, NOW_S) == cookie


@pytest.mark.parametrize(
    "removal",
    ["SID=; Path=/", "SID=x; Max-Age=0", "SID=x; Max-Age=-1", "SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
)
def test_the_last_cookie_of_a_name_counts_and_a_removal_too(removal: str):
    assert cookies_set(["SID=1", "SID=2", "X=3"], NOW_S)["SID"].value == "2"
    assert list(cookies_set(["SID=1", removal, "X=3"], NOW_S)) == ["X"]
    assert cookies_set([removal, "SID=1"], NOW_S)["SID"].value == "1"


def test_a_value_is_not_in_the_repr():
    assert "geheim" not in repr(read_set_cookie("SID=geheim", NOW_S))


@given(st.lists(st.text(), max_size=3), st.floats(allow_nan=False, allow_infinity=False))
def test_every_text_is_a_cookie_or_nothing(texts: list[str], now_s: float):
    assert all(cookie.name for cookie in cookies_set(texts, now_s).values())
