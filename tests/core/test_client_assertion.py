"""The claims of an assertion: RFC 7523 section 3."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.client_assertion import AssertionSettings, SigningAlgorithm, assertion_claims


def test_the_claims_are_those_of_the_rfc():
    claims = assertion_claims("me", AssertionSettings("https://as.example.com/token"), 1_700_000_000.9, "j")
    assert claims == {
        "iss": "me",
        "sub": "me",
        "aud": "https://as.example.com/token",
        "jti": "j",
        "iat": 1_700_000_000,
        "exp": 1_700_000_060,
    }


@given(st.floats(0, 4e9), st.floats(1.0, 300.0))
def test_an_assertion_lives_no_longer_than_it_should(now_s: float, lifetime_s: float):
    claims = assertion_claims("me", AssertionSettings("a", lifetime_s=lifetime_s), now_s, "j")
    assert 0 < claims["exp"] - claims["iat"] <= lifetime_s
    assert claims["iat"] <= now_s


def test_only_the_hs_family_is_symmetric():
    symmetric = {one.value for one in SigningAlgorithm if one.is_symmetric}
    assert symmetric == {"HS256", "HS384", "HS512"}


def test_an_assertion_may_speak_for_somebody_and_say_more():
    settings = AssertionSettings("a", subject="somebody", claims=(("scope", "x"),))
    claims = assertion_claims("me", settings, 0.0, "j")
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("me", "somebody", "x")
