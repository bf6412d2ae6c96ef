import asyncio
import gzip
import json
import re
import socket
import threading
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from gateway.admin.connection import MOST_CONNECTIONS
from gateway.admin.service import start_admin
from gateway.admin.view import AdminView, Readiness
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.listener_settings import Address
from gateway.observe.sweeper import Sweeper

SECRET = "access_token_1"


def view(**changes):
    callables = {
        "readiness": Readiness,
        "clients": list,
        "routes": list,
        "config": lambda: {"reloads": 0},
        "metrics": lambda: iter((b"gateway_ready ", b"1.0\n")),
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
    assert b"Content-Type: text/plain" in head


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
        pytest.raises(OSError, match="Address already in use"),
    ):
        await start_admin(Address("127.0.0.1", taken.getsockname()[1]), view())


async def test_nothing_listens_after_the_close(admin):
    await admin.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(admin.address.host, admin.address.port)


# ── bodies in pieces ──────────────────────────────────────────────────────────────────────────────


async def unpacked(address, path, accepted):
    """What a scraper gets that accepts a coding: the field of the answer, and the body as sent."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {accepted}\r\nConnection: close\r\n\r\n"
    )
    head, _, body = (await raw(address, request.encode())).partition(b"\r\n\r\n")
    data = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        data, body = data + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return b"Content-Encoding: gzip" in head, data


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*", False),
        ("br", False),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/clients"])
async def test_a_long_page_is_compressed_for_who_takes_it(path, accepted, is_packed):
    text = b"x" * 99_999 + b"\n"
    server = await start_admin(
        Address("127.0.0.1", 0),
        view(metrics=lambda: iter([text] * 20), clients=lambda: iter([{"a": "x" * 99_999}] * 20)),
    )
    was_packed, data = await unpacked(server.address, path, accepted)
    await server.close()

    assert was_packed == is_packed
    assert (gzip.decompress(data) if is_packed else data).count(b"x" * 99_999) == 20
    assert (len(data) < 100_000) == is_packed


async def test_other_work_has_its_turn_between_two_pieces_however_many_scrape():
    """Of three scrapes each makes a piece in turn, and the loop does something else between any two."""
    turns = []

    def pieces(name):
        for _ in range(50):
            turns.append(name)
            yield b"x\n"

    async def others(stopped):
        while not stopped.is_set():
            turns.append("-")
            await asyncio.sleep(0)

    names = iter("abc")
    server = await start_admin(Address("127.0.0.1", 0), view(metrics=lambda: pieces(next(names))))
    stopped = asyncio.Event()
    task = asyncio.create_task(others(stopped))
    await asyncio.gather(*(fetched(server.address, "/metrics") for _ in range(3)))
    stopped.set()
    await task
    await server.close()

    told = "".join(turns)
    assert sorted(told.replace("-", "")) == ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    assert re.search(r"[abc]{2}", told) is None


async def test_a_scrape_that_nobody_reads_makes_no_more_than_fits():
    """Memory is bounded by what the connection takes, not by how long the page is."""
    made = []

    def pieces():
        for number in range(10_000):
            made.append(number)
            yield b"x" * 10_000

    server = await start_admin(Address("127.0.0.1", 0), view(metrics=pieces))
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        caller.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(caller, (server.address.host, server.address.port))
        await loop.sock_sendall(caller, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection = await stalled(server)
        unsent = connection._wire.get_write_buffer_size()
        count = len(made)
    await server.close()

    assert unsent < 300_000
    assert count < 9_000


async def stalled(server):
    """The one connection, once its reader has stalled."""
    async with asyncio.timeout(10):
        while not (connections := [one for one in server.server.connections if one.writing_paused]):
            await asyncio.sleep(0.01)
    return connections[0]


async def test_what_takes_long_once_is_done_in_a_thread():
    threads = []
    server = await start_admin(
        Address("127.0.0.1", 0), view(prepare_metrics=lambda: threads.append(threading.current_thread()))
    )
    await fetched(server.address, "/metrics")
    await server.close()

    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


# ── connections that stand still ──────────────────────────────────────────────────────────────────


@asynccontextmanager
async def swept(limits, **changes):
    """Serves with `limits`, and with a sweeper as the gateway has one."""
    server = await start_admin(Address("127.0.0.1", 0), view(**changes), limits)
    sweeper = Sweeper(asyncio.get_running_loop(), [server.server.look], lambda: True)
    sweeper.start()
    try:
        yield server
    finally:
        sweeper.stop()
        await server.close()


QUICK = Limits(head_timeout_s=0.3, keepalive_timeout_s=0.3)
PATIENT = Limits(head_timeout_s=0.3, keepalive_timeout_s=60.0)


async def ends(server, data=b"", *, drip=b"", reads=True):
    """Whether the server closes a connection by itself, while a byte is sent now and then."""
    loop = asyncio.get_running_loop()
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        caller.setblocking(False)
        await loop.sock_connect(caller, (server.address.host, server.address.port))
        await loop.sock_sendall(caller, data)
        async with asyncio.timeout(10):
            if not reads:
                connection = await stalled(server)
                while connection in server.server.connections:
                    await asyncio.sleep(0.02)
                return True
            while True:
                with suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(0.05):
                        if not await loop.sock_recv(caller, 1 << 20):
                            return True
                try:
                    await loop.sock_sendall(caller, drip)
                except ConnectionError:
                    return True


@pytest.mark.parametrize(
    ("limits", "data", "drip"),
    [
        (QUICK, b"", b""),
        (QUICK, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
        (PATIENT, b"GET /healthz HT", b""),
        (PATIENT, b"GET /healthz HTTP/1.1\r\nX: ", b"x"),
        (PATIENT, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nX: ", b"x"),
        (PATIENT, b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n", b"x"),
    ],
    ids=["silent", "idle", "half a head", "dripping", "dripping the second head", "dripping a body"],
)
async def test_a_connection_that_stands_still_or_drips_is_ended(limits, data, drip):
    async with swept(limits) as server:
        assert await ends(server, data, drip=drip)


@pytest.mark.parametrize("field", ["", "Connection: close\r\n"])
async def test_a_connection_whose_answer_nobody_reads_is_ended(field):
    def endless():
        while True:
            yield b"x" * 10_000

    request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode()
    async with swept(QUICK, metrics=endless) as server:
        assert await ends(server, request, reads=False)


async def test_whoever_holds_all_connections_shuts_no_probe_out():
    server = await start_admin(Address("127.0.0.1", 0), view())
    held = [
        await asyncio.open_connection(server.address.host, server.address.port)
        for _ in range(3 * MOST_CONNECTIONS)
    ]
    for _, writer in held[::2]:
        writer.write(b"GET /healthz HTT")
    status, _, _ = await fetched(server.address, "/healthz")
    count = len(server.server.connections)
    for _, writer in held:
        writer.close()
    await server.close()

    assert status == 200
    assert count <= MOST_CONNECTIONS + 1
