"""TLS contexts that follow their files, and who is told when one is replaced."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form

from gateway.core.settings.client_settings import TlsFiles, TlsVersion
from gateway.tls.pem_files import CertificateUnusable
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from tests.oauth.certificates import make_certificate


async def looked(trust: Trust) -> None:
    """Look at the files, and wait until what they make is in use."""
    await asyncio.gather(*trust.look())


def pair_in(folder: Path) -> TlsFiles:
    folder.mkdir(exist_ok=True)
    return TlsFiles(*map(str, make_certificate(folder, folder.name)))


def replace_certificate(newer: TlsFiles, ours: TlsFiles) -> None:
    Path(newer.certificate).replace(ours.certificate)


def replace_key(newer: TlsFiles, ours: TlsFiles) -> None:
    Path(newer.key).replace(ours.key)


@pytest.fixture
def ours(tmp_path: Path) -> TlsFiles:
    return pair_in(tmp_path / "ours")


@pytest.fixture
def newer(tmp_path: Path) -> TlsFiles:
    return pair_in(tmp_path / "newer")


# ── what a context is ─────────────────────────────────────────────────────────────────────────────


def test_a_context_verifies_and_speaks_http():
    context = Trust().context(TrustSettings())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("version", TlsVersion)
def test_the_oldest_version_is_the_one_of_the_settings(version: TlsVersion):
    context = Trust().context(TrustSettings(min_tls=version))
    assert context.minimum_version is ssl.TLSVersion[version.value.replace(".", "_")]


def test_only_the_named_authorities_are_trusted(ours: TlsFiles):
    context = Trust().context(TrustSettings(ca_file=ours.certificate))
    assert [dict(sum(each["subject"], ()))["commonName"] for each in context.get_ca_certs()] == ["ours"]


def test_a_context_depends_on_the_files_that_its_settings_name(ours: TlsFiles):
    assert TrustSettings().files == ()
    assert TrustSettings("ca").files == ("ca",)
    assert TrustSettings(None, ours).files == (ours.certificate, ours.key)
    assert TrustSettings("ca", ours).files == ("ca", ours.certificate, ours.key)


def test_equal_settings_share_a_context_and_others_never_do(ours: TlsFiles, newer: TlsFiles):
    trust = Trust()
    settings = [
        TrustSettings(),
        TrustSettings(ours.certificate),
        TrustSettings(ours.certificate, ours),
        TrustSettings(ours.certificate, newer),
        TrustSettings(ours.certificate, ours, TlsVersion.TLS_1_3),
    ]
    assert len({id(trust.context(each)) for each in settings}) == len(settings)
    assert all(trust.context(each) is trust.context(replace(each)) for each in settings)


# ── files that are replaced ───────────────────────────────────────────────────────────────────────


def test_a_context_stays_until_a_file_is_replaced(ours: TlsFiles, newer: TlsFiles):
    trust, settings = Trust(), TrustSettings(None, ours)
    old = trust.context(settings)
    assert trust.context(settings) is old
    replace_certificate(newer, ours)
    assert trust.context(settings) is old, "certificate and key do not fit"
    replace_key(newer, ours)
    new = trust.context(settings)
    assert new is not old
    assert trust.context(settings) is new


def test_the_key_may_be_the_first_to_be_replaced(ours: TlsFiles, newer: TlsFiles):
    trust, settings = Trust(), TrustSettings(None, ours)
    old = trust.context(settings)
    replace_key(newer, ours)
    assert trust.context(settings) is old
    replace_certificate(newer, ours)
    assert trust.context(settings) is not old


def test_a_swapped_link_on_the_way_is_a_replacement(tmp_path: Path):
    """As Kubernetes does it: the files are links through ``..data``, which is a link that is renamed over."""
    for version in ("v1", "v2"):
        pair_in(tmp_path / version)
    data = tmp_path / "..data"
    data.symlink_to("v1")
    ours = TlsFiles(str(data / "certificate.pem"), str(data / "key.pem"))
    trust, settings = Trust(), TrustSettings(None, ours)
    old, told = trust.context(settings), []
    trust.watch(settings, lambda: told.append(1))
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").rename(data)
    assert trust.context(settings) is not old
    assert told == [1]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("nonsense")])
@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_good_context_outlives_files_that_are_spoilt(ours: TlsFiles, spoil: Callable, name: str):
    trust, settings = Trust(), TrustSettings(None, ours)
    old, path = trust.context(settings), Path(getattr(ours, name))
    text = path.read_text()
    spoil(path)
    assert trust.context(settings) is old
    path.write_text(text)
    assert trust.context(settings) is old, "it holds what it held"


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_files_that_are_unusable_at_first_are_read_again_each_time(
    ours: TlsFiles, newer: TlsFiles, name: str
):
    trust, settings = Trust(), TrustSettings(None, ours)
    Path(getattr(newer, name)).replace(getattr(ours, name))
    for _ in range(2):
        with pytest.raises(CertificateUnusable, match="is not the key of"):
            trust.context(settings)
    other = "key" if name == "certificate" else "certificate"
    Path(getattr(newer, other)).replace(getattr(ours, other))
    assert isinstance(trust.context(settings), ssl.SSLContext)


def test_authorities_that_cannot_be_read_are_told_apart_from_our_own_certificate(tmp_path: Path):
    for content in (None, "no certificate"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(OSError) as caught:
            Trust().context(TrustSettings(str(path)))
        assert not isinstance(caught.value, CertificateUnusable)


def test_an_encrypted_key_is_unusable_and_asks_for_no_password(ours: TlsFiles):
    key = form.load_pem_private_key(Path(ours.key).read_bytes(), None)
    encrypted = form.BestAvailableEncryption(b"hunter2")
    Path(ours.key).write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, encrypted))
    with pytest.raises(CertificateUnusable):
        Trust().context(TrustSettings(None, ours))
