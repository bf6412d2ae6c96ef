"""The extensions that a strict verifier asks of a certificate (RFC 5280 section 4.2), as Python 3.13 does."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def with_extensions(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int | None = None,
) -> x509.CertificateBuilder:
    """Add what the certificate of `key` may do, and both identifiers; whoever signs its own is an authority."""
    is_authority = key is issuer_key
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    allowed = {"digital_signature", "key_cert_sign"} if is_authority else {"digital_signature"}
    usage = x509.KeyUsage(**{name: name in allowed for name in _USAGES})
    return (
        builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .add_extension(issuers, critical=False)
    )
