"""What cannot be done is one line, and status 1."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.here import ROUTE, gateway_here
from tests.processes import (
    ANY_PORT,
    gateway,
    write_configuration,
)


@pytest.mark.parametrize(
    ("before", "key"),
    [
        ("listen: {}\n", "1:9: listen"),
        ("listen: [127.0.0.1:0, {}]\n", "1:23: listen[1]"),
        ("listen: [{{address: {}}}]\n", "1:10: listen[0]"),
        ("listen: 127.0.0.1:0\nadmin: {}\n", "2:8: admin"),
    ],
)
def test_an_address_that_is_taken_is_one_line_that_names_its_key(tmp_path, before, key):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = before.format(address) + ("" if "admin" in before else f"admin: {ANY_PORT}\n")
        (tmp_path / "gateway.yaml").write_text(f"{text}routes: [{{path: /, upstream: http://127.0.0.1:9}}]\n")
        done = gateway(tmp_path, "run")

    assert (done.status, done.out) == (1, "")
    reason = "the address is in use: another process listens there"
    assert done.complaint == f"gateway.yaml:{key}: {address}: {reason}"


def test_a_default_address_that_is_taken_is_told_as_one(tmp_path, demo_ports):
    (tmp_path / "gateway.yaml").write_text(
        f"listen: {ANY_PORT}\nroutes: [{{path: /, upstream: http://127.0.0.1:9}}]\n"
    )
    with socket.create_server(("127.0.0.1", 8079)):
        done = gateway(tmp_path, "run")

    assert done.status == 1
    assert done.complaint == (
        "gateway: cannot start: admin (by default): 127.0.0.1:8079: the address is in use: another process listens "
        "there"
    )


def test_an_address_that_is_none_of_this_machine_is_told(tmp_path):
    write_configuration(tmp_path, {"routes": [ROUTE], "listen": "192.0.2.1:8080"})

    assert gateway(tmp_path, "run").complaint == (
        "gateway.yaml:1:12: listen: 192.0.2.1:8080: this machine has no such address"
    )


def write_certificate(folder, name, ends_in_days=1.0):
    """A certificate and its key as `name.pem` and `name.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=ends_in_days))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def listen_with_tls(certificate, key):
    return {"listen": [{"address": "127.0.0.1:0", "tls": {"certificate": certificate, "key": key}}]}


UNUSABLE = {
    "a certificate that is not there": (listen_with_tls("none.pem", "good.key"), "none.pem", "No such file"),
    "a certificate that is a folder": (listen_with_tls("folder", "good.key"), "folder", "Is a directory"),
    "a certificate that expired": (listen_with_tls("old.pem", "old.key"), "old.pem", "expired on"),
    "a key of another certificate": (listen_with_tls("good.pem", "old.key"), "old.key", "not the key of"),
    "a key that is no key": (listen_with_tls("good.pem", "good.pem"), "good.pem", "not a private key"),
    "an upstream's authority": (
        {"routes": [{"path": "/", "upstream": "https://127.0.0.1", "tls": {"ca": "none.pem"}}]},
        "none.pem",
        "No such file",
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    write_certificate(folder, "good")
    write_certificate(folder, "old", ends_in_days=-1.0)
    return folder


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_cannot_be_used_is_one_line_that_names_it(files, what):
    document, name, reason = UNUSABLE[what]
    file = write_configuration(files, {"routes": [ROUTE]} | document)

    done = gateway_here("check", "-c", str(file))

    assert (done.status, done.out) == (1, "")
    complaint, count = done.err.splitlines()
    assert complaint.startswith(f"{file}:1:")
    assert f"/{name} " in complaint
    assert reason in complaint
    assert count == f"{file}: valid, but what it names cannot be used (1 problem)"


def test_a_file_that_cannot_be_used_keeps_it_from_starting(files):
    write_configuration(files, {"routes": [ROUTE]} | listen_with_tls("old.pem", "old.key"))

    done = gateway(files, "run")

    assert (done.status, done.out) == (1, "")
    assert done.complaint.startswith("gateway.yaml:1:")
    assert "old.pem expired on" in done.complaint


def test_one_listener_with_tls_needs_no_list(files):
    (listener,) = listen_with_tls("good.pem", "good.key")["listen"]
    file = write_configuration(files, {"routes": [ROUTE], "listen": listener})

    assert gateway_here("check", "-c", str(file)).err == ""


@pytest.mark.parametrize("command", ["run", "check", "token crm", "explain GET /"])
def test_a_configuration_that_is_not_there_is_one_line_that_names_it(tmp_path, command):
    done = gateway_here(*command.split(), "-c", f"{tmp_path}/none.yaml")

    assert (done.status, done.out) == (1, "")
    assert done.complaint == f"gateway: {tmp_path}/none.yaml: cannot be read: No such file or directory"


def test_an_access_log_that_cannot_be_opened_is_one_line_that_names_it(tmp_path):
    write_configuration(tmp_path, {"routes": [ROUTE], "log": {"access": str(tmp_path / "none" / "log")}})

    done = gateway(tmp_path, "run")

    assert done.status == 1
    assert str(tmp_path / "none" / "log") in done.complaint
