"""What a proof says, and when a token endpoint asks for another. RFC 9449."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.dpop_proof import endpoint_wants_nonce, proof_claims, token_hash

WALL_S = 1_562_262_618.9


def test_a_proof_names_method_url_and_instant():
    """The payload of the RFC's figure 3, whose seconds are whole."""
    assert proof_claims("POST", "https://server.example.com/token", "-BwC3ESc6acc2lTc", WALL_S) == {
        "jti": "-BwC3ESc6acc2lTc",
        "htm": "POST",
        "htu": "https://server.example.com/token",
        "iat": 1562262618,
    }


@pytest.mark.parametrize(
    ("optional", "expected"),
    [
        ({"nonce": "n", "ath": "h"}, {"nonce": "n", "ath": "h"}),
        ({"nonce": "n"}, {"nonce": "n"}),
        ({"ath": "h"}, {"ath": "h"}),
    ],
)
def test_a_proof_names_token_and_nonce_where_there_are_any(optional, expected):
    claims = proof_claims("GET", "https://a.test/b?c#d", "j", WALL_S, **optional)

    assert claims == {"jti": "j", "htm": "GET", "htu": "https://a.test/b", "iat": 1562262618, **expected}


def test_the_hash_of_a_token_is_that_of_the_rfc():
    """Section 7.1, figures 12 and 13."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@given(st.text(string.printable))
def test_a_hash_stands_in_base64url_without_padding(token):
    assert set(token_hash(token)) <= set(string.ascii_letters + string.digits + "-_")
    assert len(token_hash(token)) == 43


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "use_dpop_nonce", True),
        (401, "use_dpop_nonce", True),
        (200, "use_dpop_nonce", False),
        (403, "use_dpop_nonce", False),
        (500, "use_dpop_nonce", False),
        (400, "invalid_dpop_proof", False),
        (400, "USE_DPOP_NONCE", False),
        (400, "", False),
    ],
)
def test_a_token_endpoint_asks_for_a_nonce_by_its_error(status, error, expected):
    assert endpoint_wants_nonce(status, error) is expected
