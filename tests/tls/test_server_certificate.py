"""What a listener presents: renewed in place, and only by a pair that matches."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.settings.client_settings import TlsFiles
from gateway.tls.server_certificate import ServerCertificate
from tests.oauth.certificates import der, pair_in


@pytest.fixture
def ours(tmp_path: Path) -> TlsFiles:
    return pair_in(tmp_path / "ours")


@pytest.fixture
def newer(tmp_path: Path) -> TlsFiles:
    return pair_in(tmp_path / "newer")


def presented(context: ssl.SSLContext) -> bytes | None:
    """What a caller sees in a handshake, made without a socket."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    to_server, to_caller = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = trusting.wrap_bio(to_caller, to_server)
    server = context.wrap_bio(to_server, to_caller, server_side=True)
    for _ in range(4):
        for side in (caller, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return caller.getpeercert(True)


def swap(newer: TlsFiles, ours: TlsFiles) -> None:
    Path(newer.certificate).replace(ours.certificate)
    Path(newer.key).replace(ours.key)


def test_a_replaced_pair_is_presented_by_the_same_context(ours: TlsFiles, newer: TlsFiles):
    certificate, wanted = ServerCertificate(ours), der(newer)
    context = certificate.context
    assert presented(context) == der(ours)
    swap(newer, ours)
    assert presented(context) != wanted, "not before it is looked at"
    certificate.look()
    assert certificate.context is context
    assert presented(context) == wanted


@pytest.mark.parametrize("first", ["certificate", "key"])
def test_half_of_a_pair_changes_nothing_until_the_other_half_is_there(
    ours: TlsFiles, newer: TlsFiles, first: str, caplog: pytest.LogCaptureFixture
):
    certificate, old, wanted = ServerCertificate(ours), der(ours), der(newer)
    Path(getattr(newer, first)).replace(getattr(ours, first))
    with caplog.at_level(logging.WARNING, "gateway.file"):
        for _ in range(3):
            certificate.look()
    assert presented(certificate.context) == old
    assert [record.getMessage() for record in caplog.records] == [
        f"tls.key: {ours.key} is not the key of {ours.certificate}; the last good one stays in use"
    ]
    other = "key" if first == "certificate" else "certificate"
    Path(getattr(newer, other)).replace(getattr(ours, other))
    certificate.look()
    assert presented(certificate.context) == wanted


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("nonsense")])
@pytest.mark.parametrize("name", ["certificate", "key"])
def test_what_cannot_be_used_changes_nothing_while_it_serves_and_is_an_error_at_the_start(
    ours: TlsFiles, spoil: Callable[[Path], object], name: str
):
    certificate = ServerCertificate(ours)
    before = presented(certificate.context)
    spoil(Path(getattr(ours, name)))
    certificate.look()
    assert presented(certificate.context) == before
    with pytest.raises(OSError):
        ServerCertificate(ours)


def test_it_speaks_http_1_1_over_tls_1_2_at_least(ours: TlsFiles):
    assert ServerCertificate(ours).context.minimum_version is ssl.TLSVersion.TLSv1_2
