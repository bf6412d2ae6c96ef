"""Certificates of the hour: an authority, and leaves that it signs. Elliptic keys, for they are quick to make."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.core.settings.client_settings import TlsFiles
from tests.x509_extensions import with_extensions


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority in a folder of its own; `ca_file` is what others trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir(exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("an authority of these tests")
        builder = with_extensions(_builder(name, name, key), key, key, path_length=0)
        certificate = builder.sign(key, hashes.SHA256())
        authority = cls(folder, key, certificate)
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def ca_file(self) -> str:
        return str(self.folder / "ca.pem")

    def leaf(self, *names: str, days: int = 1) -> TlsFiles:
        """A certificate for host names or addresses; negative `days` make one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(names[0]), self.certificate.subject, key, days).add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
        )
        certificate = with_extensions(builder, key, self.key).sign(self.key, hashes.SHA256())
        stem = f"{names[0].replace('/', '-')}.{certificate.serial_number}"
        files = TlsFiles(str(self.folder / f"{stem}.pem"), str(self.folder / f"{stem}.key"))
        Path(files.certificate).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        Path(files.key).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


def server_context(files: TlsFiles, client_authority: Authority | None = None) -> ssl.SSLContext:
    """A server's context; with `client_authority` it demands a certificate of the other side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.ca_file)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    if ":" in name:
        return x509.UniformResourceIdentifier(name)
    return x509.IPAddress(IPv4Address(name)) if name[0].isdigit() else x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    ends = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, ends) - timedelta(days=1))
        .not_valid_after(ends)
    )
