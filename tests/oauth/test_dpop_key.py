"""Proofs as a server reads them: verified by pyjwt with the key of their own header. RFC 9449 section 4.3."""

import itertools
import json
import subprocess
import sys

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.oauth.dpop_key import make_dpop_key, read_dpop_key
from gateway.oauth.signing_key import CredentialUnusable
from tests.oauth.keys import FITTING, PAIRS, jwk, pem, public_pem

WALL_S = 1_700_000_000.7
URL = "https://api.example.com/users"
TOKEN = Secret("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
REQUIRED = {"RSA": {"kty", "n", "e"}, "EC": {"kty", "crv", "x", "y"}, "OKP": {"kty", "crv", "x"}}
MADE = {
    None: ("ES256", "P-256"),
    "ES256": ("ES256", "P-256"),
    "ES384": ("ES384", "P-384"),
    "ES512": ("ES512", "P-521"),
    "EdDSA": ("EdDSA", "Ed25519"),
    "RS256": ("RS256", None),
    "PS512": ("PS512", None),
}


def numbered():
    numbers = itertools.count(1)
    return lambda: f"jti-{next(numbers)}"


def read(credential, algorithm=None):
    wanted = None if algorithm is None else SigningAlgorithm(algorithm)
    return read_dpop_key(Secret(credential), DpopSettings(wanted), lambda: WALL_S, numbered())


def made(algorithm=None):
    wanted = None if algorithm is None else SigningAlgorithm(algorithm)
    return make_dpop_key(DpopSettings(wanted), lambda: WALL_S, numbered())


def verified(proof):
    """Header and claims of a proof whose signature is that of the key in its header."""
    header = jwt.get_unverified_header(proof)
    public = jwt.PyJWK(header["jwk"], header["alg"])
    return header, jwt.decode(proof, public, [header["alg"]], options={"verify_iat": False})


ANY_KEY = made()


# ── header and signature ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "algorithm"), PAIRS)
def test_every_algorithm_gives_a_proof_that_verifies(kind, algorithm):
    for text in (pem(kind), jwk(kind, kid="ours", use="sig")):
        header, claims = verified(read(text, algorithm.value).proof("GET", URL))

        assert set(header) == {"typ", "alg", "jwk"}
        assert (header["typ"], header["alg"]) == ("dpop+jwt", algorithm.value)
        assert set(header["jwk"]) == REQUIRED[header["jwk"]["kty"]], "required public members and no other"
        assert header["jwk"].items() <= json.loads(jwk(kind, public=True)).items()
        assert claims == {"jti": "jti-1", "htm": "GET", "htu": URL, "iat": 1700000000}


@pytest.mark.parametrize("kind", FITTING)
def test_where_none_is_set_the_algorithm_follows_from_the_key(kind):
    assert verified(read(pem(kind)).proof("GET", URL))[0]["alg"] == FITTING[kind][0]


@pytest.mark.parametrize(("algorithm", "expected"), MADE.items())
def test_a_key_is_made_for_the_algorithm_and_for_p_256_where_none_is_set(algorithm, expected):
    header, _ = verified(made(algorithm).proof("GET", URL))

    assert (header["alg"], header["jwk"].get("crv")) == expected


def test_two_keys_that_are_made_are_never_the_same():
    jwks = [jwt.get_unverified_header(made().proof("GET", URL))["jwk"]["x"] for _ in range(2)]

    assert jwks[0] != jwks[1]


@pytest.mark.parametrize(("kind", "size"), [("p256", 32), ("p384", 48), ("p521", 66)])
def test_coordinates_and_signatures_have_their_full_size(kind, size):
    """RFC 7518 sections 3.4 and 6.2.1: one number in 256 is shorter, and is padded."""
    prover = read(pem(kind))
    for _ in range(200 if kind == "p256" else 20):
        proof = prover.proof("GET", URL)
        assert len(jwt.utils.base64url_decode(proof.rpartition(".")[2])) == 2 * size
    members = jwt.get_unverified_header(proof)["jwk"]
    assert [len(jwt.utils.base64url_decode(members[name])) for name in ("x", "y")] == [size, size]


def test_a_short_coordinate_is_padded():
    """The private number 379 gives a point whose x begins with a zero byte (found by trying)."""
    short = derive_private_key(379, SECP256R1())
    text = short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    members = verified(read(text).proof("GET", URL))[0]["jwk"]

    assert short.public_key().public_numbers().x < 2**248
    assert len(members["x"]) == 43


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


def test_no_two_proofs_have_the_same_jti():
    prover = made()
    bound = prover.bound_to(TOKEN)
    proofs = [prover.proof("GET", URL), bound.proof("GET", URL).decode(), prover.proof("GET", URL)]

    assert [verified(proof)[1]["jti"] for proof in proofs] == ["jti-1", "jti-2", "jti-3"]


def test_a_bound_key_names_the_token_and_the_nonce_of_each_request():
    bound = made().bound_to(TOKEN)
    with_nonce = verified(bound.proof("POST", URL, "n1").decode())[1]
    without = verified(bound.proof("GET", URL).decode())[1]

    assert with_nonce == {
        "jti": "jti-1",
        "htm": "POST",
        "htu": URL,
        "iat": 1700000000,
        "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
        "nonce": "n1",
    }
    assert (without["ath"], "nonce" in without) == (token_hash(TOKEN.reveal()), False)


def test_the_token_endpoints_proof_has_a_nonce_and_no_token():
    claims = verified(made().proof("POST", "https://as.example.com/token?tenant=a#b", nonce="n"))[1]

    assert (claims["htu"], claims["nonce"], "ath" in claims) == ("https://as.example.com/token", "n", False)


@given(st.text(), st.text())
def test_any_method_and_url_make_a_proof_that_says_them(method, url):
    claims = verified(ANY_KEY.proof(method, url))[1]

    assert (claims["htm"], claims["htu"]) == (method, url.partition("#")[0].partition("?")[0])


# ── what cannot prove ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "algorithm", "words"),
    [
        ("hunter2 is no key", None, "neither PEM nor a JWK"),
        ('{"kty": "oct", "k": "aHVudGVyMg"}', None, "a public key, or of a kind"),
        ('{"kty": "oct", "k": "aHVudGVyMg"}', "HS256", "a public key, or of a kind"),
        (pem("p256"), "HS256", "HS256 does not fit the key"),
        (pem("p256"), "ES384", "ES384 does not fit the key"),
        (pem("rsa"), "ES256", "ES256 does not fit the key"),
        (jwk("p256", public=True), None, "a public key"),
        (public_pem("rsa"), None, "neither PEM nor a JWK"),
        (pem("short rsa"), None, "fewer than 2048 bits"),
        (pem("k256"), None, "not P-256, P-384 or P-521"),
        (jwk("rsa", alg="PS256"), "RS256", "RS256 does not fit the key"),
    ],
)
def test_keys_that_prove_nothing_are_refused_without_a_word_of_them(text, algorithm, words):
    with pytest.raises(CredentialUnusable, match=words) as caught:
        read(text, algorithm)
    assert "hunter2" not in str(caught.value)
    assert "aHVudGVyMg" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_no_key_is_made_for_a_shared_secret(algorithm):
    with pytest.raises(CredentialUnusable, match=f"{algorithm} signs with a shared secret"):
        made(algorithm)


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FITTING)
def test_nothing_of_the_private_key_is_ever_shown(kind):
    members = json.loads(jwk(kind))
    prover = read(jwk(kind))
    bound = prover.bound_to(TOKEN)
    proof = bound.proof("GET", URL).decode()
    shown = f"{prover!r}{prover}{bound!r}{bound}"
    sent = f"{jwt.get_unverified_header(proof)}{verified(proof)[1]}"

    assert repr(prover) == f"<DpopKey {FITTING[kind][0]}>"
    for name in {"d", "p", "q", "dp", "dq", "qi"} & members.keys():
        assert members[name] not in shown + sent
    assert TOKEN.reveal() not in shown + sent
    assert token_hash(TOKEN.reveal()) not in shown


def test_the_requests_way_does_not_load_the_libraries_of_proofs():
    code = (
        "import sys, gateway.core.dpop, gateway.proxy.handler;"
        "sys.exit(bool({'jwt', 'cryptography', 'gateway.oauth'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
