"""Nonces in an upstream's answer. RFC 9449 sections 8.2 and 9."""

import pytest

from gateway.core.http.dpop_nonce import nonce_of_head, upstream_wants_nonce, without_nonce

WANTED = b'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"'


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
