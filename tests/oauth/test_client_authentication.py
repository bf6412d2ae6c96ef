"""Signing: every algorithm is verified by cryptography through pyjwt, and RFC vectors where they are fixed."""

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.oauth.client_assertion import JWT_BEARER, Occasion
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod
from gateway.core.settings.signing_settings import (
    AssertionSettings,
    CertificateHeader,
    JsonClaim,
    SigningAlgorithm,
)
from gateway.oauth.client_authentication import read_key, signed_assertion
from gateway.oauth.signing_key import CredentialUnusable
from tests.oauth.certificates import make_certificate, pair_in
from tests.oauth.fakes import WALL_S, client_settings
from tests.oauth.keys import FITTING, PAIRS, jwk, key, pem, public_pem

AUDIENCE = "https://as.example.com/token"
LONG_SECRET = "hunter2-" * 8
OCCASION = Occasion(AUDIENCE, WALL_S, "j")


def grant(method: AuthMethod = AuthMethod.PRIVATE_KEY_JWT, **settings: object):
    made = AssertionSettings(AUDIENCE, **settings)
    return replace(client_settings().grant, method=method, assertion=made, assertion_type=JWT_BEARER)


def signed(credential: str, *, jti: str = "j", **settings: object) -> str:
    return signed_assertion(grant(**settings), Secret(credential), replace(OCCASION, jti=jti)).reveal()


def verified(token: str, public_key: object, algorithm: str) -> dict[str, object]:
    checked = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, public_key, [algorithm], audience=AUDIENCE, options=checked)


@pytest.mark.parametrize(("kind", "algorithm"), PAIRS)
def test_every_algorithm_gives_an_assertion_that_verifies(kind: str, algorithm: SigningAlgorithm):
    token = signed(pem(kind), algorithm=algorithm)
    claims = verified(token, key(kind).public_key(), algorithm.value)
    assert (claims["iss"], claims["sub"], claims["jti"]) == ("mobile_android", "mobile_android", "j")
    assert jwt.get_unverified_header(token) == {"alg": algorithm.value, "typ": "JWT"}


@pytest.mark.parametrize("kind", FITTING)
def test_where_none_is_set_the_algorithm_follows_from_the_key(kind: str):
    for text in (pem(kind), jwk(kind)):
        token = signed(text)
        assert verified(token, key(kind).public_key(), FITTING[kind][0])["aud"] == AUDIENCE


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_client_secret_signs_too(algorithm: str):
    asked = grant(AuthMethod.CLIENT_SECRET_JWT, algorithm=SigningAlgorithm(algorithm))
    token = signed_assertion(asked, Secret(LONG_SECRET), OCCASION).reveal()
    assert verified(token, LONG_SECRET, algorithm)["sub"] == "mobile_android"


def test_a_secret_signs_with_hs256_where_nothing_is_set():
    token = signed_assertion(grant(AuthMethod.CLIENT_SECRET_JWT), Secret(LONG_SECRET), OCCASION).reveal()
    assert jwt.get_unverified_header(token)["alg"] == "HS256"


def test_kid_is_that_of_the_settings_or_of_the_jwk():
    assert jwt.get_unverified_header(signed(jwk("p256", kid="own")))["kid"] == "own"
    assert jwt.get_unverified_header(signed(jwk("p256", kid="own"), key_id="ours"))["kid"] == "ours"
    assert "kid" not in jwt.get_unverified_header(signed(jwk("p256", kid=7)))


def test_a_jwk_signs_with_the_algorithm_that_it_names():
    assert jwt.get_unverified_header(signed(jwk("rsa", alg="PS384")))["alg"] == "PS384"


def test_the_thumbprint_is_that_of_the_certificate(tmp_path):
    certificate, private = make_certificate(tmp_path)
    token = signed(private.read_text(), certificate=str(certificate))
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    expected = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert jwt.get_unverified_header(token)["x5t#S256"] == expected


def test_a_certificate_is_named_in_each_way_that_is_asked_for(tmp_path):
    certificate, private = make_certificate(tmp_path)
    issuer = Path(pair_in(tmp_path / "issuer").certificate)
    ders = [
        x509.load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
        for file in (certificate, issuer)
    ]
    certificate.write_bytes(certificate.read_bytes() + issuer.read_bytes())
    token = signed(
        private.read_text(), certificate=str(certificate), certificate_headers=tuple(CertificateHeader)
    )
    header = jwt.get_unverified_header(token)
    assert header["x5t#S256"] == encoded(hashlib.sha256(ders[0]).digest())
    assert header["x5t"] == encoded(hashlib.sha1(ders[0], usedforsecurity=False).digest())
    assert header["x5c"] == [base64.b64encode(der).decode() for der in ders], "the chain, not for URLs"


@pytest.mark.parametrize("one", CertificateHeader)
def test_only_what_is_asked_for_stands_in_the_head(one: CertificateHeader, tmp_path):
    certificate, private = make_certificate(tmp_path)
    token = signed(private.read_text(), certificate=str(certificate), certificate_headers=(one,))
    assert jwt.get_unverified_header(token).keys() == {"alg", "typ", one.value}


