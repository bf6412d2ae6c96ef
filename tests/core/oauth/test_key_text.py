r"""Private keys as environments hand them on: each comes out as its reader wants it."""

from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.oauth.key_text import repaired_key

BODY = b64encode(bytes(range(150))).decode()
LINES = "\n".join(BODY[start : start + 64] for start in range(0, len(BODY), 64))
PEM = f"-----BEGIN PRIVATE KEY-----\n{LINES}\n-----END PRIVATE KEY-----\n"
JWK = '{"kty":"EC","d":"a"}'
DER = b"\x30\x81" + bytes(range(200))
ENCRYPTED = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123\n\n"
    f"{LINES}\n-----END RSA PRIVATE KEY-----\n"
)


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "given_as",
    [
        PEM,
        PEM.strip(),
        "\n\n  " + PEM,
        PEM.replace("\n", "\\n"),
        PEM.replace("\n", "\\\\n"),
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\\r\\n"),
        PEM.replace("\n", "\r"),
        PEM.replace("\n", " "),
        PEM.replace("\n", ""),
        PEM.replace("\n", "\n    "),
        PEM.replace("\n", "\\n\n"),
        '"' + PEM.replace("\n", "\\n") + '"',
        "'" + PEM + "'",
        "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + PEM,
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + PEM,
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" + PEM,
        base64(PEM),
        base64(PEM).rstrip("="),
        base64(PEM.replace("\n", "\r\n")),
        base64(PEM.replace("\n", "\\n")),
        urlsafe_b64encode(PEM.encode()).decode(),
        "\n".join(base64(PEM)[start : start + 76] for start in range(0, len(base64(PEM)), 76)),
        '"' + base64(PEM) + '\\n"',
        base64(base64(PEM)),
        base64("\ufeff" + PEM),
    ],
)
def test_a_pem_comes_out_whole(given_as: str):
    assert repaired_key(given_as) == PEM


@pytest.mark.parametrize("given_as", [JWK, f" {JWK}\n", base64(JWK), f"'{JWK}'", base64(JWK).rstrip("=")])
def test_a_jwk_comes_out_whole(given_as: str):
    assert repaired_key(given_as) == JWK


@pytest.mark.parametrize(
    "given_as",
    [b64encode(DER).decode(), urlsafe_b64encode(DER).decode().rstrip("="), base64(b64encode(DER).decode())],
)
def test_base64_of_der_is_der(given_as: str):
    assert repaired_key(given_as) == DER


def test_the_fields_of_an_encrypted_key_stay():
    """Its reader says that it is encrypted."""
    assert repaired_key(ENCRYPTED.replace("\n", "\\n")) == ENCRYPTED


@pytest.mark.parametrize("text", ["hunter2 hunter2", "hunter2!", "%%%", "é", PEM[:100], "-----BEGIN x"])
def test_what_is_no_key_comes_back(text: str):
    assert repaired_key(text) == text.strip()


@given(st.text())
@example("-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----")
@example("=")
@example(base64("=" * 9))
@example("'" * 50)
def test_every_text_yields_a_text_or_der(text: str):
    assert isinstance(repaired_key(text), str | bytes)


@given(st.binary(min_size=1, max_size=500))
def test_the_body_of_a_pem_is_never_changed(body: bytes):
    text = b64encode(body).decode()
    made = repaired_key(f"-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----")
    assert b64decode("".join(made.split("\n")[1:-2])) == body
