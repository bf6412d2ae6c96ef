"""JWTs before anything in them is believed."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.finding import Bad
from gateway.core.access.jwt_token import (
    CRITICAL,
    NO_JWT,
    TOO_LONG,
    WRONG_ALGORITHM,
    WRONG_TYPE,
    UnverifiedToken,
    decoded,
    issuer_of,
    read_token,
)
from gateway.core.settings.access_settings import JWT_ALGORITHMS

CLAIMS = {"iss": "https://as.test", "aud": "us"}


def part(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(text).rstrip(b"=")


def token(header, claims=CLAIMS, signature=b"signature"):
    return b".".join((part(header), part(claims), part(signature)))


GOOD = {"alg": "RS256", "typ": "at+jwt", "kid": "k1"}


def read(text, *, takes_any_type=False):
    return read_token(text, JWT_ALGORITHMS, takes_any_type=takes_any_type)


def test_a_token_is_taken_apart_without_being_believed():
    text = token(GOOD)
    assert read(text) == UnverifiedToken("RS256", "k1", CLAIMS, text.rpartition(b".")[0], b"signature")


REFUSED = {
    "none": (token(GOOD | {"alg": "none"}), WRONG_ALGORITHM),
    "None in capitals": (token(GOOD | {"alg": "NONE"}), WRONG_ALGORITHM),
    "a shared secret": (token(GOOD | {"alg": "HS256"}), WRONG_ALGORITHM),
    "no algorithm": (token({"typ": "at+jwt"}), WRONG_ALGORITHM),
    "an algorithm that is no text": (token(GOOD | {"alg": ["RS256"]}), WRONG_ALGORITHM),
    "crit": (token(GOOD | {"crit": ["exp"]}), CRITICAL),
    "an empty crit": (token(GOOD | {"crit": []}), CRITICAL),
    "b64": (token(GOOD | {"b64": False}), CRITICAL),
    "no type": (token({"alg": "RS256"}), WRONG_TYPE),
    "a plain JWT": (token(GOOD | {"typ": "JWT"}), WRONG_TYPE),
    "another type": (token(GOOD | {"typ": "dpop+jwt"}), WRONG_TYPE),
    "a type that is no text": (token(GOOD | {"typ": 1}), WRONG_TYPE),
    "a key id that is no text": (token(GOOD | {"kid": 1}), NO_JWT),
    "a long key id": (token(GOOD | {"kid": "k" * 300}), NO_JWT),
    "opaque": (b"2YotnFZFEjr1zCsicMWpAA", NO_JWT),
    "empty": (b"", NO_JWT),
    "no signature": (token(GOOD).rpartition(b".")[0] + b".", NO_JWT),
    "two parts": (token(GOOD).rpartition(b".")[0], NO_JWT),
    "encrypted": (b".".join([part(GOOD)] * 5), NO_JWT),
    "padded": (token(GOOD) + b"=", NO_JWT),
    "a header that is no object": (token([1]), NO_JWT),
    "claims that are no object": (token(GOOD, b"[1]"), NO_JWT),
    "claims that are no JSON": (token(GOOD, b"{"), NO_JWT),
    "a claim twice": (token(GOOD, b'{"iss": "a", "iss": "b"}'), NO_JWT),
    "64 KiB": (token(GOOD, {"iss": "x" * 64 * 1024}), TOO_LONG),
    "deep": (token(GOOD, b'{"a":' * 1000 + b"1" + b"}" * 1000), NO_JWT),
}


@pytest.mark.parametrize(("text", "found"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_access_token_is_refused(text, found):
    if found is NO_JWT and text.startswith(part(GOOD)) and b"eyJhIjp7" in text:
        assert isinstance(read(text), Bad | UnverifiedToken)  # as deep as the interpreter can follow
        return
    assert read(text) is found


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"])
def test_any_type_of_token_is_taken_where_the_way_says_so(kind):
    assert isinstance(read(token(GOOD | {"typ": kind}), takes_any_type=True), UnverifiedToken)


def test_what_a_header_says_of_keys_is_not_read():
    tricked = GOOD | {
        "jku": "https://evil.test",
        "jwk": {"kty": "RSA"},
        "x5u": "https://evil.test",
        "x5c": ["a"],
    }

    assert read(token(tricked)) == UnverifiedToken(
        "RS256", "k1", CLAIMS, token(tricked).rpartition(b".")[0], b"signature"
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_a_token_or_a_reason(data):
    assert isinstance(read(data), Bad | UnverifiedToken)
    assert isinstance(issuer_of(data), str | None)


@given(st.binary(max_size=40))
def test_base64url_has_one_form(content):
    text = part(content)
    assert decoded(text) == content
    for last in b"ABCDEFGH-_xyz019":
        other = text[:-1] + bytes([last])
        assert other == text or decoded(other) != content


@pytest.mark.parametrize("text", [b"a", b"a=", b"ab==", b"a+b/", b"a b", b"a\n"])
def test_other_alphabets_are_refused(text):
    assert decoded(text) is None


def test_the_issuer_only_chooses_who_is_to_verify():
    assert issuer_of(token(GOOD)) == "https://as.test"
    assert issuer_of(token(GOOD, {"iss": 1})) is None
    assert issuer_of(b"opaque") is None
