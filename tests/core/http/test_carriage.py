"""A credential, rendered for where it goes."""

from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.carriage import CannotCarry, Echoes, rendered
from gateway.core.settings.carriers import InCookie, InHeader, InQuery
from gateway.core.token import Token

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def credential(**parts):
    return Token(b"Bearer abc", 0.0, 1.0, 1, "", parts=(("token", "abc"), *parts.items()))


@pytest.mark.parametrize(
    ("carriers", "lines", "cookies", "query"),
    [
        ([InHeader("X-Auth-Token")], b"X-Auth-Token: abc", b"", b""),
        ([InHeader("Authorization", "OAuth ")], b"Authorization: OAuth abc", b"", b""),
        ([InHeader("Authorization", None)], b"Authorization: Bearer abc", b"", b""),
        ([InCookie("SESSION")], b"", b"SESSION=abc", b""),
        ([InQuery("access token")], b"", b"", b"access%20token=abc"),
        (
            [InCookie("S"), InHeader("X-CSRF-Token", part="csrf"), InCookie("T", "csrf"), InHeader("A")],
            b"X-CSRF-Token: d=/+\r\nA: abc",
            b"S=abc; T=d=/+",
            b"",
        ),
        ([InQuery("a", "csrf"), InQuery("b")], b"", b"", b"a=d%3D%2F%2B&b=abc"),
    ],
)
def test_each_part_goes_where_it_should(carriers, lines, cookies, query):
    made = rendered(carriers, credential(csrf="d=/+"))
    assert (made.lines, made.cookies, made.query) == (lines, cookies, query)
    assert "abc" not in repr(made)


@pytest.mark.parametrize(
    ("carrier", "value", "why"),
    [
        (InHeader("X", part="other"), "x", "no part other"),
        (InHeader("X", part="csrf"), "a\r\nX-Evil: 1", "not printable"),
        (InHeader("X", part="csrf"), "", "empty"),
        (InHeader("X", part="csrf"), " a", "begins or ends with a space"),
        (InHeader("X", part="csrf"), "\xe9", "not printable ASCII"),
        (InCookie("S", "csrf"), "a; B=1", "semicolon"),
        (InCookie("S", "csrf"), "a\x00", "not printable"),
        (InQuery("q", "csrf"), "\ud800", "not printable"),
    ],
)
def test_what_cannot_stand_there_is_not_sent(carrier, value, why):
    with pytest.raises(CannotCarry, match=why):
        rendered([carrier], credential(csrf=value))


@given(VISIBLE)
def test_a_query_parameter_is_read_as_it_was(value):
    made = rendered([InQuery("t", "p")], credential(p=value))
    assert parse_qsl(made.query.decode(), keep_blank_values=True) == [("t", value)]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (b"Location: /a?access_token=s3cr3t", b"Location: /a"),
        (b"Location: /a?access_token=s3cr3t&b=1", b"Location: /a?b=1"),
        (b"Location: /a?b=1&access_token=s3cr3t#top", b"Location: /a?b=1#top"),
        (b"Location: /a?access_token=1&access_token=2", b"Location: /a"),
        (b"Location: /a?access_token=1&access_token=2&c", b"Location: /a?c"),
        (b"Link: </a?page=2&access_token=s3cr3t>; rel=next", b"Link: </a?page=2>; rel=next"),
        (
            b"Location: /login?next=%2Fa%3Faccess_token%3Ds3cr3t",
            b"Location: /login?next=%2Fa%3Faccess_token%3D****",
        ),
        (b"X-Debug: s3cr3t, s3cr3t", b"X-Debug: ****, ****"),
        (b"X-Other: access_tokens=1", b"X-Other: access_tokens=1"),
    ],
)
def test_a_response_tells_nothing_of_the_query(line, left):
    echoes = rendered([InQuery("access_token", "p")], credential(p="s3cr3t")).echoes
    assert Echoes(["access_token"]).cut_out(line, echoes) == left


@given(VISIBLE.filter(lambda text: len(text) >= 4), st.integers(0, 2), st.booleans())
def test_a_value_shows_in_no_spelling(value, times, is_lower):
    made = rendered([InQuery("t", "p")], credential(p=value))
    shown = value
    for _ in range(times):
        shown = rendered([InQuery("t", "p")], credential(p=shown)).query.decode().removeprefix("t=")
    line = Echoes(["t"]).cut_out(f"X: {shown}".encode(), made.echoes)
    assert value not in unquote(unquote(line.decode())) or value in "X: ****"
