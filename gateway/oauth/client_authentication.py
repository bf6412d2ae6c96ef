"""Sign client assertions: a key and claims in, a JWT out (RFC 7515 section 5.1, RFC 7523 section 2.2).

Imported only once a client signs: `signing_key` says why.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.core.oauth.client_assertion import Occasion, assertion_claims
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, Grant
from gateway.core.settings.signing_settings import AssertionSettings, CertificateHeader, SigningAlgorithm
from gateway.core.text.json_object import JsonObject
from gateway.oauth.signing_key import (
    CredentialUnusable,
    SigningKey,
    encoded,
    encoded_json,
    read_private_key,
    read_secret_key,
)
from gateway.system.regular_file import MOST_PEM_BYTES, read_regular

_KEY: Final = "assertion_certificate"


@dataclass(frozen=True, slots=True)
class Signer:
    """A client's key, prepared for signing its assertions."""

    key: SigningKey = field(repr=False)
    algorithm: SigningAlgorithm
    header: JsonObject = field(repr=False)

    def assertion(self, grant: Grant, occasion: Occasion) -> Secret:
        """Sign one assertion."""
        assert grant.assertion is not None
        claims = assertion_claims(grant.client_id, grant.assertion, occasion)
        message = f"{encoded_json(self.header)}.{encoded_json(claims)}"
        return Secret(f"{message}.{encoded(self.key.sign(message.encode('ascii'), self.algorithm))}")


def signer_of(grant: Grant, credential: Secret) -> Signer:
    """Prepare a client's secret or private key for signing.

    Raises:
        CredentialUnusable: the credential, the algorithm or the certificate cannot be used.
    """
    settings = grant.assertion
    assert settings is not None
    key = read_key(grant.method, credential, settings)
    algorithm = key.algorithm(settings.algorithm)
    header = {"alg": algorithm.value, "typ": "JWT"} | dict(_key_hints(key, settings))
    return Signer(key, algorithm, header)


def signed_assertion(grant: Grant, credential: Secret, occasion: Occasion) -> Secret:
    """Sign one assertion with a client's secret or private key.

    Raises:
        CredentialUnusable: see `signer_of`.
    """
    return signer_of(grant, credential).assertion(grant, occasion)


def read_key(method: AuthMethod, credential: Secret, settings: AssertionSettings) -> SigningKey:
    """Read the key that a client signs with.

    Raises:
        CredentialUnusable: the key cannot be used.
    """
    if method is AuthMethod.CLIENT_SECRET_JWT:
        return read_secret_key(credential, settings.algorithm or SigningAlgorithm.HS256)
    return read_private_key(credential)


def _key_hints(key: SigningKey, settings: AssertionSettings) -> Iterator[tuple[str, str | list[str]]]:
    key_id = settings.key_id or key.key_id
    if key_id is not None:
        yield "kid", key_id
    if settings.certificate is not None:
        chain = _chain_of(settings.certificate, key)
        yield from ((header.value, _named_by(header, chain)) for header in settings.certificate_headers)


def _named_by(header: CertificateHeader, chain: list[x509.Certificate]) -> str | list[str]:
    match header:
        case CertificateHeader.X5T_S256:
            return encoded(chain[0].fingerprint(SHA256()))
        case CertificateHeader.X5T:  # it only names a certificate that the server knows, and proves nothing
            return encoded(chain[0].fingerprint(SHA1()))  # noqa: S303
        case CertificateHeader.X5C:  # RFC 7515 section 4.1.6: plain base64, not base64url
            return [b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in chain]
        case _:
            assert_never(header)


def _chain_of(file: str, key: SigningKey) -> list[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(read_regular(file, MOST_PEM_BYTES)[0])
    except OSError as error:
        raise CredentialUnusable(f"{_KEY} {file} cannot be read: {error.strerror}", _KEY) from None
    except ValueError:
        raise CredentialUnusable(f"{_KEY} {file} is not a certificate in PEM form", _KEY) from None
    if isinstance(key.key, bytes) or _spki(chain[0].public_key()) != _spki(key.key.public_key()):
        raise CredentialUnusable(f"{_KEY} is not the certificate of the private key", _KEY)
    return chain


def _spki(key: Any) -> bytes:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der
