"""Signs client assertions: a key and claims -> a JWT (RFC 7515 section 5.1, RFC 7523 section 2.2).

Imported when a client signs, and not before: `signing_key` says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.core.client_assertion import AssertionSettings, Occasion, SigningAlgorithm, assertion_claims
from gateway.core.client_settings import AuthMethod, Grant
from gateway.core.secret import Secret
from gateway.oauth.signing_key import (
    CredentialUnusable,
    SigningKey,
    encoded,
    encoded_json,
    read_private_key,
    read_secret_key,
)


def signed_assertion(grant: Grant, credential: Secret, occasion: Occasion) -> Secret:
    """Sign one assertion of the client with its secret or its private key.

    Raises:
        CredentialUnusable: the credential, the algorithm or the certificate cannot be used.
    """
    settings = grant.assertion
    assert settings is not None
    key = read_key(grant.method, credential, settings)
    algorithm = key.algorithm(settings.algorithm)
    header = {"alg": algorithm.value, "typ": "JWT"} | dict(_key_hints(key, settings))
    claims = assertion_claims(grant.client_id, settings, occasion)
    message = f"{encoded_json(header)}.{encoded_json(claims)}"
    return Secret(f"{message}.{encoded(key.sign(message.encode('ascii'), algorithm))}")


def read_key(method: AuthMethod, credential: Secret, settings: AssertionSettings) -> SigningKey:
    """Read the key that a client signs with.

    Raises:
        CredentialUnusable: it cannot be used.
    """
    if method is AuthMethod.CLIENT_SECRET_JWT:
        return read_secret_key(credential, settings.algorithm or SigningAlgorithm.HS256)
    return read_private_key(credential)


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
    return encoded(certificate.fingerprint(SHA256()))


def _spki(key: Any) -> bytes:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der
