"""What a JWT about a caller states, and for how long it holds."""

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access_errors import CallerNotAllowed
from gateway.core.caller import Caller, WayName
from gateway.core.settings.identity_jwt import LONGEST, OWN_CLAIMS, IdentityJwt, stated, validity, with_times

STAFF = WayName("staff")
JWT = IdentityJwt("X-Caller-Jwt", "https://gw.test", ("crm",), ("email", "groups", "scope", "none"))
NOW_S = 1_000_000.25


def caller(name="alice", scope=(), until_s=inf, **claims):
    return Caller(STAFF, name, frozenset(scope), claims, until_s)


def told(jwt=JWT, who=None):
    return json.loads(stated(jwt, who or caller()))


def test_it_states_who_calls_and_what_the_route_lists():
    who = caller(scope=("b", "a"), email="a@b.test", groups=["x", {"y": 1}], none=None, other=1)

    assert told(who=who) == {
        "iss": "https://gw.test",
        "aud": "crm",
        "sub": "alice",
        "way": "staff",
        "email": "a@b.test",
        "groups": ["x", {"y": 1}],
        "scope": "a b",
    }


def test_what_is_not_known_is_left_out():
    assert told().keys() == {"iss", "aud", "sub", "way"}


def test_several_audiences_are_a_list():
    assert told(IdentityJwt("X", "i", ("a", "b")))["aud"] == ["a", "b"]


@pytest.mark.parametrize(
    "who",
    [
        caller("x" * LONGEST),
        caller(email="\ud800"),
        caller(email=float("nan")),
        caller(email="é" * 1500),
        caller(groups=["x" * 100] * 30),
    ],
    ids=["a long name", "no Unicode", "no number", "two bytes each", "many groups"],
)
def test_what_cannot_be_told_is_refused(who):
    with pytest.raises(CallerNotAllowed, match="X-Caller-Jwt"):
        stated(JWT, who)


def test_claims_that_nest_too_deeply_are_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CallerNotAllowed):
        stated(JWT, caller(groups=deep))
    while deep:  # to free it all at once would be as deep
        deep = deep.pop()


def test_it_lives_as_long_as_was_asked_for_and_is_renewed_at_four_fifths():
    times = validity(NOW_S, JWT, caller())

    assert (times.iat, times.exp, times.from_s) == (999_995, 1_000_300, NOW_S)
    assert times.until_s == pytest.approx(1_000_240, abs=0.1)


@pytest.mark.parametrize(
    ("ends_at_s", "exp"),
    [
        (1_000_301, 1_000_300),
        (1_000_300, 1_000_300),
        (1_000_299.9, 1_000_299),
        (1_000_001, 1_000_001),
        (1_000_000.75, 1_000_000.75),
    ],
)
def test_it_never_outlives_what_is_known_of_the_caller(ends_at_s, exp):
    times = validity(NOW_S, JWT, caller(until_s=ends_at_s))

    assert times.exp == exp
    assert json.loads(with_times(b'{"a":1}', times)) == {"a": 1, "iat": 999_995, "exp": exp}


def test_one_that_cannot_be_renewed_is_used_to_its_end():
    """Else each request of the last seconds would cost a signature."""
    assert validity(NOW_S, JWT, caller(until_s=1_000_010)).until_s == 1_000_010


@given(
    st.floats(0, 4e9),
    st.floats(10, 3600),
    st.one_of(st.just(inf), st.floats(1e-6, 1e5)),
    st.text(max_size=40),
)
def test_whatever_it_is_about_it_is_json_and_valid_now(now_s, lifetime_s, left_s, name):
    jwt = IdentityJwt("X", "i", ("a",), ("scope",), lifetime_s=lifetime_s)
    who = caller(name, until_s=now_s + left_s)
    times = validity(now_s, jwt, who)
    try:
        claims = json.loads(with_times(stated(jwt, who), times))
    except CallerNotAllowed:
        assert any("\ud800" <= sign <= "\udfff" for sign in name)
        return

    assert claims["sub"] == name
    assert now_s <= claims["exp"] <= min(now_s + lifetime_s, who.expires_at_s)
    assert claims["iat"] <= now_s
    assert times.from_s <= times.until_s <= claims["exp"]


def test_no_claim_of_the_callers_takes_the_place_of_one_of_ours():
    assert {"iss", "aud", "sub", "way", "iat", "exp"} <= OWN_CLAIMS
