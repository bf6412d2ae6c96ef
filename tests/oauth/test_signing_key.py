"""Keys that sign, apart from what is signed with them."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms

from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import SigningAlgorithm
from gateway.oauth.signing_key import (
    MIN_RSA_BITS,
    CredentialUnusable,
    SigningKey,
    encoded,
    encoded_json,
    read_private_key,
    read_secret_key,
)
from tests.oauth.keys import FITTING, PAIRS, jwk, key, pem, public_pem

SYMMETRIC = tuple(each for each in SigningAlgorithm if each.is_symmetric)
SIGNATURE_BYTES = {"ES256": 64, "ES384": 96, "ES512": 132}


def read(text: str) -> SigningKey:
    return read_private_key(Secret(text))


# ── what a key may sign with ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("write", [pem, jwk])
@pytest.mark.parametrize("kind", FITTING)
def test_a_key_fits_its_algorithms_and_takes_the_usual_one(kind: str, write):
    signing = read(write(kind))
    assert tuple(each.value for each in signing.fitting) == FITTING[kind]
    assert signing.algorithm(None).value == FITTING[kind][0]


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("algorithm", SigningAlgorithm)
def test_an_algorithm_that_does_not_fit_is_refused_with_those_that_do(kind: str, algorithm: SigningAlgorithm):
    signing = read(pem(kind))
    if algorithm.value in FITTING[kind]:
        assert signing.algorithm(algorithm) is algorithm
        return
    with pytest.raises(CredentialUnusable) as caught:
        signing.algorithm(algorithm)
    assert all(each in str(caught.value) for each in (algorithm.value, *FITTING[kind]))


@pytest.mark.parametrize(("kind", "algorithm"), PAIRS)
def test_a_jwk_that_names_its_algorithm_is_kept_to_it(kind: str, algorithm: SigningAlgorithm):
    assert read(jwk(kind, alg=algorithm.value)).fitting == (algorithm,)
    with pytest.raises(CredentialUnusable, match="`alg`"):
        read(jwk(kind, alg="HS256"))


@pytest.mark.parametrize(("key_id", "expected"), [("2026-a", "2026-a"), (7, None), (None, None)])
def test_the_id_of_a_jwk_is_its_kid_where_that_is_text(key_id: object, expected: str | None):
    assert read(jwk("p256", kid=key_id)).key_id == expected
    assert read(pem("p256")).key_id is None


# ── what is no key to sign with ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", SYMMETRIC)
def test_a_secret_is_long_enough_from_the_size_of_the_hash_on(algorithm: SigningAlgorithm):
    least = int(algorithm.value[2:]) // 8
    assert read_secret_key(Secret("x" * least), algorithm).fitting == (algorithm,)
    with pytest.raises(CredentialUnusable, match=f"the {least} bytes of {algorithm.value}"):
        read_secret_key(Secret("x" * (least - 1)), algorithm)


def test_bytes_of_a_secret_count_not_characters():
    assert read_secret_key(Secret("é" * 16), SigningAlgorithm.HS256).key == ("é" * 16).encode()


@pytest.mark.parametrize("bits", [MIN_RSA_BITS - 8, MIN_RSA_BITS])
def test_rsa_keys_have_so_many_bits_at_least(bits: int):
    members = json.loads(jwk("rsa"))
    if bits < MIN_RSA_BITS:
        numbers = rsa.generate_private_key(65537, bits).private_numbers()
        names = {"n": numbers.public_numbers.n, "e": 65537, "d": numbers.d}
        members = {"kty": "RSA"} | {
            name: encoded(each.to_bytes((each.bit_length() + 7) // 8, "big")) for name, each in names.items()
        }
        with pytest.raises(CredentialUnusable, match=f"fewer than {MIN_RSA_BITS} bits"):
            read(json.dumps(members))
    else:
        assert read(json.dumps(members)).fitting


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda: public_pem("p256"), "neither PEM nor a JWK"),
        (lambda: jwk("p256", public=True), "public key"),
        (lambda: pem("k256"), "curve is not P-256, P-384 or P-521"),
        (lambda: pem("p256", password=b"hunter2"), "encrypted"),
        (lambda: jwk("p256", use="enc"), "`use` is not `sig`"),
        (lambda: jwk("p256", key_ops=["verify"]), "`key_ops` does not list `sign`"),
        (lambda: jwk("p256", key_ops="sign"), "`key_ops` does not list `sign`"),
        (lambda: "{", "not a JWK"),
        (lambda: "", "neither PEM nor a JWK"),
    ],
)
def test_what_signs_nothing_is_refused_and_told_why(text, words: str):
    with pytest.raises(CredentialUnusable, match=words) as caught:
        read(text())
    assert caught.value.key == "", "the credential's own key is at fault"


# ── signatures ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "algorithm"), PAIRS)
def test_both_ways_to_sign_give_what_the_public_half_takes(kind: str, algorithm: SigningAlgorithm):
    signing, message = read(pem(kind)), b"header.claims"
    verifier = get_default_algorithms()[algorithm.value]
    for signature in (signing.sign(message, algorithm), signing.signer(algorithm)(message)):
        assert verifier.verify(message, key(kind).public_key(), signature)
        assert not verifier.verify(message + b"x", key(kind).public_key(), signature)
        assert len(signature) == SIGNATURE_BYTES.get(algorithm.value, len(signature))


@pytest.mark.parametrize("kind", FITTING)
def test_the_public_jwk_holds_nothing_but_the_public_half(kind: str):
    shown = read(pem(kind)).public_jwk()
    known = json.loads(jwk(kind, public=True))
    assert shown == {name: known[name] for name in shown}
    assert set(shown) <= {"kty", "crv", "x", "y", "n", "e"}
    assert not read(jwk(kind)).public_jwk().keys() & {"d", "p", "q", "dp", "dq", "qi"}


@given(st.binary())
def test_nothing_is_padded_and_no_sign_needs_escaping_in_a_url(content: bytes):
    text = encoded(content)
    assert len(text) == -(-len(content) * 4 // 3)
    assert all(each.isalnum() or each in "-_" for each in text)


def test_json_is_written_without_white_space():
    assert encoded_json({"alg": "ES256", "n": [1, 2]}) == encoded(b'{"alg":"ES256","n":[1,2]}')


@pytest.mark.parametrize("kind", FITTING)
def test_a_key_is_never_shown(kind: str):
    assert repr(read(pem(kind)).key) not in repr(read(pem(kind)))
    assert "hunter2" not in repr(read_secret_key(Secret("hunter2" * 10), SigningAlgorithm.HS512))
