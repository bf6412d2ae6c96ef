"""Key sets: what can be used of them, and for which algorithm."""

import json

import jwt
import pytest

from gateway.access.verification_keys import MOST_KEYS, read_keys
from tests.oauth import keys

MESSAGE = b"header.claims"


def public(kind, **members):
    return json.loads(keys.jwk(kind, public=True, **members))


def signature(kind, algorithm):
    return jwt.get_algorithm_by_name(algorithm).sign(MESSAGE, keys.key(kind))


@pytest.mark.parametrize(("kind", "algorithm"), [(kind, one.value) for kind, one in keys.PAIRS])
def test_a_key_verifies_what_its_private_half_signed(kind, algorithm):
    (key,) = read_keys({"keys": [public(kind, kid="a")]})

    assert key.key_id == "a"
    assert key.verifies(MESSAGE, signature(kind, algorithm), algorithm)
    assert not key.verifies(MESSAGE + b"x", signature(kind, algorithm), algorithm)
    assert not key.verifies(MESSAGE, b"", algorithm)


def test_a_key_of_one_algorithm_verifies_no_other():
    (key,) = read_keys({"keys": [public("rsa", alg="RS256")]})

    assert key.verifies(MESSAGE, signature("rsa", "RS256"), "RS256")
    assert not key.verifies(MESSAGE, signature("rsa", "PS256"), "PS256")


def test_a_public_key_is_no_shared_secret():
    """CVE-2022-29217 and its kin: HS256 with the text of the public key."""
    (key,) = read_keys({"keys": [public("rsa")]})

    assert not key.verifies(MESSAGE, b"anything", "HS256")


USELESS = {
    "for encryption": public("rsa", use="enc"),
    "for other operations": public("rsa", key_ops=["wrapKey"]),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0"},
    "a private key": json.loads(keys.jwk("p256")),
    "a short key": public("short rsa"),
    "an unknown type": {"kty": "PQC"},
    "an unknown curve": public("k256"),
    "no type": {},
    "half a key": {"kty": "RSA", "n": "AQAB"},
    "numbers that are none": {"kty": "EC", "crv": "P-256", "x": "!", "y": 1},
    "no object": "key",
    "a key id that is no text": public("rsa", kid=7),
}


@pytest.mark.parametrize("jwk", USELESS.values(), ids=USELESS)
def test_what_cannot_be_used_is_skipped(jwk):
    assert [key.key_id for key in read_keys({"keys": [jwk, public("ed25519", kid="good")]})] == ["good"]


@pytest.mark.parametrize("document", [None, {}, {"keys": {}}, {"keys": []}])
def test_what_is_no_set_has_no_keys(document):
    assert read_keys(document) == ()


def test_a_set_is_read_as_far_as_it_is_reasonable():
    assert (
        len(read_keys({"keys": [public("ed25519", kid=str(n)) for n in range(MOST_KEYS + 5)]})) == MOST_KEYS
    )


def test_a_key_that_changed_under_its_id_is_another_key():
    first, second = (read_keys({"keys": [public(kind, kid="a")]}) for kind in ("ed25519", "p256"))

    assert first != second
    assert first == read_keys({"keys": [public("ed25519", kid="a")]})
