"""The claims of an assertion: RFC 7523 section 3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.client_assertion import Occasion, assertion_claims
from gateway.core.settings.signing_settings import AssertionSettings, SigningAlgorithm


def occasion(now_s: float) -> Occasion:
    return Occasion("https://as.example.com/token", now_s, "j")


def test_the_claims_are_those_of_the_rfc():
    claims = assertion_claims("me", AssertionSettings(None), occasion(1_700_000_000.9))
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
    claims = assertion_claims("me", AssertionSettings("a", lifetime_s=lifetime_s), occasion(now_s))
    assert 0 < claims["exp"] - claims["iat"] <= lifetime_s
    assert claims["iat"] <= now_s


def test_only_the_hs_family_is_symmetric():
    symmetric = {one.value for one in SigningAlgorithm if one.is_symmetric}
    assert symmetric == {"HS256", "HS384", "HS512"}


def test_an_assertion_may_speak_for_somebody_and_say_more():
    settings = AssertionSettings("a", subject="somebody", claims=(("scope", "x"),))
    claims = assertion_claims("me", settings, occasion(0.0))
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("me", "somebody", "x")


@pytest.mark.parametrize(("audience", "aud"), [(None, "https://as.example.com/token"), ("issuer", "issuer")])
def test_an_assertion_is_for_the_endpoint_that_is_asked_unless_the_owner_says_other(audience, aud):
    assert assertion_claims("me", AssertionSettings(audience), occasion(0.0))["aud"] == aud
