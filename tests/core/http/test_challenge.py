"""Would a new token help? RFC 9110 section 11.6.1, RFC 6750 section 3.1, and legacy services."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.challenge import MAX_FIELD_BYTES, Challenge, read_challenges, wants_new_token

CASES = [
    ([], True),
    ([b""], True),
    ([b" , ,"], True),
    ([b"Bearer"], True),
    ([b"bearer"], True),
    ([b'BEARER realm="x"'], True),
    ([b'Bearer realm="x", error="invalid_token"'], True),
    ([b'Bearer error="invalid_token", error_description="expired, sorry"'], True),
    ([b'Bearer error="token_expired"'], True),
    ([b'Bearer realm="x", error="insufficient_scope", scope="a b"'], False),
    ([b"Bearer error=insufficient_scope"], False),
    ([b'Bearer ERROR = "insufficient_scope"'], False),
    ([b'Bearer error="insufficient\\_scope"'], False),
    ([b'DPoP error="invalid_token"'], True),
    ([b'DPoP algs="ES256", error="insufficient_scope"'], False),
    ([b'DPoP error="use_dpop_nonce"'], False),
    ([b'DPoP algs="ES256", error="invalid_dpop_proof"'], False),
    ([b'Bearer realm="x"', b'DPoP error="use_dpop_nonce"'], False),
    ([b'Bearer error="use_dpop_nonce"'], True),
    ([b'DPoP algs="ES256"'], True),
    ([b"Basic"], True),
    ([b'Basic realm="x, Bearer"'], True),
    ([b'Basic realm="x", charset="UTF-8"'], True),
    ([b"Negotiate"], True),
    ([b"Negotiate YIIJvwYGKwYBBQUCoIIJszCC=="], True),
    ([b"Negotiate", b"NTLM"], True),
    ([b"Negotiate, Basic realm=x"], True),
    ([b'Token realm="api"'], True),
    ([b'Token error="insufficient_scope"'], True),
    ([b'Basic realm="x", Bearer'], True),
    ([b'Basic realm="x"', b'Bearer realm="x"'], True),
    ([b'Basic realm="x", Bearer error="insufficient_scope"'], False),
    ([b'Basic error="insufficient_scope", Bearer'], True),
    ([b'Bearer realm="a \\" error=\\"insufficient_scope"'], True),
    ([b'Bearer realm="error=insufficient_scope, Basic"'], True),
    ([b'Basic realm="never closed', b"Bearer"], True),
    ([b'error="insufficient_scope"'], True),
    ([b"\xff\xfe\x00"], True),
]


@pytest.mark.parametrize(("challenges", "expected"), CASES)
def test_the_challenges_of_a_refusal_say_whether_a_new_token_helps(challenges: list[bytes], expected: bool):
    assert wants_new_token(challenges) is expected


def test_several_challenges_in_one_field_keep_their_parameters_apart():
    value = b'Basic realm="a, b", charset=utf-8, Negotiate abc==, Bearer realm="c",error="invalid_token"'
    assert read_challenges([value]) == [
        Challenge("basic", {"realm": "a, b", "charset": "utf-8"}),
        Challenge("negotiate"),
        Challenge("bearer", {"realm": "c", "error": "invalid_token"}),
    ]


def test_what_stands_beyond_the_bound_is_not_read():
    padding = b'Basic realm="' + b"x" * MAX_FIELD_BYTES + b'", Bearer'
    assert [challenge.scheme for challenge in read_challenges([padding])] == ["basic"]


PIECES = st.sampled_from(
    [b"Bearer", b"Basic", b" ", b",", b"=", b'"', b"\\", b"error", b"insufficient_scope", b"\xe9", b"\x00"]
)


@given(st.lists(st.binary() | st.lists(PIECES, max_size=40).map(b"".join)))
def test_every_field_yields_an_answer(values: list[bytes]):
    assert wants_new_token(values) in {True, False}


@pytest.mark.parametrize("piece", [b'"', b'\\"', b'"\\', b'a="', b"a ", b",", b'",', b"\\"])
def test_a_hostile_field_is_read_in_linear_time(piece: bytes):
    """No alternative overlaps another; were one to, the largest field would take minutes here."""
    read_challenges([piece * MAX_FIELD_BYTES])
