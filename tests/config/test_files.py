"""Certificates made here, for one test each; times are arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.config import check_client_files, check_server_files
from tests.config.documents import CLIENT, load_text

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def check_files(settings, now=None):
    """Everything that is wrong with files, the servers' first."""
    return (*check_server_files(settings, now), *check_client_files(settings, now))


def write_pair(folder, *, first=NOW - HOUR, last=NOW + HOUR, password=None):
    """Write ``cert.pem`` and ``key.pem``: self-signed, valid from `first` to `last`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, first, last)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key_format = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, key_format, encryption))


def listening_with(folder):
    return load_text(
        f"listen: [{{address: '127.0.0.1:0', tls: {{certificate: {folder}/cert.pem, key: {folder}/key.pem}}}}]\n"
        "routes: [{path: /, upstream: 'http://a'}]"
    )


def test_a_pair_that_fits_and_is_valid_is_no_complaint(tmp_path):
    write_pair(tmp_path)
    assert check_files(listening_with(tmp_path), NOW) == ()


def test_settings_without_files_are_no_complaint():
    assert check_files(load_text("routes: [{path: /, upstream: 'http://a'}]")) == ()


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
def test_a_missing_file_is_named(tmp_path, name):
    write_pair(tmp_path)
    (tmp_path / name).unlink()
    assert check_files(listening_with(tmp_path), NOW) == (
        f"{tmp_path}/{name}: cannot be read: No such file or directory",
    )


def test_a_certificate_is_valid_to_its_last_second(tmp_path):
    write_pair(tmp_path, last=NOW)
    assert check_files(listening_with(tmp_path), NOW) == ()
    assert check_files(listening_with(tmp_path), NOW + timedelta(seconds=1)) == (
        f"{tmp_path}/cert.pem: the certificate expired on 2026-01-15 12:00 UTC",
    )


def test_a_certificate_of_tomorrow_is_not_valid_today(tmp_path):
    write_pair(tmp_path, first=NOW + HOUR, last=NOW + 2 * HOUR)
    assert check_files(listening_with(tmp_path), NOW) == (
        f"{tmp_path}/cert.pem: the certificate is valid only from 2026-01-15 13:00 UTC",
    )


def test_the_present_is_taken_where_no_time_is_given(tmp_path):
    write_pair(tmp_path, first=NOW - 2 * HOUR, last=NOW - HOUR)
    assert len(check_files(listening_with(tmp_path))) == 1


def test_the_key_of_another_certificate_is_no_key_of_this(tmp_path):
    write_pair(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write_pair(other)
    (other / "key.pem").replace(tmp_path / "key.pem")
    assert check_files(listening_with(tmp_path), NOW) == (
        f"{tmp_path}/key.pem: is not the key of the certificate {tmp_path}/cert.pem",
    )


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path):
    write_pair(tmp_path, password=b"hunter2")
    assert check_files(listening_with(tmp_path), NOW) == (
        f"{tmp_path}/key.pem: is not a private key in PEM form without a password",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cert.pem", "is not a certificate in PEM form"),
        ("key.pem", "is not a private key in PEM form without a password"),
    ],
)
def test_nonsense_is_named(tmp_path, name, words):
    write_pair(tmp_path)
    (tmp_path / name).write_text("nonsense")
    assert check_files(listening_with(tmp_path), NOW) == (f"{tmp_path}/{name}: {words}",)


def test_files_of_clients_and_upstreams_are_checked_too_and_each_once(tmp_path):
    """Authorities may have expired: a bundle often holds some that have."""
    write_pair(tmp_path)
    client = CLIENT.replace("}'}", f"}}', tls: {{ca: {tmp_path}/ca.pem}}}}")
    tls = f"{{ca: {tmp_path}/cert.pem, certificate: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    settings = load_text(
        f"clients: {{a: {client}}}\n"
        f"routes: [{{path: /, upstream: 'https://a', tls: {tls}}}, {{path: /b, upstream: 'https://a', tls: {tls}}}]"
    )
    assert check_files(settings, NOW + 2 * HOUR) == (
        f"{tmp_path}/cert.pem: the certificate expired on 2026-01-15 13:00 UTC",
        f"1:114: clients.a.tls: {tmp_path}/ca.pem: cannot be read: No such file or directory",
    )


def test_a_bundle_without_a_certificate_is_no_bundle(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    client = CLIENT.replace("}'}", f"}}', tls: {{ca: {tmp_path}/ca.pem}}}}")
    settings = load_text(f"clients: {{a: {client}}}\nroutes: [{{path: /, upstream: 'http://a'}}]")
    assert check_files(settings) == (
        f"1:114: clients.a.tls: {tmp_path}/ca.pem: holds no certificate in PEM form",
    )


def client_with(folder, *keys):
    tls = f"tls: {{certificate: {folder}/cert.pem, key: {folder}/key.pem}}"
    client = CLIENT.replace("}'}", "}', " + ", ".join([tls, *keys]) + "}")
    return load_text(f"clients: {{a: {client}}}\nroutes: [{{path: /, upstream: 'http://a'}}]")


def test_the_certificate_of_a_client_is_checked_as_one_that_only_the_client_needs(tmp_path):
    settings = client_with(tmp_path)
    write_pair(tmp_path, last=NOW)
    assert check_files(settings, NOW) == check_client_files(settings, NOW) == ()
    late = NOW + timedelta(seconds=1)
    complaint = f"1:114: clients.a.tls: {tmp_path}/cert.pem: the certificate expired on 2026-01-15 12:00 UTC"
    assert check_files(settings, late) == check_client_files(settings, late) == (complaint,)


def test_what_a_listener_needs_is_not_a_clients(tmp_path):
    assert len(check_files(listening_with(tmp_path), NOW)) == 1
    assert check_client_files(listening_with(tmp_path), NOW) == ()


def test_the_certificate_of_an_assertion_is_checked_without_a_key(tmp_path):
    write_pair(tmp_path, last=NOW)
    client = (
        "{token_endpoint: 'https://a/t', client_id: a, private_key: k, "
        f"token_endpoint_auth_method: private_key_jwt, assertion_certificate: {tmp_path}/cert.pem}}"
    )
    settings = load_text(f"clients: {{a: {client}}}\nroutes: [{{path: /, upstream: 'http://a'}}]")
    assert check_files(settings, NOW) == ()
    assert len(check_files(settings, NOW + HOUR)) == 1
