"""HTTP to authorization servers, over real sockets: whatever happens is a value."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import pytest

from gateway.core.oauth.server_answer import MAX_ANSWER_BYTES, ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.oauth.transport import TOO_LONG, ServerRequest, Transport, failure_of
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import HANG, FakeAuthorizationServer, authorization_server, http
from tests.oauth.fakes import client_settings


@asynccontextmanager
async def transport():
    made = Transport(Trust())
    try:
        yield made
    finally:
        await made.close()


def post(server: FakeAuthorizationServer, target: str = "/token", **headers: str) -> ServerRequest:
    return ServerRequest(f"{server.origin}{target}", headers, b"a=b")


async def answered(answer: bytes, **members: object) -> ServerAnswer | Failed:
    """What comes of one POST that is answered with `answer`."""
    async with authorization_server() as server, transport() as made:
        server.answer = lambda: answer
        outcome = await made.send(client_settings(**members), post(server))
        assert len(server.requests) <= 1  # none, where a short timeout was over before it was read
        return outcome


def reason_of(outcome: ServerAnswer | Failed) -> tuple[FailureKind, str]:
    assert isinstance(outcome, Failed), outcome
    return outcome.kind, outcome.reason


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


async def test_a_body_is_posted_and_without_one_it_is_a_get():
    async with authorization_server() as server, transport() as made:
        await made.send(client_settings(), post(server, X_A="1"))
        await made.send(client_settings(), ServerRequest(f"{server.origin}/place", {}))
    one, other = server.requests
    assert (one.lines[0], one.body) == (b"POST /token HTTP/1.1", b"a=b")
    assert (other.lines[0], other.body) == (b"GET /place HTTP/1.1", b"")
    assert one.values(b"user-agent")[0].startswith(b"gateway/")
    assert one.values(b"x_a") == [b"1"]


async def test_an_answer_comes_as_it_is_with_names_of_fields_in_lower_case():
    answer = await answered(http(418, b"\x00\xff", DPoP_Nonce="n", X_Y="é"))
    assert isinstance(answer, ServerAnswer)
    assert (answer.status, answer.body, answer.header("dpop-nonce")) == (418, b"\x00\xff", "n")


@pytest.mark.parametrize("target", ["/token?tenant=acme", "/a%2Fb/token?x=%41+b", "/token?x=a;b&y"])
async def test_path_and_query_stay_as_they_were_written(target: str):
    async with authorization_server() as server, transport() as made:
        await made.send(client_settings(), post(server, target))
    assert server.requests[0].target == target


async def test_a_connection_is_used_again():
    async with authorization_server() as server, transport() as made:
        for _ in range(3):
            assert isinstance(await made.send(client_settings(), post(server)), ServerAnswer)
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_cookie_is_not_sent_back():
    async with authorization_server() as server, transport() as made:
        server.answer = lambda: http(200, b"{}", Set_Cookie="session=1; Path=/")
        for _ in range(2):
            await made.send(client_settings(), post(server))
    assert server.requests[1].values(b"cookie") == []


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch):
    async with authorization_server() as server, authorization_server() as proxy, transport() as made:
        monkeypatch.setenv("http_proxy", proxy.origin)
        await made.send(client_settings(), post(server))
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_the_configured_proxy_is_used():
    async with authorization_server() as proxy, transport() as made:
        request = ServerRequest("http://login.invalid/token", {}, b"a=b")
        assert isinstance(await made.send(client_settings(proxy=proxy.origin), request), ServerAnswer)
    assert proxy.requests[0].lines[0] == b"POST http://login.invalid/token HTTP/1.1"


@pytest.mark.parametrize("headers", [{"X-A": "a\r\nX-B: b"}, {"X-A\n": "b"}, {"X-A": "\x00"}])
async def test_a_field_that_would_forge_another_is_not_sent(headers: dict[str, str]):
    async with authorization_server() as server, transport() as made:
        outcome = await made.send(client_settings(), ServerRequest(server.origin, headers, b""))
    assert reason_of(outcome) == (FailureKind.INVALID, "the token request cannot be sent")
    assert server.requests == []


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int):
    async with authorization_server() as elsewhere:
        answer = await answered(http(status, Location=f"{elsewhere.origin}/token"))
    assert isinstance(answer, ServerAnswer)
    assert answer.status == status
    assert elsewhere.requests == []


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZip", " gzip "])
async def test_what_was_compressed_unasked_is_unpacked(coding: str):
    answer = await answered(http(200, gzip.compress(b"{}"), Content_Encoding=coding))
    assert isinstance(answer, ServerAnswer)
    assert answer.body == b"{}"


async def test_what_was_compressed_twice_is_unpacked_though_the_field_comes_twice():
    packed = gzip.compress(zlib.compress(b"{}"))
    head = f"HTTP/1.1 200 X\r\nContent-Length: {len(packed)}\r\n"
    answer = await answered(
        head.encode() + b"Content-Encoding: deflate\r\nContent-Encoding: gzip\r\n\r\n" + packed
    )
    assert isinstance(answer, ServerAnswer)
    assert answer.body == b"{}"


async def test_what_unpacks_to_more_than_a_mebibyte_is_refused():
    packed = gzip.compress(b" " * (MAX_ANSWER_BYTES + 1))
    assert await answered(http(200, packed, Content_Encoding="gzip")) == TOO_LONG


async def test_what_cannot_be_unpacked_stays_as_it_came():
    answer = await answered(http(401, b"{}", Content_Encoding="br"))
    assert isinstance(answer, ServerAnswer)
    assert (answer.status, answer.body) == (401, b"{}")


async def test_an_answer_of_a_mebibyte_is_read_and_one_byte_more_is_refused():
    longest = await answered(http(200, b" " * MAX_ANSWER_BYTES))
    assert isinstance(longest, ServerAnswer)
    assert len(longest.body) == MAX_ANSWER_BYTES
    assert await answered(http(200, b" " * (MAX_ANSWER_BYTES + 1))) == TOO_LONG


async def test_an_answer_without_end_is_cut_off():
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert await answered(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 40) == TOO_LONG


BROKEN = "the authorization server broke off its answer"
NO_HTTP = "the authorization server did not answer in HTTP"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (b"", FailureKind.UNREACHABLE, "the authorization server closed the connection"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 999\r\n\r\n{", FailureKind.UNREACHABLE, BROKEN),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", FailureKind.UNREACHABLE, BROKEN),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", FailureKind.INVALID, NO_HTTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", FailureKind.INVALID, NO_HTTP),
        (b"\x00\xff\x00\xff\r\n\r\n", FailureKind.INVALID, NO_HTTP),
        (b"HTTP/1.1 200 X\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", FailureKind.INVALID, NO_HTTP),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(answer: bytes, kind: FailureKind, reason: str):
    assert reason_of(await answered(answer)) == (kind, reason)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 X\r\nContent-", b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{"]
)
async def test_a_server_that_hangs_is_given_up(said: bytes):
    told = reason_of(await answered(said + HANG, timeout_s=0.05))
    assert told == (FailureKind.SLOW, "the authorization server did not answer in time")


async def test_a_server_that_drips_is_given_up_in_the_end():
    """The timeout is for all of it, not for the next byte."""

    tasks = []

    async def drip(reader, writer):
        tasks.append(asyncio.current_task())
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with transport() as made:
        request = ServerRequest(f"http://127.0.0.1:{port}/", {}, b"")
        told = reason_of(await made.send(client_settings(timeout_s=0.2), request))
    server.close()
    await asyncio.gather(*tasks)
    assert told[0] is FailureKind.SLOW


# ── no connection ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue of connections is full and that nobody accepts from: a SYN goes unanswered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for each in waiting:
                each.close()


async def sent_to(url: str, **members: object) -> tuple[FailureKind, str]:
    async with transport() as made:
        return reason_of(await made.send(client_settings(**members), ServerRequest(url, {}, b"")))


async def test_a_server_that_accepts_no_connection_is_given_up_before_the_whole_time():
    with full() as port:
        told = await sent_to(f"http://127.0.0.1:{port}/", connect_timeout_s=0.1, timeout_s=30.0)
    assert told == (FailureKind.UNREACHABLE, "the authorization server accepted no connection in time")


async def test_the_whole_time_bounds_connecting_too():
    with full() as port:
        told = await sent_to(f"http://127.0.0.1:{port}/", connect_timeout_s=30.0, timeout_s=0.1)
    assert told[0] in {FailureKind.SLOW, FailureKind.UNREACHABLE}


@contextmanager
def closed() -> Iterator[int]:
    """A port that is bound and not listened on: nobody else can answer there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_a_server_that_is_down_is_unreachable():
    with closed() as port:
        told = await sent_to(f"http://127.0.0.1:{port}/")
    assert told == (FailureKind.UNREACHABLE, "no connection to the authorization server: Connection refused")