def test_further_claims_are_of_any_kind_and_override_nothing():
    claims = (("tenant", "acme"), ("roles", JsonClaim('["a", {"b": [1, true]}]')), ("n", JsonClaim("1.5")))
    said = jwt.decode(signed(pem("p256"), claims=claims), options={"verify_signature": False})
    assert (said["tenant"], said["roles"], said["n"]) == ("acme", ["a", {"b": [1, True]}], 1.5)
    assert said["sub"] == "mobile_android"


SPELLINGS = [
    lambda text: text.replace("\n", "\\n"),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", " "),
    lambda text: f'"{text}"',
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(text.replace("\n", "\r\n").encode()).decode().rstrip("="),
]


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("spelt", SPELLINGS)
def test_a_key_signs_however_an_environment_hands_it_on(kind: str, spelt):
    for text in (pem(kind), traditional(kind)):
        verified(signed(spelt(text)), public_pem(kind), FITTING[kind][0])


@pytest.mark.parametrize("kind", FITTING)
def test_base64_of_der_and_of_a_jwk_are_taken(kind: str):
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for content in (key(kind).private_bytes(*form), jwk(kind).encode()):
        verified(signed(base64.b64encode(content).decode()), public_pem(kind), FITTING[kind][0])


def traditional(kind: str) -> str:
    """As older programs of OpenSSL write it; Ed keys have no such form."""
    is_newer = kind.startswith("ed")
    form = serialization.PrivateFormat.PKCS8 if is_newer else serialization.PrivateFormat.TraditionalOpenSSL
    written = key(kind).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return written.decode()


# ── vectors ───────────────────────────────────────────────────────────────────────────────────────


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_rfc_7515_appendix_a_1():
    octets = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    message = (
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        b".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    secret = read_key(AuthMethod.CLIENT_SECRET_JWT, Secret("x" * 32), AssertionSettings(""))
    secret = replace(secret, key=base64.urlsafe_b64decode(octets))
    signature = secret.sign(message, SigningAlgorithm.HS256)
    assert encoded(signature) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def test_rfc_8037_appendix_a_4():
    members = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    private = read_key(AuthMethod.PRIVATE_KEY_JWT, Secret(json.dumps(members)), AssertionSettings(""))
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert encoded(private.sign(message, SigningAlgorithm.EDDSA)) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


def test_rfc_7515_appendix_a_3_is_read_and_signs_es256():
    members = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    }
    token = signed(json.dumps(members))
    public = jwt.PyJWK({name: members[name] for name in ("kty", "crv", "x", "y")})
    assert verified(token, public, "ES256")["aud"] == AUDIENCE


# ── what cannot sign ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2 is no key", "neither PEM nor a JWK"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "neither PEM nor a JWK"),
        ('{"kty": "hunter2"}', "not a JWK of type RSA, EC or OKP"),
        ('{"keys": [{"kty": "EC", "d": "hunter2"}]}', "not a JWK of type RSA, EC or OKP"),
        ('{"kty": "OKP", "crv": "X25519", "d": "hunter2", "x": "hunter2"}', "not a JWK of type"),
        ('{"kty": "oct", "k": "aHVudGVyMg"}', "a public key, or of a kind"),
        ("{hunter2", "not a JWK of type"),
    ],
)
def test_what_is_no_key_is_told_without_a_word_of_it(text: str, words: str):
    with pytest.raises(CredentialUnusable, match=words) as caught:
        signed(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: public_pem("p256"), "neither PEM nor a JWK"),
        (lambda: jwk("p256", public=True), "is a public key"),
        (lambda: jwk("rsa", public=True), "is a public key"),
        (lambda: pem("p256", password=b"hunter2"), "is encrypted"),
        (lambda: pem("short rsa"), "fewer than 2048 bits"),
        (lambda: pem("k256"), "not P-256, P-384 or P-521"),
        (lambda: jwk("p256", alg="RS256"), "`alg` does not fit"),
        (lambda: jwk("p256", use="enc"), "`use` is not `sig`"),
        (lambda: jwk("rsa", use=["sig"]), "`use` is not `sig`"),
        (lambda: jwk("ed25519", use=""), "`use` is not `sig`"),
        (lambda: jwk("rsa", key_ops=["verify"]), "`key_ops` does not list `sign`"),
        (lambda: jwk("p256", key_ops=[]), "`key_ops` does not list `sign`"),
        (lambda: jwk("ed448", key_ops="sign"), "`key_ops` does not list `sign`"),
    ],
)
def test_keys_that_sign_no_assertions_are_refused(make, words: str):
    with pytest.raises(CredentialUnusable, match=words):
        signed(make())


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize(
    "members",
    [{"use": "sig"}, {"use": None}, {"key_ops": None}, {"key_ops": ["verify", "sign"], "use": "sig"}],
)
def test_a_key_that_says_it_signs_does(kind: str, members: dict[str, object]):
    assert signed(jwk(kind, **members))


