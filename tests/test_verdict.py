"""Why a server could not be reached: real TLS and sockets, and the same verdict for both ways."""

import asyncio
import errno
import os
import socket
import ssl
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cause import CLAUSES, TLS_CAUSES, Cause, clause
from gateway.core.errors import UpstreamError
from gateway.core.oauth.client_trouble import cause_of
from gateway.core.oauth.token_outcome import Failed
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.client_settings import TlsFiles, TlsVersion
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.oauth.transport import SERVER, ServerRequest, Transport, failure_of
from gateway.proxy.outgoing.dialer import Dialer
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.tls.pem_files import CertificateUnusable, FileUnusable
from gateway.tls.trust import Trust
from gateway.verdict import Way, verdict
from tests.oauth.fakes import client_settings
from tests.wire.certificates import Authority

WAIT_S = 5.0
UPSTREAM = Way("upstream", is_tls=True)


# ── over sockets ──────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def tls_server(context: ssl.SSLContext | None):
    """A server on OpenSSL itself, which sends its alerts: asyncio's and uvloop's drop the connection without.

    It serves until the end of the block; without a context it answers in plain HTTP.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            taken.settimeout(WAIT_S)
            try:
                with taken if context is None else context.wrap_socket(taken, server_side=True) as connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                taken.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        await asyncio.to_thread(thread.join)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("stranger"))


def shown(files: TlsFiles, *, asks: Authority | None = None, newest=None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    if asks is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(asks.ca_file)
    if newest is not None:
        context.maximum_version = newest
    return context


async def both_ways(port: int, ca_file: str | None, ours: TlsFiles | None, oldest: TlsVersion):
    """What the token's way and the request's way say of one server."""
    client = client_settings(ca_file=ca_file, min_tls=oldest)
    client = _showing(client, ours)
    transport = Transport(Trust())
    try:
        failed = await transport.send(client, ServerRequest(f"https://127.0.0.1:{port}/token", {}, b"a=b"))
    finally:
        await transport.close()
    assert isinstance(failed, Failed)
    settings = UpstreamSettings(
        Scheme.HTTPS, "127.0.0.1", port, ca_file=ca_file, certificate=ours, min_tls=oldest
    )
    loop = asyncio.get_running_loop()
    dialer = Dialer(settings, loop, Trust(), Resolver())
    try:
        connection = await dialer.dial(lambda: UpstreamConnection(loop, Limits(), lambda _: None), WAIT_S)
        connection.transport.abort()
    except UpstreamError as error:
        return failed, error
    return failed, None


def _showing(client, ours):
    return replace(client, grant=replace(client.grant, certificate=ours))


CASES = {
    "of another authority": (Cause.UNKNOWN_AUTHORITY, {"ca": "stranger"}),
    "of nobody that the system knows": (Cause.UNKNOWN_AUTHORITY, {"ca": None}),
    "expired": (Cause.CERTIFICATE_EXPIRED, {"leaf": ("127.0.0.1", -1)}),
    "for another name": (Cause.CERTIFICATE_OF_OTHER_NAME, {"leaf": ("crm.example.com", 1)}),
    "plain": (Cause.NOT_TLS, {"plain": True}),
    "too old": (Cause.TLS_VERSION, {"newest": ssl.TLSVersion.TLSv1_2, "oldest": TlsVersion.TLS_1_3}),
    "refuses ours": (
        Cause.OWN_CERTIFICATE_REFUSED,
        {"asks": True, "ours": "stranger", "newest": ssl.TLSVersion.TLSv1_2},
    ),
    "wants ours": (Cause.TLS_BROKEN, {"asks": True, "newest": ssl.TLSVersion.TLSv1_2}),
}


@pytest.mark.parametrize("name", CASES)
async def test_both_ways_say_the_same_of_a_broken_handshake(name, authority, stranger):
    cause, case = CASES[name]
    leaf = authority.leaf(case.get("leaf", ("127.0.0.1", 1))[0], days=case.get("leaf", ("", 1))[1])
    context = shown(leaf, asks=authority if "asks" in case else None, newest=case.get("newest"))
    ca = {"stranger": stranger.ca_file, None: None}.get(case.get("ca", "ours"), authority.ca_file)
    ours = stranger.leaf("gateway") if "ours" in case else None
    async with tls_server(None if "plain" in case else context) as port:
        failed, error = await both_ways(port, ca, ours, case.get("oldest", TlsVersion.TLS_1_2))
    assert (failed.cause, failed.was_sent) == (cause, False)
    assert error is not None
    assert (error.cause, error.code) == (cause, "upstream_tls_failed")
    assert failed.reason == clause(cause, SERVER)
    assert error.detail == clause(cause, "upstream")


@pytest.mark.parametrize(
    ("has_one", "cause"), [(False, Cause.OWN_CERTIFICATE_MISSING), (True, Cause.OWN_CERTIFICATE_REFUSED)]
)
async def test_a_certificate_of_ours_that_is_missed_after_the_handshake_is_told(
    has_one, cause, authority, stranger
):
    """With TLS 1.3 the connection is made before the server says so (RFC 8446 section 4.4.2.4)."""
    context = shown(authority.leaf("127.0.0.1"), asks=authority)
    ours = stranger.leaf("gateway") if has_one else None
    async with tls_server(context) as port:
        failed, _ = await both_ways(port, authority.ca_file, ours, TlsVersion.TLS_1_3)
    # Where the alert comes while the request is being written, the broken pipe hides it.
    assert failed.cause in {cause, Cause.CONNECTION_BROKEN}


async def test_both_ways_say_the_same_where_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failed, error = await both_ways(taken.getsockname()[1], None, None, TlsVersion.TLS_1_2)
    assert (failed.cause, failed.was_sent) == (Cause.CONNECTION_REFUSED, False)
    assert error is not None
    assert error.cause is Cause.CONNECTION_REFUSED
    assert failed.reason == "no connection to the authorization server: Connection refused"
    assert error.detail == "no connection to the upstream: Connection refused"


async def test_who_drops_a_handshake_is_asked_for_what_is_usual(authority):
    """A port where something else listens, or a server that drops whom it does not like."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing = threading.Thread(target=lambda: [listener.accept()[0].close() for _ in range(2)])
        closing.start()
        failed, error = await both_ways(
            listener.getsockname()[1], authority.ca_file, None, TlsVersion.TLS_1_2
        )
        await asyncio.to_thread(closing.join)
    assert failed.cause is Cause.TLS_BROKEN
    assert error is not None
    assert error.cause is Cause.TLS_BROKEN


