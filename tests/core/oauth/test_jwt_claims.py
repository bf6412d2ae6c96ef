"""The claims of a token that happens to be a JWT: hints, never more."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.jwt_claims import claimed_left_s, read_claims

NOW_S = 1_700_000_000.0


def part(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def token(**claims: object) -> str:
    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


@pytest.mark.parametrize("claims", [{}, {"sub": "ü"}, {"exp": 1, "a": [1, {"b": None}]}, {"pad": "x" * 7}])
def test_claims_are_read_whatever_their_padding(claims: dict[str, object]):
    assert read_claims(token(**claims)) == claims


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        f"a.{part([1])}.c",
        f"a.{part('x')}.c",
        f"a.{part({})}.c.d.e",
        "..",
        "a.é.c",
        f"a.{urlsafe_b64encode(b'{').decode()}.c",
    ],
)
def test_what_is_no_signed_jwt_has_no_claims(text: str):
    assert read_claims(text) is None


@pytest.mark.parametrize(
    ("claims", "left_s"),
    [
        ({"exp": NOW_S + 60}, 60.0),
        ({"exp": NOW_S - 60}, -60.0),
        ({"exp": NOW_S + 60, "iat": NOW_S - 300}, 60.0),
        ({"exp": NOW_S + 60, "iat": NOW_S + 20}, 40.0),
        ({"exp": NOW_S + 60, "iat": "x"}, 60.0),
        ({"iat": NOW_S}, None),
        ({"exp": str(NOW_S)}, None),
        ({"exp": True}, None),
        ({"exp": None}, None),
    ],
)
def test_what_is_left_is_counted_from_the_servers_clock_but_not_from_before_its_making(
    claims: dict[str, object], left_s: float | None
):
    assert claimed_left_s(token(**claims), NOW_S) == left_s


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_token_yields_a_number_or_nothing(text: str, now_s: float):
    assert isinstance(claimed_left_s(text, now_s), float | None)