def rsa_members() -> dict[str, str]:
    return json.loads(jwk("rsa", alg="RS256", key_ops=["sign"]))


def test_an_rsa_key_without_its_primes_signs_too():
    """RFC 7518 section 6.3.2: only `d` is required."""
    members = {
        name: value for name, value in rsa_members().items() if name not in {"p", "q", "dp", "dq", "qi"}
    }
    token = signed(json.dumps(members))
    assert jwt.decode(
        token,
        public_pem("rsa"),
        ["RS256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )


@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q", "dp", "dq", "qi"])
@pytest.mark.parametrize("change", [-2, -1, 1, 2, 2**200])
def test_an_rsa_key_whose_numbers_do_not_fit_signs_nothing(name: str, change: int):
    """Nothing else looks at them: OpenSSL's own check would stop the loop."""
    members = rsa_members()
    number = int.from_bytes(base64.urlsafe_b64decode(members[name] + "==")) + change
    members[name] = encoded(number.to_bytes((number.bit_length() + 7) // 8))
    try:
        token = signed(json.dumps(members))
    except CredentialUnusable:
        return
    # OpenSSL mends what it can: whatever it signs is right.
    jwt.decode(
        token,
        public_pem("rsa"),
        ["RS256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )


@pytest.mark.parametrize("absent", ["p", "q", "dp", "dq", "qi"])
def test_an_rsa_key_with_some_of_its_primes_is_none(absent: str):
    members = rsa_members()
    del members[absent]
    with pytest.raises(CredentialUnusable, match="not a JWK of type RSA"):
        signed(json.dumps(members))


def test_an_rsa_key_of_three_primes_is_none():
    with pytest.raises(CredentialUnusable, match="not a JWK of type RSA"):
        signed(jwk("rsa", oth=[]))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_spoilt_rsa_key_signs_rightly_or_not_at_all(data: st.DataObject):
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    whole = bytearray(key("rsa").private_bytes(*form))
    whole[data.draw(st.integers(30, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        token = signed(base64.b64encode(whole).decode())
    except CredentialUnusable:
        return
    assert jwt.get_unverified_header(token)["alg"] == "RS256"


@given(st.sampled_from([*FITTING]), st.sampled_from(SigningAlgorithm))
def test_an_algorithm_is_taken_if_and_only_if_it_fits_the_key(kind: str, algorithm: SigningAlgorithm):
    if algorithm.value in FITTING[kind]:
        assert signed(pem(kind), algorithm=algorithm)
    else:
        with pytest.raises(CredentialUnusable, match=f"{algorithm.value} does not fit the key"):
            signed(pem(kind), algorithm=algorithm)


@pytest.mark.parametrize(("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_has_as_many_bytes_as_the_hash(algorithm: str, least: int):
    asked = grant(AuthMethod.CLIENT_SECRET_JWT, algorithm=SigningAlgorithm(algorithm))
    assert signed_assertion(asked, Secret("é" * (least // 2)), OCCASION)
    with pytest.raises(CredentialUnusable, match=f"shorter than the {least} bytes of {algorithm}"):
        signed_assertion(asked, Secret("s" * (least - 1)), OCCASION)


def test_a_certificate_of_another_key_is_refused(tmp_path):
    certificate, _ = make_certificate(tmp_path)
    with pytest.raises(CredentialUnusable, match="not the certificate of the private key"):
        signed(pem("p256"), certificate=str(certificate))
    certificate.write_text("nonsense")
    with pytest.raises(CredentialUnusable, match="not a certificate in PEM form"):
        signed(pem("p256"), certificate=str(certificate))
    with pytest.raises(CredentialUnusable, match="cannot be read"):
        signed(pem("p256"), certificate=str(tmp_path / "missing"))


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: "{" + text))
def test_any_text_is_a_key_or_is_refused_in_our_words(text: str):
    with pytest.raises(CredentialUnusable):
        signed(text)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "d", "n", "e", "alg", "k"]), st.text() | st.integers()
    )
)
def test_any_json_is_a_key_or_is_refused_in_our_words(members: dict[str, object]):
    with pytest.raises(CredentialUnusable):
        signed(json.dumps(members))


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────


def test_neither_key_nor_assertion_is_ever_shown():
    assertion = signed_assertion(grant(), Secret(pem("p256")), OCCASION)
    read = read_key(AuthMethod.CLIENT_SECRET_JWT, Secret(LONG_SECRET), AssertionSettings(""))
    assert assertion.reveal() not in f"{assertion!r}{assertion}"
    assert LONG_SECRET not in repr(read)


def test_who_signs_nothing_does_not_load_the_libraries_for_it():
    code = (
        "import sys, gateway.app, gateway.oauth.store, gateway.config;"
        "sys.exit(bool({'jwt', 'cryptography'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
