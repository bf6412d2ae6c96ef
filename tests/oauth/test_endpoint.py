"""The POST to the token endpoint, over real sockets."""

import asyncio
import gzip
import socket
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from gateway.core.secret import Secret
from gateway.core.server_answer import MAX_ANSWER_BYTES
from gateway.core.settings import AuthMethod, ClientSettings
from gateway.core.token_outcome import Failed, FailureKind, Granted
from gateway.oauth.transport import failure_of
from tests.oauth.authorization_server import HANG, authorization_server, http, http_json
from tests.oauth.certificates import make_certificate
from tests.oauth.fakes import CLIENT_SECRET, client_settings, new_endpoint

TOKEN = b'{"access_token":"access_token_1","token_type":"Bearer"}'


@asynccontextmanager
async def token_endpoint():
    endpoint = new_endpoint()
    try:
        yield endpoint
    finally:
        await endpoint.close()


def client_at(port: int, *, path: str = "/token", scheme: str = "http", **members: object) -> ClientSettings:
    return client_settings(f"{scheme}://127.0.0.1:{port}{path}", **members)


async def fetch_answered(answer: bytes, **members: object) -> Granted | Failed:
    """What comes of one token request that is answered with `answer`."""
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: answer
        outcome = await endpoint.fetch(client_at(server.port, **members))
        assert len(server.requests) <= 1  # none, where a short timeout was over before it was read
        return outcome


def kind_of(outcome: Granted | Failed) -> FailureKind:
    assert isinstance(outcome, Failed)
    return outcome.kind


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


async def test_one_post_with_one_set_of_credentials_goes_out():
    async with authorization_server() as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(server.port))
    assert isinstance(outcome, Granted)
    assert outcome.access_token.reveal() == "access_token_1"
    [request] = server.requests
    assert request.lines[0] == b"POST /token HTTP/1.1"
    assert request.body == b"grant_type=client_credentials&scope=a%20b"
    assert len(request.values(b"authorization")) == 1
    assert request.values(b"content-type") == [b"application/x-www-form-urlencoded"]
    assert request.values(b"accept") == [b"application/json"]
    assert request.values(b"accept-encoding") == [b"identity"]
    assert request.values(b"user-agent")[0].startswith(b"gateway/")
    assert request.values(b"cookie") == []


async def test_with_client_secret_post_no_authorization_goes_out():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = client_at(server.port)
        by_post = replace(client, grant=replace(client.grant, method=AuthMethod.CLIENT_SECRET_POST))
        assert isinstance(await endpoint.fetch(by_post), Granted)
    assert server.requests[0].values(b"authorization") == []
    assert b"client_secret=" + CLIENT_SECRET.encode() in server.requests[0].body


@pytest.mark.parametrize("target", ["/token?tenant=acme", "/a%2Fb/token?x=%41+b", "/token?x=a;b&y"])
async def test_path_and_query_of_the_endpoint_stay_as_they_were_written(target: str):
    async with authorization_server() as server, token_endpoint() as endpoint:
        await endpoint.fetch(client_at(server.port, path=target))
    assert server.requests[0].lines[0] == f"POST {target} HTTP/1.1".encode()


async def test_a_connection_is_used_again():
    async with authorization_server() as server, token_endpoint() as endpoint:
        for _ in range(3):
            assert isinstance(await endpoint.fetch(client_at(server.port)), Granted)
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_cookie_is_not_sent_back():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: http(200, TOKEN, Set_Cookie="session=1; Path=/")
        for _ in range(2):
            await endpoint.fetch(client_at(server.port))
    assert server.requests[1].values(b"cookie") == []


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch):
    async with (
        authorization_server() as server,
        authorization_server() as proxy,
        token_endpoint() as endpoint,
    ):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        await endpoint.fetch(client_at(server.port))
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_the_configured_proxy_is_used():
    async with authorization_server() as proxy, token_endpoint() as endpoint:
        client = client_settings("http://login.invalid/token", proxy=f"http://127.0.0.1:{proxy.port}")
        assert isinstance(await endpoint.fetch(client), Granted)
    assert proxy.requests[0].lines[0] == b"POST http://login.invalid/token HTTP/1.1"


async def test_the_secret_is_read_at_each_request():
    secrets = iter([Secret("first"), Secret("second")])
    async with authorization_server() as server, token_endpoint() as endpoint:
        for _ in range(2):
            await endpoint.fetch(client_at(server.port, credentials=(lambda: next(secrets),)))
    sent = [request.values(b"authorization")[0] for request in server.requests]
    assert sent[0] != sent[1]


