"""A self-signed certificate for 127.0.0.1, made for one test."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.core.settings.client_settings import TlsFiles
from tests.x509_extensions import with_extensions


def pair_in(folder: Path) -> TlsFiles:
    """Write a certificate of the folder's name, and its key, into the folder."""
    folder.mkdir(exist_ok=True)
    return TlsFiles(*map(str, make_certificate(folder, folder.name)))


def der(pair: TlsFiles) -> bytes:
    """What a peer that was shown the certificate has seen."""
    return ssl.PEM_cert_to_DER_cert(Path(pair.certificate).read_text())


def asking_context(server: TlsFiles, *trusted: TlsFiles) -> ssl.SSLContext:
    """A server's context that demands one of the certificates `trusted` of the other side."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.certificate, server.key)
    for one in trusted:
        context.load_verify_locations(cadata=Path(one.certificate).read_text())
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_certificate(folder: Path, subject: str = "fake authorization server") -> tuple[Path, Path]:
    """Write certificate and key, and give their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
    )
    certificate = with_extensions(builder, key, key).sign(key, hashes.SHA256())
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths
