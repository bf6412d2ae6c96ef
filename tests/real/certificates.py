"""Certificates of the tests: an authority that both servers trust, and pairs that it made or that made themselves."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm

from tests.oauth.certificates import make_certificate
from tests.x509_extensions import with_extensions

SUBJECT = "CN=gateway"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    def keys(self) -> dict[str, str]:
        return {"certificate": str(self.certificate), "key": str(self.key)}

    def texts(self) -> dict[str, str]:
        return {"certificate.pem": self.certificate.read_text(), "key.pem": self.key.read_text()}

    def as_jwk(self) -> dict[str, object]:
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        body = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        return ECAlgorithm.to_jwk(certificate.public_key(), as_dict=True) | {"x5c": [body]}


def self_signed(folder: Path) -> Pair:
    folder.mkdir()
    return Pair(*make_certificate(folder))


class Authority:
    """Makes certificates; what it makes for servers is for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        own = self_signed(folder / "authority")
        self.file = own.certificate
        self._certificate = x509.load_pem_x509_certificate(own.certificate.read_bytes())
        self._key = serialization.load_pem_private_key(own.key.read_bytes(), None)
        self.server = self.pair("server", "server")

    def pair(self, name: str, subject: str = SUBJECT.removeprefix("CN=")) -> Pair:
        """Make a certificate for `subject`, with a key of its own."""
        folder = self._folder / name
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        now, day = datetime.now(UTC), timedelta(days=1)
        owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        addresses = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        builder = x509.CertificateBuilder(
            self._certificate.subject,
            owner,
            key.public_key(),
            x509.random_serial_number(),
            now - day,
            now + day,
        ).add_extension(addresses, critical=False)
        made = Pair(folder / "certificate.pem", folder / "key.pem")
        certificate = with_extensions(builder, key, self._key).sign(self._key, hashes.SHA256())
        made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        made.key.write_bytes(key.private_bytes(Encoding.PEM, *form))
        return made

    def upstream_context(self) -> ssl.SSLContext:
        """Give what a server needs that demands a certificate of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.file)
        context.load_cert_chain(self.server.certificate, self.server.key)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def caller(self) -> aiohttp.ClientSession:
        """Give a session that believes servers of this authority."""
        trust = ssl.create_default_context(cafile=self.file)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))

    def provider_tls(self) -> dict[str, str]:
        """Give the `tls` of an `OidcProvider` that takes this authority's certificates for verified ones."""
        own = self.server
        return {"cert": own.certificate.read_text(), "key": own.key.read_text(), "ca": self.file.read_text()}
