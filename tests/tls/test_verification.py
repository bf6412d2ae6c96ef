"""Certificates of private authorities are verified in the same way on every Python."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.core.settings.client_settings import ClientTrust, TlsFiles
from gateway.tls.server_certificate import ServerCertificate
from gateway.tls.tls_context import ContextBuilder, TrustSettings

HOST = "orders.test"
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certified:
    """A certificate and its key; both old-fashioned: no key identifiers, no key usage."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def in_files(self, folder: Path) -> TlsFiles:
        folder.mkdir(exist_ok=True)
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key = self.key.private_bytes(pem, form, serialization.NoEncryption())
        (folder / "certificate.pem").write_bytes(self.certificate.public_bytes(pem))
        (folder / "key.pem").write_bytes(key)
        return TlsFiles(str(folder / "certificate.pem"), str(folder / "key.pem"))


def certified(common_name: str, by: Certified | None, *, host: str | None = None) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    issuer, issuer_key = (name, key) if by is None else (by.name, by.key)
    builder = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    if host is None:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return Certified(name, key, builder.sign(issuer_key, hashes.SHA256()))


ROOT = certified("root", None)
INTERMEDIATE = certified("intermediate", ROOT)
OTHER = certified("intermediate", certified("root", None))
LEAF = certified("leaf", INTERMEDIATE, host=HOST)


def shaken(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Make a handshake without a socket, and return the server's side of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=HOST)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return answering


def trusting(ca: Certified, folder: Path, shown: TlsFiles | None = None) -> ssl.SSLContext:
    return ContextBuilder().build(TrustSettings(ca.in_files(folder / "ca").certificate, shown))


def test_a_bundle_may_name_an_intermediate_authority_of_an_old_fashion(tmp_path):
    server = ServerCertificate(LEAF.in_files(tmp_path / "leaf"))
    shaken(trusting(INTERMEDIATE, tmp_path), server.context)


@pytest.mark.parametrize("ca", [OTHER, ROOT], ids=["same name, another key", "its intermediate is not sent"])
def test_a_certificate_without_a_chain_to_the_bundle_is_refused(tmp_path, ca):
    server = ServerCertificate(LEAF.in_files(tmp_path / "leaf"))
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(trusting(ca, tmp_path), server.context)


def test_so_it_is_for_callers_certificates(tmp_path):
    ours = LEAF.in_files(tmp_path / "leaf")
    authorities = INTERMEDIATE.in_files(tmp_path / "authorities").certificate
    server = ServerCertificate(ours, ClientTrust(authorities, is_required=True))
    assert shaken(trusting(INTERMEDIATE, tmp_path, ours), server.context).getpeercert()

    stranger = certified("stranger", OTHER, host=HOST).in_files(tmp_path / "stranger")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(trusting(INTERMEDIATE, tmp_path, stranger), server.context)
