"""TLS on both sides, unix sockets on both sides. The upstream is verified before it gets a byte.

RFC 9110 section 4.3.4; nginx CVE-2026-1642 in `docs/security.md`.
"""

import asyncio
import os
import ssl
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.core.settings.listener_settings import Address, ListenerSettings, SocketAccess
from gateway.core.settings.proxies import TrustedProxies
from gateway.core.settings.upstream_settings import Scheme
from gateway.observe.sweeper import SWEEP_S
from tests.wire.caller import WAIT_S, RawCaller
from tests.wire.certificates import Authority, server_context
from tests.wire.messages import Broken, chunked, request
from tests.wire.rig import LOOPBACK, Rig


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def secure(authority, host="localhost", **members):
    """Routes to the fake upstream over TLS, trusting one authority."""

    def routes(rig):
        known = {"scheme": Scheme.HTTPS, "host": host, "ca_file": authority.ca_file}
        return [rig.route(upstream=rig.upstream_settings(**(known | members)))]

    return routes


async def test_an_upstream_whose_certificate_is_right_is_spoken_to(authority):
    context = server_context(authority.leaf("localhost", "127.0.0.1"))
    for host in ("localhost", "127.0.0.1"):
        async with Rig(routes=secure(authority, host), upstream_tls=context) as rig:
            for _ in range(2):
                assert (await rig.get()).status == 200

            assert rig.upstream.tokens == ["token_1"] * 2
            assert rig.upstream.connections == 1
            assert rig.upstream.requests[0].head.value("Host") == f"{host}:{rig.upstream.port}".encode()


async def refused_before_a_byte(rig):
    answer = await rig.get()

    assert (answer.status, answer.code) == (502, "upstream_tls_failed")
    assert answer.problem["side"] == "upstream"
    assert rig.upstream.saw_nothing
    assert "token_1" not in answer.body.decode()


async def test_an_unknown_authority_is_refused_before_a_byte_is_sent(authority, tmp_path):
    stranger = Authority.make(tmp_path / "stranger")
    context = server_context(stranger.leaf("localhost"))
    async with Rig(routes=secure(authority), upstream_tls=context) as rig:
        await refused_before_a_byte(rig)


async def test_an_upstream_is_not_trusted_by_the_systems_authorities_alone(authority):
    context = server_context(authority.leaf("localhost"))
    async with Rig(routes=secure(authority, ca_file=None), upstream_tls=context) as rig:
        await refused_before_a_byte(rig)


@pytest.mark.parametrize(("names", "host"), [(("other.test",), "localhost"), (("localhost",), "127.0.0.1")])
async def test_a_certificate_for_another_host_is_refused(authority, names, host):
    context = server_context(authority.leaf(*names))
    async with Rig(routes=secure(authority, host), upstream_tls=context) as rig:
        await refused_before_a_byte(rig)


async def test_an_expired_certificate_is_refused(authority):
    context = server_context(authority.leaf("localhost", days=-2))
    async with Rig(routes=secure(authority), upstream_tls=context) as rig:
        await refused_before_a_byte(rig)


async def test_an_upstream_without_tls_is_refused(authority):
    """As a plain server does: it cannot read the handshake, says so in HTTP, and closes."""

    async def plain(reader, writer):
        await reader.read(16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, Rig(routes=secure(authority, port=server.sockets[0].getsockname()[1])) as rig:
        answer = await rig.get()

        assert (answer.status, answer.code) == (502, "upstream_tls_failed")


async def test_our_own_certificate_is_shown_to_an_upstream_that_demands_one(authority):
    context = server_context(authority.leaf("localhost"), client_authority=authority)
    routes = secure(authority, certificate=authority.leaf("gateway.test"))
    async with Rig(routes=routes, upstream_tls=context) as rig:
        assert (await rig.get()).status == 200


async def test_without_the_certificate_that_the_upstream_demands_nothing_is_sent(authority):
    context = server_context(authority.leaf("localhost"), client_authority=authority)
    async with Rig(routes=secure(authority), upstream_tls=context) as rig:
        answer = await rig.get()

        assert answer.status == 502
        assert rig.upstream.saw_nothing


async def test_bodies_pass_over_tls_in_both_directions(authority):
    async def echo(exchange):
        body = await exchange.body()
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body))

    body = bytes(range(256)) * 8192
    context = server_context(authority.leaf("localhost"))
    async with Rig(echo, routes=secure(authority), upstream_tls=context) as rig:
        assert (await rig.ask(request("PUT", "/", body=body))).body == body