# ── of values ─────────────────────────────────────────────────────────────────────────────────────


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] s3cr3t")
    error.reason = reason
    return error


def refused(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] s3cr3t")
    error.verify_code, error.verify_message = code, "permitted subtree violation"
    return error


VALUES = [
    (tls_error("TLSV1_ALERT_UNKNOWN_CA"), Cause.OWN_CERTIFICATE_MISSING),
    (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Cause.OWN_CERTIFICATE_MISSING),
    (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), Cause.TLS_BROKEN),
    (tls_error("TLSV1_UNRECOGNIZED_NAME"), Cause.TLS_BROKEN),
    (tls_error("TLSV1_ALERT_UNRECOGNIZED_NAME"), Cause.CERTIFICATE_OF_OTHER_NAME),
    (tls_error("PACKET_LENGTH_TOO_LONG"), Cause.NOT_TLS),
    (tls_error("a reason that nobody knows"), Cause.TLS_BROKEN),
    (ssl.SSLZeroReturnError(6, "s3cr3t"), Cause.TLS_BROKEN),
    (refused(9), Cause.CERTIFICATE_NOT_YET_VALID),
    (refused(18), Cause.UNKNOWN_AUTHORITY),
    (refused(62), Cause.CERTIFICATE_OF_OTHER_NAME),
    (refused(47), Cause.CERTIFICATE_REFUSED),
    (ssl.CertificateError("s3cr3t"), Cause.CERTIFICATE_REFUSED),
    (socket.gaierror(-2, "s3cr3t"), Cause.NAME_UNRESOLVED),
    (UnicodeError("label s3cr3t too long"), Cause.NAME_UNRESOLVED),
    (ConnectionRefusedError(111, "s3cr3t"), Cause.CONNECTION_REFUSED),
    (FileNotFoundError(2, "s3cr3t", "/s3cr3t"), Cause.NOT_REACHED),
    (OSError(101, "s3cr3t"), Cause.NOT_REACHED),
    (OSError("Multiple exceptions: [Errno 101] s3cr3t, [Errno 111] s3cr3t"), Cause.CONNECTION_REFUSED),
    (OSError("Multiple exceptions: [Errno 99] s3cr3t, [Errno 113] s3cr3t"), Cause.NOT_REACHED),
    (ConnectionResetError(104, "s3cr3t"), Cause.TLS_BROKEN),
    (ConnectionResetError(), Cause.TLS_BROKEN),
    (FileUnusable("tls.ca", "/a.pem", "cannot be read"), Cause.FILE_UNUSABLE),
    (CertificateUnusable("tls.key", "/a.key", "cannot be read"), Cause.FILE_UNUSABLE),
]


@pytest.mark.parametrize(("error", "cause"), VALUES)
def test_a_foreign_exception_is_judged_without_its_text(error, cause):
    found = verdict(error, UPSTREAM)
    assert found is not None
    assert found.cause is cause
    assert "s3cr3t" not in found.words


@pytest.mark.parametrize(("error", "cause"), VALUES)
def test_it_is_found_wherever_it_was_wrapped(error, cause):
    wrapped = (
        aiohttp.ClientOSError(5, "s3cr3t") if isinstance(error, ssl.SSLError) else RuntimeError("s3cr3t")
    )
    wrapped.__cause__ = error
    found = verdict(wrapped, UPSTREAM)
    assert found is not None
    assert found.cause is cause


def test_without_tls_a_broken_connection_is_called_that():
    found = verdict(ConnectionResetError(errno.ECONNRESET, "s3cr3t"), Way("upstream"))
    assert found is not None
    assert (found.cause, found.words) == (
        Cause.CONNECTION_BROKEN,
        f"no connection to the upstream: {os.strerror(errno.ECONNRESET)}",
    )


@pytest.mark.parametrize("error", [ValueError("a"), OSError("nobody knows"), RuntimeError()])
def test_of_what_tells_nothing_there_is_no_verdict(error):
    assert verdict(error, UPSTREAM) is None


def test_exceptions_that_lead_to_each_other_end():
    one, other = RuntimeError(), RuntimeError()
    one.__context__, other.__context__ = other, one
    assert verdict(one, UPSTREAM) is None


def test_every_cause_of_tls_has_its_clause_for_both_sides():
    assert set(CLAUSES) >= TLS_CAUSES
    for cause in CLAUSES:
        assert SERVER in clause(cause, SERVER)
        assert "{{" not in clause(cause, SERVER)


@given(st.integers(1, 133), st.booleans(), st.booleans())
def test_every_number_of_the_system_gives_a_failure_without_foreign_text(number, is_tls, is_connected):
    failed = failure_of(OSError(number, "s3cr3t"), Way(SERVER, is_tls=is_tls, is_connected=is_connected))
    assert "s3cr3t" not in failed.reason
    assert cause_of(failed) is not None
