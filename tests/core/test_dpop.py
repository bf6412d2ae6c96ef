"""The syntax of a nonce, and of the URL in a proof. RFC 9449."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.dpop import MAX_NONCE_BYTES, nonce_of_text, usable_nonce, without_query


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test/b", "https://a.test/b"),
        ("https://a.test/b?", "https://a.test/b"),
        ("https://a.test/b?c=d?e", "https://a.test/b"),
        ("https://a.test/b#c?d", "https://a.test/b"),
        ("https://a.test/b?c#d", "https://a.test/b"),
        ("https://a.test", "https://a.test"),
        ("https://a.test/%3F%23", "https://a.test/%3F%23"),
        ("", ""),
    ],
)
def test_query_and_fragment_stay_out(url, expected):
    assert without_query(url) == expected


NONCES = [
    (b"eyJ7S_zG.eyJH0-Z.HX4w-7v", "eyJ7S_zG.eyJH0-Z.HX4w-7v"),
    (b"!#[]~", "!#[]~"),
    (b"x" * MAX_NONCE_BYTES, "x" * MAX_NONCE_BYTES),
    (b"x" * (MAX_NONCE_BYTES + 1), ""),
    (b"", ""),
    (b"a b", ""),
    (b'a"b', ""),
    (b"a\\b", ""),
    (b"a\tb", ""),
    (b"a\x7f", ""),
    (b"a\x00", ""),
    (b"caf\xe9", ""),
    ("café".encode(), ""),
]


@pytest.mark.parametrize(("value", "expected"), NONCES)
def test_a_nonce_has_the_syntax_of_section_8_1_or_is_ignored(value, expected):
    assert usable_nonce(value) == expected
    assert nonce_of_text(value.decode("latin-1")) == expected
    assert nonce_of_text(value.decode("utf-8", "surrogateescape")) == expected


@given(st.binary())
def test_any_value_is_a_nonce_as_it_came_or_none(value):
    assert usable_nonce(value) in ("", value.decode("latin-1"))


@given(st.text(st.characters()))
def test_any_text_is_a_nonce_as_it_came_or_none(value):
    assert nonce_of_text(value) in ("", value)