async def test_an_upstream_that_ends_tls_in_the_middle_of_a_body_breaks_the_answer(authority):
    async def half(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        exchange.close()

    context = server_context(authority.leaf("localhost"))
    async with Rig(half, routes=secure(authority), upstream_tls=context) as rig:
        with pytest.raises(Broken):
            await rig.get()


# ── the listener ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_listener_with_tls_serves_and_says_so(authority):
    listener = ListenerSettings(LOOPBACK, authority.leaf("localhost"))
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    async with Rig(listeners=(listener,)) as rig:
        caller = await rig.caller(trusting)
        for _ in range(2):
            assert (await caller.ask(request("GET", "/"))).status == 200

        assert rig.upstream.requests[0].head.value("X-Forwarded-Proto") == b"https"


async def test_a_refusal_over_tls_arrives(authority):
    listener = ListenerSettings(LOOPBACK, authority.leaf("localhost"))
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    async with Rig(listeners=(listener,)) as rig:
        caller = await rig.caller(trusting)
        answer = await caller.ask(b"GET / HTTP/1.1\r\nNo colon\r\n\r\n")

        assert (answer.status, answer.closes) == (400, True)
        assert await caller.rest() == b""


async def test_plain_http_on_a_tls_listener_gets_no_answer_of_ours(authority):
    listener = ListenerSettings(LOOPBACK, authority.leaf("localhost"))
    async with Rig(listeners=(listener,)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))

        assert b"HTTP" not in await caller.rest()
        assert rig.upstream.saw_nothing


@pytest.mark.time_lapse
async def test_a_replaced_certificate_is_shown_to_new_callers_and_disturbs_no_other(authority):
    """While only one of the two files was replaced, the old pair stays."""
    ours, newer = authority.leaf("localhost"), authority.leaf("localhost")
    shown = [shown_by(ours), shown_by(newer)]
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    async with Rig(listeners=(ListenerSettings(LOOPBACK, ours),)) as rig:
        first = await rig.caller(trusting)
        assert seen_by(first) == shown[0]
        Path(newer.certificate).replace(ours.certificate)
        for _ in range(5):
            await asyncio.sleep(SWEEP_S)
        assert seen_by(await rig.caller(trusting)) == shown[0]
        Path(newer.key).replace(ours.key)
        async with asyncio.timeout(WAIT_S):
            while seen_by(await rig.caller(trusting)) != shown[1]:
                await asyncio.sleep(SWEEP_S)
        assert (await first.ask(request("GET", "/"))).status == 200


async def test_a_certificate_that_is_replaced_while_nobody_is_there_is_shown_to_the_next_caller(authority):
    """The gateway rests meanwhile; who comes wakes it before the handshake."""
    ours, newer = authority.leaf("localhost"), authority.leaf("localhost")
    shown = shown_by(newer)
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    async with Rig(listeners=(ListenerSettings(LOOPBACK, ours),)) as rig:
        Path(newer.certificate).replace(ours.certificate)
        Path(newer.key).replace(ours.key)

        assert seen_by(await rig.caller(trusting)) == shown


def shown_by(files):
    return ssl.PEM_cert_to_DER_cert(Path(files.certificate).read_text())


def seen_by(caller):
    return caller.writer.get_extra_info("ssl_object").getpeercert(True)


# ── unix sockets ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_listener_on_a_unix_socket_serves(tmp_path):
    path = str(tmp_path / "gateway.sock")
    async with Rig(listeners=(ListenerSettings(Address(path=path)),)) as rig:
        answer = await rig.get("/", "X-Forwarded-For: 6.6.6.6")

        assert answer.status == 200
        assert rig.told.records[0].caller == "unix"
        assert b"6.6.6.6" not in rig.upstream.requests[0].head.raw


FORWARDED = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: crm.example.com")


