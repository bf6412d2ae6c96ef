"""Signs client assertions: keys as PEM or JWK -> a JWT (RFC 7515 section 5.1, RFC 7523 section 2.2).

Rules:

- The algorithm must fit the key; where none is set it follows from the key: RS256 for RSA, ES256, ES384 or
  ES512 by the curve, EdDSA for Ed25519 and Ed448; HS256 for a client secret.
- RSA keys have at least 2048 bits, secrets at least as many as the hash (RFC 7518 sections 3.2, 3.3).
- What is wrong with a key is said in a clause of ours: libraries quote keys in their errors.

The only module beside the demo that imports `jwt`; itself it is imported when a client signs, and not
before, since both libraries cost more idle memory than all the rest of the token's way.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwt import PyJWK
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import PyJWTError

from gateway.core.client_assertion import AssertionSettings, SigningAlgorithm, assertion_claims
from gateway.core.secret import Secret
from gateway.core.settings import AuthMethod, ClientSettings, Grant, Settings

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey

MIN_RSA_BITS: Final = 2048
MOST_KEYS: Final = 64
"""Kept after they were read; more clients that sign only lose time."""
_ALGORITHMS: Final = get_default_algorithms()
_BY_CURVE: Final = {
    "secp256r1": SigningAlgorithm.ES256,
    "secp384r1": SigningAlgorithm.ES384,
    "secp521r1": SigningAlgorithm.ES512,
}
_OF_RSA: Final = tuple(one for one in SigningAlgorithm if one.value.startswith(("RS", "PS")))


class CredentialUnusable(ValueError):
    """No assertion can be signed; the message is a clause of ours that shows nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, or the bytes of a secret.

    Attributes:
        fitting: the algorithms it may be used with, the usual one first.
        key_id: ``kid`` of a JWK.
    """

    key: PrivateKey | bytes = field(repr=False)
    fitting: tuple[SigningAlgorithm, ...]
    key_id: str | None = None

    def algorithm(self, wanted: SigningAlgorithm | None) -> SigningAlgorithm:
        """Give the algorithm to sign with.

        Raises:
            CredentialUnusable: `wanted` does not fit.
        """
        if wanted is not None and wanted not in self.fitting:
            fitting = ", ".join(one.value for one in self.fitting)
            raise CredentialUnusable(f"{wanted.value} does not fit the key, which is one for {fitting}")
        return wanted or self.fitting[0]

    def sign(self, message: bytes, algorithm: SigningAlgorithm) -> bytes:
        """Give the signature as it stands in a JWS (RFC 7518 section 3)."""
        return _ALGORITHMS[algorithm.value].sign(message, self.key)


def signed_assertion(grant: Grant, credential: Secret, wall_now_s: float, jti: str) -> Secret:
    """Sign one assertion of the client with its secret or its private key.

    Raises:
        CredentialUnusable: the credential, the algorithm or the certificate cannot be used.
    """
    settings = grant.assertion
    assert settings is not None
    key = read_key(grant.method, credential, settings)
    algorithm = key.algorithm(settings.algorithm)
    header = {"alg": algorithm.value, "typ": "JWT"} | dict(_key_hints(key, settings))
    claims = assertion_claims(grant.client_id, settings, wall_now_s, jti)
    message = f"{_encoded_json(header)}.{_encoded_json(claims)}"
    return Secret(f"{message}.{_encoded(key.sign(message.encode('ascii'), algorithm))}")


def check_keys(settings: Settings, wall_now_s: float) -> tuple[str, ...]:
    """Give one line for each client that could not sign now: its place, and why."""
    signing = (client for client in settings.clients.values() if client.grant.assertion is not None)
    return tuple(f"{client.place}: {why}" for client in signing for why in _complaints(client, wall_now_s))


def read_key(method: AuthMethod, credential: Secret, settings: AssertionSettings) -> SigningKey:
    """Read the key that a client signs with.

    Raises:
        CredentialUnusable: it cannot be used.
    """
    if method is AuthMethod.CLIENT_SECRET_JWT:
        return _secret_key(credential, settings.algorithm or SigningAlgorithm.HS256)
    return _private_key(credential)


@lru_cache(maxsize=MOST_KEYS)
def _private_key(credential: Secret) -> SigningKey:
    # Kept, since OpenSSL checks an RSA key for 40 ms when it is read, and the loop stands still so long.
    text = credential.reveal().strip()
    return _jwk(text) if text.startswith("{") else _pem(text)


def _complaints(client: ClientSettings, wall_now_s: float) -> Iterator[str]:
    try:
        signed_assertion(client.grant, client.credential(), wall_now_s, "check")
    except CredentialUnusable as unusable:
        yield str(unusable)
    except (OSError, ValueError):
        yield "the credential cannot be read"


def _secret_key(secret: Secret, algorithm: SigningAlgorithm) -> SigningKey:
    key, least_bytes = secret.reveal().encode(), int(algorithm.value[2:]) // 8
    if len(key) < least_bytes:
        raise CredentialUnusable(
            f"the client secret is shorter than the {least_bytes} bytes of {algorithm.value} "
            "(RFC 7518 section 3.2)"
        )
    return SigningKey(key, (algorithm,))


def _pem(text: str) -> SigningKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise CredentialUnusable("the private key is encrypted: give one without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialUnusable("the private key is neither PEM nor a JWK") from None
    return SigningKey(_private(key), _fitting(_private(key)))


def _jwk(text: str) -> SigningKey:
    try:
        members = json.loads(text)
        named = members.pop("alg", None)
        key = PyJWK(members, "EdDSA" if members.get("kty") == "OKP" else None).key
    except (PyJWTError, ValueError, TypeError, KeyError, RecursionError, UnsupportedAlgorithm):
        raise CredentialUnusable("the private key is no JWK of type RSA, EC or OKP") from None
    fitting = _fitting(_private(key))
    if named is not None:
        fitting = tuple(one for one in fitting if one.value == named)
    if not fitting:
        raise CredentialUnusable("the private key's own `alg` does not fit it")
    key_id = members.get("kid")
    return SigningKey(_private(key), fitting, key_id if isinstance(key_id, str) else None)


def _private(key: object) -> PrivateKey:
    if isinstance(key, PrivateKey):
        return key
    raise CredentialUnusable("the private key is a public one, or of a kind that signs no assertions")


def _fitting(key: PrivateKey) -> tuple[SigningAlgorithm, ...]:
    if isinstance(key, Ed25519PrivateKey | Ed448PrivateKey):
        return (SigningAlgorithm.EDDSA,)
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise CredentialUnusable(f"the RSA key has fewer than {MIN_RSA_BITS} bits (RFC 7518 section 3.3)")
        return _OF_RSA
    if key.curve.name not in _BY_CURVE:
        raise CredentialUnusable("the private key's curve is none of P-256, P-384 and P-521")
    return (_BY_CURVE[key.curve.name],)


def _key_hints(key: SigningKey, settings: AssertionSettings) -> Iterator[tuple[str, str]]:
    key_id = settings.key_id or key.key_id
    if key_id is not None:
        yield "kid", key_id
    if settings.certificate is not None:
        yield "x5t#S256", _thumbprint(settings.certificate, key)


def _thumbprint(file: str, key: SigningKey) -> str:
    """RFC 7515 section 4.1.8."""
    try:
        certificate = x509.load_pem_x509_certificates(Path(file).read_bytes())[0]
    except OSError:
        raise CredentialUnusable("assertion_certificate cannot be read") from None
    except ValueError:
        raise CredentialUnusable("assertion_certificate is not a certificate in PEM form") from None
    if isinstance(key.key, bytes) or _spki(certificate.public_key()) != _spki(key.key.public_key()):
        raise CredentialUnusable("assertion_certificate is not the certificate of the private key")
    return _encoded(certificate.fingerprint(SHA256()))


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _encoded_json(members: dict[str, str] | dict[str, str | int]) -> str:
    return _encoded(json.dumps(members, separators=(",", ":")).encode())


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
