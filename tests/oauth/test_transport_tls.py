"""TLS towards authorization servers: verified before the first byte of a request."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.cause import Cause, clause
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import TlsFiles, TlsVersion
from gateway.oauth.transport import SERVER, ServerRequest, trust_in_server
from gateway.tls.tls_context import TrustSettings
from tests.oauth.authorization_server import authorization_server
from tests.oauth.certificates import asking_context, make_certificate, pair_in
from tests.oauth.fakes import client_settings
from tests.oauth.test_transport import post, transport
from tests.wire.certificates import Authority
from tests.wire.tls_upstream import TlsUpstream

UNTRUSTED = Failed(FailureKind.UNREACHABLE, clause(Cause.UNKNOWN_AUTHORITY, SERVER))
OTHER_NAME = Failed(FailureKind.UNREACHABLE, clause(Cause.CERTIFICATE_OF_OTHER_NAME, SERVER))


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


async def test_the_clients_own_authority_is_trusted(pair: tuple[Path, Path]):
    async with authorization_server(server_context(*pair)) as server, transport() as made:
        answer = await made.send(client_settings(ca_file=str(pair[0])), post(server))
    assert isinstance(answer, ServerAnswer)
    assert answer.status == 200


async def test_an_unknown_certificate_gets_no_byte_of_the_request(pair: tuple[Path, Path]):
    async with authorization_server(server_context(*pair)) as server, transport() as made:
        assert await made.send(client_settings(), post(server)) == UNTRUSTED
    assert server.requests == []


async def test_a_certificate_for_another_name_is_refused(pair: tuple[Path, Path]):
    async with authorization_server(server_context(*pair)) as server, transport() as made:
        request = ServerRequest(f"https://localhost:{server.port}/token", {}, b"")
        assert await made.send(client_settings(ca_file=str(pair[0])), request) == OTHER_NAME
    assert server.requests == []


async def test_a_server_without_tls_is_not_spoken_to_in_plain():
    async with authorization_server() as server, transport() as made:
        request = ServerRequest(f"https://127.0.0.1:{server.port}/token", {}, b"")
        outcome = await made.send(client_settings(timeout_s=2.0), request)
    assert isinstance(outcome, Failed)
    assert server.requests == []


@pytest.mark.parametrize(
    ("newest", "oldest", "is_accepted"),
    [
        (ssl.TLSVersion.TLSv1_2, TlsVersion.TLS_1_2, True),
        (ssl.TLSVersion.TLSv1_2, TlsVersion.TLS_1_3, False),
        (ssl.TLSVersion.TLSv1_3, TlsVersion.TLS_1_3, True),
    ],
)
async def test_a_server_that_speaks_only_older_tls_is_refused(
    pair: tuple[Path, Path], newest: ssl.TLSVersion, oldest: TlsVersion, is_accepted: bool
):
    context = server_context(*pair)
    context.maximum_version = newest
    async with authorization_server(context) as server, transport() as made:
        outcome = await made.send(client_settings(ca_file=str(pair[0]), min_tls=oldest), post(server))
    assert isinstance(outcome, ServerAnswer) if is_accepted else outcome.kind is FailureKind.UNREACHABLE
    assert bool(server.requests) == is_accepted


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_unusable_ca_file_is_a_failure(tmp_path: Path, content: str | None):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    async with transport() as made:
        request = ServerRequest("https://127.0.0.1:1/", {}, b"")
        failed = await made.send(client_settings(ca_file=str(path)), request)
    what = (
        "cannot be read: No such file or directory"
        if content is None
        else "contains no certificate in PEM form"
    )
    assert failed == Failed(FailureKind.UNSENT, f"tls.ca: {path} {what}")
    assert (failed.cause, failed.key, failed.was_sent) == (Cause.FILE_UNUSABLE, "tls.ca", False)


async def test_an_unusable_certificate_of_ours_is_another_failure(tmp_path: Path):
    files = TlsFiles(str(tmp_path / "none.pem"), str(tmp_path / "none.key"))
    client = client_settings(grant=replace(client_settings().grant, certificate=files))
    async with transport() as made:
        request = ServerRequest("https://127.0.0.1:1/", {}, b"")
        failed = await made.send(client, request)
    what = "cannot be read: No such file or directory"
    assert failed == Failed(FailureKind.UNSENT, f"tls.certificate: {files.certificate} {what}")


async def test_a_replaced_authority_is_trusted_at_the_next_request(tmp_path: Path):
    (tmp_path / "other").mkdir()
    pair, other = make_certificate(tmp_path), make_certificate(tmp_path / "other")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(other[0].read_bytes())
    async with authorization_server(server_context(*pair)) as server, transport() as made:
        client = client_settings(ca_file=str(ca))
        assert await made.send(client, post(server)) == UNTRUSTED
        ca.write_bytes(pair[0].read_bytes())
        assert isinstance(await made.send(client, post(server)), ServerAnswer)


def test_what_a_context_is_made_of_stands_in_the_settings():
    client = client_settings(ca_file="ca.pem", min_tls=TlsVersion.TLS_1_3)
    assert trust_in_server(client) == TrustSettings("ca.pem", None, TlsVersion.TLS_1_3)


# ── whose name it has, and what it demands of us ──────────────────────────────────────────────────


def certified(context: ssl.SSLContext, tmp_path: Path, *names: str) -> str:
    """Have a server show a certificate for `names`, and give the file of who vouches for it."""
    authority = Authority.make(tmp_path / "authority")
    leaf = authority.leaf(*names)
    context.load_cert_chain(leaf.certificate, leaf.key)
    return authority.ca_file


async def test_the_server_name_is_what_is_verified_and_sent(tmp_path: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_file, names = certified(context, tmp_path, "login.example.com"), []
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with authorization_server(context) as server, transport() as made:
        right = client_settings(ca_file=ca_file, server_name="login.example.com")
        assert isinstance(await made.send(right, post(server)), ServerAnswer)
        for name in (None, "other.example.com"):
            client = client_settings(ca_file=ca_file, server_name=name)
            assert await made.send(client, post(server)) == OTHER_NAME
        assert isinstance(await made.send(right, post(server)), ServerAnswer)
    assert (len(server.requests), server.connections) == (2, 1)
    assert names == ["login.example.com", None, "other.example.com"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_the_server_demands_is_told_as_that(tmp_path: Path, version: ssl.TLSVersion):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_file = certified(context, tmp_path, "127.0.0.1")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    with TlsUpstream(context, b"") as server:
        async with transport() as made:
            request = ServerRequest(f"https://127.0.0.1:{server.port}/token", {}, b"")
            outcome = await made.send(client_settings(ca_file=ca_file), request)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNREACHABLE
    assert "demand" in outcome.reason
    assert server.requests == []


@pytest.mark.parametrize("body", [b"a=b", None])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_the_server_does_not_take_is_told_as_that(
    tmp_path: Path, version: ssl.TLSVersion, body: bytes | None
):
    """Its alert comes before or after our handshake is over; "closed the connection" is what aiohttp makes of it."""
    theirs, known, ours = (pair_in(tmp_path / name) for name in ("theirs", "known", "ours"))
    context = asking_context(theirs, known)
    context.minimum_version = context.maximum_version = version
    client = client_settings(ca_file=theirs.certificate)
    client = replace(client, grant=replace(client.grant, certificate=ours))
    with TlsUpstream(context, b"") as server:
        async with transport() as made:
            request = ServerRequest(f"https://127.0.0.1:{server.port}/token", {}, body)
            outcome = await made.send(client, request)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.OWN_CERTIFICATE_REFUSED
    assert "refused the certificate that the gateway presented" in outcome.reason