@pytest.mark.parametrize("unix", [True, False])
async def test_a_proxy_on_a_unix_socket_is_believed_if_those_are_trusted(tmp_path, unix):
    listener = ListenerSettings(Address(path=str(tmp_path / "gateway.sock")))
    proxies = TrustedProxies((ip_network("0.0.0.0/0"), ip_network("::/0")), unix=unix)
    async with Rig(listeners=(listener,), trusted_proxies=proxies) as rig:
        await rig.get("/", *FORWARDED)
        await rig.get("/")

        told, silent = (request.head for request in rig.upstream.requests)
        names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
        believed = (b"203.0.113.7", b"https", b"crm.example.com")
        ours = (b"unknown", b"http", b"gateway.test")
        assert tuple(map(told.value, names)) == (believed if unix else ours)
        assert tuple(map(silent.value, names)) == ours


async def test_who_comes_over_tcp_is_not_trusted_for_those_on_unix_sockets(tmp_path):
    async with Rig(trusted_proxies=TrustedProxies(unix=True)) as rig:
        await rig.get("/", *FORWARDED)

        assert rig.upstream.requests[0].head.value("X-Forwarded-For") == b"127.0.0.1"


async def test_a_unix_socket_has_its_mode_and_group_and_is_gone_at_the_end(tmp_path):
    path, admin = tmp_path / "gateway.sock", Address(path=str(tmp_path / "admin.sock"))
    access = SocketAccess(0o620, str(os.getgid()))
    async with Rig(listeners=(ListenerSettings(Address(path=str(path)), access=access),), admin=admin) as rig:
        found = path.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o620, os.getgid())
        assert (await rig.get()).status == 200
        assert sorted(each.name for each in tmp_path.iterdir()) == ["admin.sock", "gateway.sock"]

    assert list(tmp_path.iterdir()) == []


async def test_what_took_the_place_of_a_unix_socket_stays_at_the_end(tmp_path):
    path = tmp_path / "gateway.sock"
    async with Rig(listeners=(ListenerSettings(Address(path=str(path))),)):
        path.unlink()
        path.write_text("somebody's own")

    assert path.read_text() == "somebody's own"


async def test_a_gateway_that_cannot_start_leaves_no_unix_socket(tmp_path):
    served = ListenerSettings(Address(path=str(tmp_path / "gateway.sock")))
    unknown = ListenerSettings(
        Address(path=str(tmp_path / "b.sock")), access=SocketAccess(group="no-such-group")
    )
    admin = Address(path=str(tmp_path / "admin.sock"))
    rig = Rig(listeners=(served, unknown), admin=admin)
    with pytest.raises(OSError, match=r"b\.sock: this machine has no group no-such-group"):
        await rig.__aenter__()
    await rig.upstream.close()
    await rig.authorization_server.close()

    assert list(tmp_path.iterdir()) == []


async def test_a_caller_of_a_unix_socket_gets_the_answer_to_a_broken_body_broken(tmp_path):
    async def half(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        exchange.close()

    path = str(tmp_path / "gateway.sock")
    async with Rig(half, listeners=(ListenerSettings(Address(path=path)),)) as rig:
        with pytest.raises(Broken):
            await rig.get()


async def test_an_upstream_on_a_unix_socket_is_served(tmp_path):
    async with Rig(upstream_path=str(tmp_path / "legacy.sock")) as rig:
        for _ in range(2):
            assert (await rig.get()).status == 200

        assert rig.upstream.connections == 1
        assert rig.upstream.requests[0].head.value("Host") == b"localhost"


async def test_a_unix_socket_that_was_left_behind_is_taken_over(tmp_path):
    listener = ListenerSettings(Address(path=str(tmp_path / "gateway.sock")))
    for _ in range(2):
        async with Rig(listeners=(listener,)) as rig:
            assert (await rig.get()).status == 200


async def test_callers_side_by_side_over_tls(authority):
    listener = ListenerSettings(LOOPBACK, authority.leaf("localhost"))
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    context = server_context(authority.leaf("localhost"))
    async with Rig(routes=secure(authority), upstream_tls=context, listeners=(listener,)) as rig:
        callers = await asyncio.gather(*(RawCaller.connect(rig.address, trusting) for _ in range(20)))
        answers = await asyncio.gather(*(caller.ask(request("GET", "/")) for caller in callers))
        await asyncio.gather(*(caller.close() for caller in callers))

        assert {answer.status for answer in answers} == {200}