def unreadable() -> Secret:
    raise FileNotFoundError("/run/secrets/crm")


@pytest.mark.parametrize("reader", [unreadable, lambda: Secret("\udcff")])
async def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_is_sent(reader):
    async with authorization_server() as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(server.port, credentials=(reader,)))
    assert kind_of(outcome) is FailureKind.UNREACHABLE
    assert server.requests == []


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http_json(401, {"error": "invalid_client"}), FailureKind.REFUSED),
        (http(503, Retry_After="7"), FailureKind.UNREACHABLE),
        (http(200, b"<html>"), FailureKind.INVALID),
        (http(200, gzip.compress(TOKEN), Content_Encoding="gzip"), FailureKind.INVALID),
        (b"HTTP/1.1 200 X\r\nContent-Length: 999\r\n\r\n{", FailureKind.UNREACHABLE),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", FailureKind.INVALID),
        (b"\x00\xff\x00\xff\r\n\r\n", FailureKind.INVALID),
        (b"HTTP/1.1 200 X\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", FailureKind.INVALID),
        (b"", FailureKind.UNREACHABLE),
    ],
)
async def test_whatever_comes_back_is_a_value(answer: bytes, kind: FailureKind):
    assert kind_of(await fetch_answered(answer)) is kind


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int):
    async with authorization_server() as elsewhere:
        location = f"http://127.0.0.1:{elsewhere.port}/token"
        assert kind_of(await fetch_answered(http(status, Location=location))) is FailureKind.INVALID
    assert elsewhere.requests == []


async def test_an_answer_of_a_mebibyte_is_read_and_one_byte_more_is_refused():
    longest = TOKEN + b" " * (MAX_ANSWER_BYTES - len(TOKEN))
    assert isinstance(await fetch_answered(http(200, longest)), Granted)
    assert kind_of(await fetch_answered(http(200, longest + b" "))) is FailureKind.INVALID


async def test_an_answer_without_end_is_cut_off():
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    endless = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 40
    outcome = await fetch_answered(endless)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "the authorization server answered more than 1 MiB"


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 X\r\nContent-", b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{"]
)
async def test_a_server_that_hangs_is_given_up(said: bytes):
    assert kind_of(await fetch_answered(said + HANG, timeout_s=0.05)) is FailureKind.SLOW


async def test_a_server_that_is_down_is_unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        async with token_endpoint() as endpoint:
            outcome = await endpoint.fetch(client_at(taken.getsockname()[1]))
    assert kind_of(outcome) is FailureKind.UNREACHABLE


@pytest.mark.parametrize("url", ["http://[/token", "http://:0/token", "nonsense", ""])
async def test_an_endpoint_that_is_no_url_is_a_failure(url: str):
    async with token_endpoint() as endpoint:
        assert isinstance(await endpoint.fetch(client_settings(url)), Failed)


async def test_cancellation_ends_the_request():
    async with authorization_server() as server, token_endpoint() as endpoint:
        server.answer = lambda: HANG
        asking = asyncio.create_task(endpoint.fetch(client_at(server.port)))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


def test_no_text_of_a_foreign_exception_survives():
    error = aiohttp.InvalidURL("http://user:hunter2@host/", "hunter2")
    for foreign in (error, OSError("hunter2"), ValueError("hunter2"), TimeoutError("hunter2")):
        assert "hunter2" not in repr(failure_of(foreign))


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_the_clients_own_authority_is_trusted(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    tls = server_context(certificate, key)
    async with authorization_server(tls) as server, token_endpoint() as endpoint:
        client = client_at(server.port, scheme="https", ca_file=str(certificate))
        assert isinstance(await endpoint.fetch(client), Granted)


async def test_an_unknown_certificate_gets_no_byte_of_the_request(tmp_path: Path):
    tls = server_context(*make_certificate(tmp_path))
    async with authorization_server(tls) as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(server.port, scheme="https"))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "no trusted TLS connection to the authorization server"
    assert server.requests == []


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    tls = server_context(certificate, key)
    async with authorization_server(tls) as server, token_endpoint() as endpoint:
        url = f"https://localhost:{server.port}/token"
        outcome = await endpoint.fetch(client_settings(url, ca_file=str(certificate)))
    assert kind_of(outcome) is FailureKind.UNREACHABLE
    assert server.requests == []


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_unusable_ca_file_is_a_failure(tmp_path: Path, content: str | None):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    async with token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_at(1, scheme="https", ca_file=str(path)))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "the client's ca_file cannot be used"
