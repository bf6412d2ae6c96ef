"""A DPoP proof against its request, before the signature."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import proof as p
from gateway.core.access.finding import Bad
from gateway.core.access.proof import UnverifiedProof, normal_url, read_proof, thumbprint_of, url_of
from gateway.core.http.outbound import CallerFields
from tests.core.samples import head_of

NOW = 1_000_000.0
TOKEN = b"abc"
KEY = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}
CALLER = CallerFields(b"192.0.2.1", b"https", is_trusted=False)
CLAIMS = {
    "jti": "1",
    "htm": "GET",
    "htu": "https://a.test/orders",
    "iat": NOW,
    "ath": urlsafe_b64encode(sha256(TOKEN).digest()).rstrip(b"=").decode(),
}
HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY}


def part(value):
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def proof(header=None, claims=None, *, without=(), signature="c2ln"):
    said = {name: value for name, value in (CLAIMS | (claims or {})).items() if name not in without}
    return f"{part(HEADER | (header or {}))}.{part(said)}.{signature}"


def read(text, *fields, caller=CALLER, thumbprint=None):
    given = () if text is None else (f"DPoP: {text}",)
    head = head_of(*given, *fields, target="/orders?a=b")
    return read_proof(head, caller, TOKEN, thumbprint or thumbprint_of(KEY), NOW)


def test_a_proof_that_fits_is_taken_apart():
    text = proof()
    found = read(text)

    assert found == UnverifiedProof("ES256", KEY, "1", text.rpartition(".")[0].encode(), b"sig")


REFUSED = {
    "none": (None, p.MISSING),
    "two": (f"{proof()}, {proof()}", p.SEVERAL),
    "no JWT": ("abc", p.NO_PROOF),
    "no signature": (proof(signature=""), p.NO_PROOF),
    "too long": (proof(claims={"pad": "x" * 5000}), p.NO_PROOF),
    "another type": (proof({"typ": "JWT"}), p.NO_PROOF),
    "none as algorithm": (proof({"alg": "none"}), p.NO_PROOF),
    "a shared secret": (proof({"alg": "HS256"}), p.NO_PROOF),
    "crit": (proof({"crit": ["b64"]}), p.NO_PROOF),
    "no key": (proof({"jwk": None}), p.NO_KEY),
    "a private key": (proof({"jwk": KEY | {"d": "ZA"}}), p.NO_KEY),
    "another key": (proof({"jwk": KEY | {"x": "eg"}}), p.OTHER_KEY),
    "a key without a thumbprint": (proof({"jwk": {"kty": "oct"}}), p.OTHER_KEY),
    "another method": (proof(claims={"htm": "POST"}), p.OTHER_REQUEST),
    "a method in lower case": (proof(claims={"htm": "get"}), p.OTHER_REQUEST),
    "another path": (proof(claims={"htu": "https://a.test/order"}), p.OTHER_REQUEST),
    "another host": (proof(claims={"htu": "https://b.test/orders"}), p.OTHER_REQUEST),
    "another scheme": (proof(claims={"htu": "http://a.test/orders"}), p.OTHER_REQUEST),
    "no URL": (proof(without=("htu",)), p.OTHER_REQUEST),
    "another token": (proof(claims={"ath": "YWJj"}), p.OTHER_TOKEN),
    "no token": (proof(without=("ath",)), p.OTHER_TOKEN),
    "too old": (proof(claims={"iat": NOW - 61}), p.OTHER_TIME),
    "from the future": (proof(claims={"iat": NOW + 31}), p.OTHER_TIME),
    "no time": (proof(without=("iat",)), p.OTHER_TIME),
    "a time that is no number": (proof(claims={"iat": "now"}), p.OTHER_TIME),
    "no jti": (proof(without=("jti",)), p.NO_ID),
    "a long jti": (proof(claims={"jti": "x" * 257}), p.NO_ID),
}


@pytest.mark.parametrize(("text", "bad"), REFUSED.values(), ids=REFUSED)
def test_everything_else_proves_nothing(text, bad):
    assert read(text) is bad
    assert bad.needs_proof


@pytest.mark.parametrize("iat", [NOW - 60, NOW, NOW + 30])
def test_the_window_has_its_ends(iat):
    assert isinstance(read(proof(claims={"iat": iat})), UnverifiedProof)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("HTTPS://A.test:443/x?q#f", "https://a.test/x"),
        ("http://a.test:80", "http://a.test/"),
        ("http://a.test:443/", "http://a.test:443/"),
        ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"),
        ("https://[2001:db8::1]/X", "https://[2001:db8::1]/X"),
    ],
)
def test_urls_are_compared_in_one_form(url, form):
    assert normal_url(url) == form


def test_the_url_is_that_which_the_caller_sees():
    fields = ("X-Forwarded-Proto: https", "X-Forwarded-Host: public.test")
    head = head_of(*fields, target="/orders?a=b", host="inner.test:8080")
    proxy = CallerFields(b"10.0.0.1", b"http", is_trusted=True)

    assert url_of(head, proxy) == "https://public.test/orders"
    assert url_of(head, replace(proxy, is_trusted=False)) == "http://inner.test:8080/orders"


def test_a_thumbprint_is_that_of_rfc_7638():
    key = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi"
            "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb"
            "9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls"
            "1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    shown = urlsafe_b64encode(thumbprint_of(key)).rstrip(b"=")

    assert shown == b"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(content):
    text = content.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"").strip()
    if text:
        head = head_of(b"DPoP: " + text)

        assert isinstance(read_proof(head, CALLER, TOKEN, b"", NOW), Bad)