async def test_a_proxy_that_is_down_is_named():
    with closed() as port:
        told = await sent_to("http://login.invalid/", proxy=f"http://user:hunter2@127.0.0.1:{port}")
    assert told == (FailureKind.UNREACHABLE, "the proxy cannot be reached")


async def test_a_proxy_that_refuses_to_connect_is_named():
    async with authorization_server() as proxy:
        proxy.answer = lambda: http(407)
        told = await sent_to("https://login.invalid/", proxy=proxy.origin)
        assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert told == (FailureKind.UNREACHABLE, "the proxy refused to connect")


async def test_a_name_that_does_not_resolve_is_unreachable():
    told = await sent_to("http://login.invalid/token")
    assert told == (FailureKind.UNREACHABLE, "the authorization server's name does not resolve")


@pytest.mark.parametrize("url", ["http://[/token", "http://:0/token", "nonsense", "", "http://a:99999/"])
async def test_what_is_no_url_is_a_failure(url: str):
    assert (await sent_to(url))[0] in {FailureKind.INVALID, FailureKind.UNREACHABLE}


# ── the end ───────────────────────────────────────────────────────────────────────────────────────


async def test_cancellation_ends_the_request():
    async with authorization_server() as server, transport() as made:
        server.answer = lambda: HANG
        asking = asyncio.create_task(made.send(client_settings(), post(server)))
        await server.asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_what_never_sent_anything_can_be_closed():
    await Transport(Trust()).close()


def test_no_text_of_a_foreign_exception_survives():
    error = aiohttp.InvalidURL("http://user:hunter2@host/", "hunter2")
    for foreign in (error, OSError("hunter2"), ValueError("hunter2"), TimeoutError("hunter2")):
        assert "hunter2" not in repr(failure_of(foreign))


def test_a_request_shows_neither_fields_nor_body():
    request = ServerRequest("https://a.test/", {"Authorization": "hunter2"}, b"hunter2")
    assert "hunter2" not in repr(request)
