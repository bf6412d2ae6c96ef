import asyncio
import json
import socket

import aiohttp
import pytest

from gateway.admin.server import start_admin
from gateway.admin.view import AdminView, Readiness
from gateway.core.settings import Address

SECRET = "access_token_1"


def view(**changes):
    callables = {
        "readiness": Readiness,
        "clients": list,
        "routes": list,
        "metrics": lambda: b"gateway_ready 1.0\n",
    }
    return AdminView(**(callables | changes))


@pytest.fixture
async def admin():
    server = await start_admin(Address("127.0.0.1", 0), view())
    yield server
    await server.close()


async def raw(address, request):
    """The whole answer to raw bytes; the connection is closed by the other side or by us after it."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


async def fetched(address, path, method="GET", **headers):
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{address}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


async def test_a_page_is_served_at_the_port_that_was_free(admin):
    status, headers, body = await fetched(admin.address, "/metrics")

    assert admin.address.port > 0
    assert (status, body) == (200, b"gateway_ready 1.0\n")
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
async def test_no_answer_is_stored_or_shared_with_other_origins(admin, path):
    _, headers, _ = await fetched(admin.address, path)

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not [name for name in headers if name.lower().startswith("access-control-")]


async def test_head_is_answered_without_a_body(admin):
    answer = await raw(
        admin.address, b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")

    assert (head.startswith(b"HTTP/1.1 200 "), body) == (True, b"")
    assert b"Content-Length: 18" in head


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
async def test_a_foreign_page_sees_nothing(admin, headers, status):
    answered, _, body = await fetched(admin.address, "/metrics", **headers)

    assert status == answered
    assert (status == 200) == (b"gateway_ready" in body)


async def test_a_probe_of_http_1_0_needs_no_host(admin):
    assert (await raw(admin.address, b"GET /healthz HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization : access_token_1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: access_token_1\x00\r\n\r\n",
        b"access_token_1\r\n\r\n",
    ],
)
async def test_a_malformed_request_is_answered_without_quoting_it(admin, request_bytes):
    head, _, body = (await raw(admin.address, request_bytes)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.") and b" 400 " in head.splitlines()[0]
    assert json.loads(body)["type"] == "urn:gateway:admin:malformed_request"
    assert b"Content-Type: application/problem+json" in head
    assert SECRET.encode() not in head + body


async def test_a_fault_of_ours_is_a_problem_that_tells_nothing():
    def failing():
        raise ValueError(SECRET)

    server = await start_admin(Address("127.0.0.1", 0), view(clients=failing))
    status, headers, body = await fetched(server.address, "/clients")
    alive, _, _ = await fetched(server.address, "/healthz")
    await server.close()

    assert (status, headers["Content-Type"]) == (500, "application/problem+json")
    assert json.loads(body)["type"] == "urn:gateway:admin:internal_error"
    assert SECRET.encode() not in body
    assert alive == 200


async def test_readiness_is_asked_at_each_request():
    readiness = [Readiness()]
    server = await start_admin(Address("127.0.0.1", 0), view(readiness=lambda: readiness[0]))
    before, _, _ = await fetched(server.address, "/readyz")
    readiness[0] = Readiness(is_draining=True)
    after, _, _ = await fetched(server.address, "/readyz")
    await server.close()

    assert (before, after) == (200, 503)


async def test_it_may_listen_on_a_unix_socket(tmp_path):
    address = Address(path=str(tmp_path / "admin.sock"))
    server = await start_admin(address, view())
    reader, writer = await asyncio.open_unix_connection(address.path)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await server.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert address == server.address


async def test_a_port_that_is_taken_is_an_error():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="address already in use"),
    ):
        await start_admin(Address("127.0.0.1", taken.getsockname()[1]), view())


async def test_nothing_listens_after_the_close(admin):
    await admin.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(admin.address.host, admin.address.port)
