"""What a proof says, and what servers say about it. RFC 9449."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.dpop import MAX_NONCE_BYTES, nonce_of_text, usable_nonce, without_query
from gateway.core.http.dpop_nonce import nonce_of_head, upstream_wants_nonce, without_nonce
from gateway.core.oauth.dpop_proof import endpoint_wants_nonce, proof_claims, token_hash

WALL_S = 1_562_262_618.9
WANTED = b'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"'


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


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


def test_the_hash_of_a_token_is_that_of_the_rfc():
    """Section 7.1, figures 12 and 13."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@given(st.text(string.printable))
def test_a_hash_stands_in_base64url_without_padding(token):
    assert set(token_hash(token)) <= set(string.ascii_letters + string.digits + "-_")
    assert len(token_hash(token)) == 43


# ── nonces ────────────────────────────────────────────────────────────────────────────────────────

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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        ([b"Server: x", b"DPoP-Nonce: n1", b"X-A: 1"], "n1"),
        ([b"dpop-nonce: n1"], "n1"),
        ([b"DPOP-NONCE:n1"], "n1"),
        ([b"DPoP-Nonce: n1 \t"], "n1"),
        ([b"DPoP-Nonce:"], ""),
        ([b"DPoP-Nonce: n1, n2"], ""),
        ([b"DPoP-Nonce: n1", b"DPoP-Nonce: n2"], "n1"),
        ([b"DPoP-Nonce: a b", b"DPoP-Nonce: n2"], "n2"),
        ([b"X-DPoP-Nonce: n1", b"DPoP-Nonces: n2", b"DPoP_Nonce: n3"], ""),
    ],
)
def test_the_nonce_of_an_answer_is_found_in_its_head(lines, expected):
    assert nonce_of_head(lines) == expected


def test_a_nonce_is_taken_out_of_the_head_and_the_rest_stays_in_its_order():
    lines = [b"X-A: 1", b"dpop-nonce: a b", b"X-B: 2", b"DPoP-Nonce:n", b"DPoP-Nonces: 3"]

    assert without_nonce(lines) == [b"X-A: 1", b"X-B: 2", b"DPoP-Nonces: 3"]


# ── who asks for one ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "challenges", "expected"),
    [
        (401, [WANTED], True),
        (401, [b"dpop error=use_dpop_nonce"], True),
        (401, [b'Bearer realm="x"', WANTED], True),
        (401, [b'Bearer, DPoP algs="ES256 PS256", error="use_dpop_nonce"'], True),
        (400, [WANTED], False),
        (403, [WANTED], False),
        (200, [WANTED], False),
        (401, [], False),
        (401, [b"DPoP"], False),
        (401, [b'DPoP error="invalid_token"'], False),
        (401, [b'DPoP error="invalid_dpop_proof"'], False),
        (401, [b'Bearer error="use_dpop_nonce"'], False),
        (401, [b'Basic realm="DPoP error=use_dpop_nonce"'], False),
    ],
)
def test_an_upstream_asks_for_a_nonce_by_a_challenge_for_proofs(status, challenges, expected):
    assert upstream_wants_nonce(status, challenges) is expected


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
