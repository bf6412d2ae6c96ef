"""Names that a server may read as one of ours."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.lookalikes import cookie_set, cookies_without, name_key, query_has

TOKEN = frozenset({name_key("access_token")})
SESSION = frozenset({name_key("SESSION")})


@pytest.mark.parametrize(
    "query",
    [
        "?access_token=x",
        "?access_token",
        "?a=1&access_token=x",
        "?a=1;access_token=x",
        "?ACCESS_TOKEN=x",
        "?access-token=x",
        "?access.token=x",
        "?access+token=x",
        "?access%20token=x",
        "?%61ccess_token=x",
        "?%2561ccess_token=x",
        "?access%5Ftoken=x",
        "?access_token[]=x",
        "?access_token%5B%5D=x",
        "?access_token%00.png=x",
        "?+access_token=x",
        "?&&access_token=x&&",
    ],
)
def test_a_parameter_that_may_be_read_as_ours_is_found(query):
    assert query_has(query, TOKEN)


@pytest.mark.parametrize(
    "query",
    ["?", "?a=access_token", "?xaccess_token=1", "?access_tokens=1", "?accesstoken=1", "?q=a%26access_token"],
)
def test_another_parameter_is_not(query):
    assert not query_has(query, TOKEN)


def test_a_border_that_appears_only_when_decoded_is_none():
    """A server that decoded before it splits would split the values of every form in the wrong places."""
    assert not query_has("?q=1%26access_token%3Dx", TOKEN)


@given(st.text(st.characters(codec="ascii"), max_size=30), st.integers(0, 2))
def test_a_name_is_found_whatever_its_percent_encoding(before, times):
    name = "access_token"
    for _ in range(times):
        name = "".join(f"%{ord(char):02x}" for char in name)
    assert query_has(f"?{quote(before)}&{name}=1", TOKEN)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"SESSION=x", b""),
        (b"a=1; SESSION=x", b"a=1"),
        (b"SESSION=x; a=1", b"a=1"),
        (b"a=1; SESSION=x; b=2", b"a=1; b=2"),
        (b"a=1;SESSION=x;b=2", b"a=1;b=2"),
        (b"a=1, SESSION=x", b"a=1"),
        (b"session=x; Session=y; a=1", b"a=1"),
        (b"%53ESSION=x; a=1", b"a=1"),
        (b" SESSION =x; a=1", b"a=1"),
        (b"SESSION; a=1", b"a=1"),
        (b"a=1; SESSION[a]=x", b"a=1"),
        (b"a=1; SESSION=x;", b"a=1;"),
        (b"a=1;; b = 2 ;c", b"a=1;; b = 2 ;c"),
        (b'a="SESSION=1"; b', b'a="SESSION=1"; b'),
        (b"SESSIONS=1; XSESSION=2", b"SESSIONS=1; XSESSION=2"),
        (b"a=\xe9; SESSION=x", b"a=\xe9"),
    ],
)
def test_our_cookie_is_cut_out_and_no_other(value, kept):
    assert cookies_without(value, SESSION) == kept


PIECES = st.lists(
    st.sampled_from([b"a=1", b"b", b"SESSION=x", b"session=y", b"c=%3B", b'd="q"', b"SESSIONID=z"])
)


@given(PIECES, st.sampled_from([b"; ", b";", b" ; ", b","]))
def test_what_is_left_are_the_others_in_their_order(pieces, border):
    left = cookies_without(border.join(pieces), SESSION)
    others = [piece for piece in pieces if not piece.lower().startswith(b"session=")]
    assert [
        piece.strip(b" ") for piece in left.replace(b",", b";").split(b";") if piece.strip(b" ")
    ] == others


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        (b"Set-Cookie: SESSION=x; Path=/", True),
        (b"set-cookie:session=x", True),
        (b"Set-Cookie: %53ESSION=x", True),
        (b"Set-Cookie2: SESSION=x", True),
        (b"Set-Cookie: SESSION", True),
        (b"Set-Cookie: a=SESSION", False),
        (b"X-Set-Cookie: SESSION=x", False),
    ],
)
def test_who_sets_our_cookie(line, is_ours):
    assert (cookie_set(line) in SESSION) is is_ours
