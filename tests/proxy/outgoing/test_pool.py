from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import (
    RouteFileUnusable,
    Side,
    UpstreamClosed,
    UpstreamConnectTimeout,
    UpstreamNameUnresolved,
    UpstreamTimeout,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.client_settings import TlsVersion
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.proxy.census import Census
from gateway.proxy.outgoing.dialer import connect_error, trust_in_upstream, way_to
from gateway.proxy.outgoing.pool import IDLE_TIMEOUT_S, MOST_IDLE, Pool
from gateway.proxy.outgoing.room import Room
from gateway.tls.pem_files import CertificateUnusable, FileUnusable
from gateway.tls.trust import Trust
from tests.oauth.certificates import make_certificate

WAIT_S = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Upstream:
    """Keeps every connection that it takes, for the test to write to or to close."""

    def __init__(self, server):
        self.server = server
        self.taken = asyncio.Queue()
        self.writers = []

    async def take(self):
        async with asyncio.timeout(WAIT_S):
            return await self.taken.get()


@asynccontextmanager
async def upstream(path=None, tls=None):
    def accept(_reader, writer):
        at.writers.append(writer)
        at.taken.put_nowait(writer)

    at = Upstream(None)
    if path is None:
        at.server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    else:
        at.server = await asyncio.start_unix_server(accept, path)
    try:
        yield at
    finally:
        at.server.close()
        for writer in at.writers:
            writer.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def pool(settings, trust=None, resolver=None):
    made = Pool(
        settings,
        Room(Limits(), Census(100)),
        asyncio.get_running_loop(),
        trust or Trust(),
        resolver or Resolver(),
    )
    try:
        yield made
    finally:
        made.close()
        for _ in range(5):
            await asyncio.sleep(0)


def http(port, **more):
    return UpstreamSettings(Scheme.HTTP, "127.0.0.1", port, **more)


@asynccontextmanager
async def pooled():
    async with upstream() as at, pool(http(at.server.sockets[0].getsockname()[1])) as made:
        yield made, at


async def used(made, at):
    """A connection that has had an exchange and was given back, and its other end."""
    connection = made.idle_connection() or await made.connect(WAIT_S)
    writer = await at.take() if not connection.exchanges else None
    await exchange(connection, writer)
    made.release(connection)
    return connection, writer


async def exchange(connection, writer):
    connection.begin(is_head=False)
    connection.request_is_sent = True
    happens = connection.happens()
    writer.write(OK)
    async with asyncio.timeout(WAIT_S):
        await happens


async def several(made, at, count):
    """So many connections in use at once, and their other ends."""
    connections = [await made.connect(WAIT_S) for _ in range(count)]
    by_port = {
        writer.get_extra_info("peername")[1]: writer for writer in [await at.take() for _ in range(count)]
    }
    ends = [by_port[one.transport.get_extra_info("sockname")[1]] for one in connections]
    for connection, end in zip(connections, ends, strict=True):
        await exchange(connection, end)
    return connections, ends


# ── kept and used again ───────────────────────────────────────────────────────────────────────────


async def test_a_new_pool_has_no_connection():
    async with pooled() as (made, _):
        assert made.idle_connection() is None
        assert repr(made).endswith("0 open, 0 idle>")


async def test_a_connection_is_used_again():
    async with pooled() as (made, at):
        connection, _ = await used(made, at)

        assert repr(made).endswith("1 open, 1 idle>")
        assert made.idle_connection() is connection
        assert made.idle_connection() is None


async def test_the_connection_used_last_is_used_first():
    """With two connections: with one, any order would pass."""
    async with pooled() as (made, at):
        connections, _ = await several(made, at, 3)
        for connection in connections:
            made.release(connection)

        assert [made.idle_connection() for _ in connections] == connections[::-1]


async def test_a_connection_that_may_not_serve_another_is_not_kept():
    async with pooled() as (made, at):
        connection = await made.connect(WAIT_S)
        await at.take()
        connection.begin(is_head=False)
        made.release(connection)

        assert made.idle_connection() is None
        assert connection.is_gone


async def test_a_connection_that_the_upstream_closed_while_idle_is_not_given():
    async with pooled() as (made, at):
        connections, ends = await several(made, at, 2)
        for connection in connections:
            made.release(connection)
        ends[1].close()
        async with asyncio.timeout(WAIT_S):
            while connections[1].is_open:
                await asyncio.sleep(0)

        assert made.idle_connection() is connections[0]
        assert made.idle_connection() is None


async def test_a_connection_that_is_gone_is_not_idle():
    """It would hide how old the others are, and count against the most that are kept."""
    async with pooled() as (made, at):
        connections, ends = await several(made, at, 2)
        for connection in connections:
            made.release(connection)
        ends[0].close()
        async with asyncio.timeout(WAIT_S):
            while not connections[0].is_gone:
                await asyncio.sleep(0)

        assert repr(made).endswith("1 open, 1 idle>")
        assert made.idle_since_s == connections[1].idle_since_s


async def test_more_idle_connections_than_the_most_are_not_kept():
    async with pooled() as (made, at):
        connections, _ = await several(made, at, MOST_IDLE + 1)
        for connection in connections:
            made.release(connection)

        assert [connection.is_gone for connection in connections] == [False] * MOST_IDLE + [True]


# ── swept ─────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_idle_for_too_long_is_closed_and_nothing_else():
    async with pooled() as (made, at):
        connections, _ = await several(made, at, 2)
        for connection, since_s in zip(connections, (100.0, 101.0), strict=True):
            made.release(connection)
            connection.idle_since_s = since_s

        made.sweep(100.0 + IDLE_TIMEOUT_S - 0.001)
        before = [connection.is_gone for connection in connections]
        made.sweep(100.0 + IDLE_TIMEOUT_S)

        assert (before, [connection.is_gone for connection in connections]) == ([False, False], [True, False])
        assert made.idle_connection() is connections[1]


async def test_what_is_late_fails():
    async with pooled() as (made, at):
        connection = await made.connect(WAIT_S)
        await at.take()
        connection.begin(is_head=False)
        connection.is_due(100.0)
        made.sweep(99.999)
        connection.check()
        made.sweep(100.0)

        with pytest.raises(UpstreamTimeout):
            connection.check()


async def test_closing_ends_idle_and_busy_connections():
    async with pooled() as (made, at):
        idle, _ = await used(made, at)
        busy = await made.connect(WAIT_S)
        await at.take()
        assert made.idle_connection() is idle
        made.release(idle)
        made.close()
        async with asyncio.timeout(WAIT_S):
            while not repr(made).endswith("0 open, 0 idle>"):
                await asyncio.sleep(0)

        assert (idle.is_gone, busy.is_gone, made.idle_connection()) == (True, True, None)


async def test_a_connection_that_died_before_its_first_exchange_fails_it_at_once():
    async with pooled() as (made, at):
        connection = await made.connect(WAIT_S)
        (await at.take()).transport.abort()
        async with asyncio.timeout(WAIT_S):
            while not connection.is_gone:
                await asyncio.sleep(0)
            connection.begin(is_head=False)
            connection.write(b"GET / HTTP/1.1\r\n\r\n")
            await connection.happens()
        with pytest.raises(UpstreamClosed):
            connection.check()


# ── connecting ────────────────────────────────────────────────────────────────────────────────────


async def test_a_unix_socket_is_connected_to(tmp_path):
    path = str(tmp_path / "legacy.sock")
    settings = UpstreamSettings(Scheme.UNIX, "localhost", 80, path)
    async with upstream(path) as at, pool(settings) as made:
        connection, _ = await used(made, at)

        assert made.idle_connection() is connection


async def test_a_refused_connection_says_so():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        async with pool(http(reserved.getsockname()[1])) as made:
            with pytest.raises(UpstreamUnreachable, match="Connection refused"):
                await made.connect(WAIT_S)


async def test_a_socket_that_is_not_there_says_so(tmp_path):
    async with pool(UpstreamSettings(Scheme.UNIX, "localhost", 80, str(tmp_path / "none"))) as made:
        with pytest.raises(UpstreamUnreachable, match="No such file"):
            await made.connect(WAIT_S)


async def test_a_connection_that_takes_too_long_is_given_up():
    async with upstream() as at, pool(http(at.server.sockets[0].getsockname()[1])) as made:
        with pytest.raises(UpstreamConnectTimeout):
            await made.connect(0.0)

        assert repr(made).endswith("0 open, 0 idle>")


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tuple(map(str, make_certificate(tmp_path_factory.mktemp("tls"))))


@pytest.fixture
def server_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def https(at, **more):
    return UpstreamSettings(Scheme.HTTPS, "127.0.0.1", at.server.sockets[0].getsockname()[1], **more)


async def test_a_certificate_of_a_known_authority_is_trusted(certificate, server_tls):
    async with upstream(tls=server_tls) as at, pool(https(at, ca_file=certificate[0])) as made:
        connection, writer = await used(made, at)
        writer.transport.abort()

        assert connection.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_a_certificate_of_nobody_is_refused(server_tls):
    async with upstream(tls=server_tls) as at, pool(https(at)) as made:
        with pytest.raises(UpstreamTlsFailed, match="authority that is not trusted"):
            await made.connect(WAIT_S)

        assert at.taken.empty()


async def test_a_certificate_of_another_name_is_refused(certificate, server_tls):
    """It stands for 127.0.0.1, which `localhost` leads to."""
    async with upstream(tls=server_tls) as at:
        port = at.server.sockets[0].getsockname()[1]
        settings = UpstreamSettings(Scheme.HTTPS, "localhost", port, ca_file=certificate[0])
        async with pool(settings) as made:
            with pytest.raises(UpstreamTlsFailed, match="for another name"):
                await made.connect(WAIT_S)


async def test_an_upstream_without_tls_is_not_spoken_to_in_plain():
    async def talk(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    settings = UpstreamSettings(Scheme.HTTPS, "127.0.0.1", server.sockets[0].getsockname()[1])
    async with pool(settings) as made:
        with pytest.raises(UpstreamTlsFailed):
            await made.connect(WAIT_S)
    server.close()


async def test_a_file_that_cannot_be_read_is_told_before_anything_listens(tmp_path):
    with pytest.raises(FileUnusable, match=r"tls.ca: .*none.pem cannot be read: No such file"):
        async with pool(UpstreamSettings(Scheme.HTTPS, "a", 443, ca_file=str(tmp_path / "none.pem"))):
            pass


def test_the_oldest_version_of_tls_is_the_routes_own():
    settings = UpstreamSettings(Scheme.HTTPS, "a", 443, min_tls=TlsVersion.TLS_1_3)
    assert Trust().context(trust_in_upstream(settings)).minimum_version is ssl.TLSVersion.TLSv1_3


# ── why there is no connection ────────────────────────────────────────────────────────────────────


WAY = way_to(UpstreamSettings(Scheme.HTTPS, "a", 443))
REASONS = [
    (CertificateUnusable("tls.key", "/a.key", "cannot be read"), RouteFileUnusable, Side.GATEWAY),
    (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] s3cr3t"), UpstreamTlsFailed, Side.UPSTREAM),
    (socket.gaierror(-2, "Name or service not known"), UpstreamNameUnresolved, Side.UPSTREAM),
    (UnicodeError("label s3cr3t too long"), UpstreamNameUnresolved, Side.UPSTREAM),
    (ConnectionRefusedError(111, "Connection refused"), UpstreamUnreachable, Side.UPSTREAM),
    (OSError("Multiple exceptions: s3cr3t"), UpstreamUnreachable, Side.UPSTREAM),
]


@pytest.mark.parametrize(("error", "kind", "side"), REASONS)
def test_a_foreign_exception_becomes_ours_without_its_text(error, kind, side):
    """What it says is in `tests/test_verdict.py`: it is the same for authorization servers."""
    ours = connect_error(error, WAY)

    assert (type(ours), ours.side) == (kind, side)
    assert ours.cause is not None
    assert "s3cr3t" not in ours.detail


async def test_an_idle_connection_makes_room_for_one_to_another_upstream():
    room = Room(Limits(), Census(2))
    async with upstream() as first, upstream() as second:
        loop = asyncio.get_running_loop()
        ones, others = (
            Pool(http(at.server.sockets[0].getsockname()[1]), room, loop, Trust(), Resolver())
            for at in (first, second)
        )
        oldest, _ = await used(ones, first)
        newer = await ones.connect(WAIT_S)
        writer = await first.take()
        await exchange(newer, writer)
        ones.release(newer)
        other = await others.connect(WAIT_S)

        assert (oldest.is_open, newer.is_open, other.is_open) == (False, True, True)
        await asyncio.sleep(0)
        assert room.open == 2
        ones.close()
        others.close()
        await asyncio.sleep(0.01)
        assert room.open == 0


async def test_connections_in_use_make_no_room():
    """There is one caller for each of them, so that their number is bounded already."""
    room = Room(Limits(), Census(1))
    async with upstream() as at:
        made = Pool(
            http(at.server.sockets[0].getsockname()[1]), room, asyncio.get_running_loop(), Trust(), Resolver()
        )
        busy = [await made.connect(WAIT_S) for _ in range(2)]

        assert all(each.is_open for each in busy)
        made.close()
        await asyncio.sleep(0.01)
