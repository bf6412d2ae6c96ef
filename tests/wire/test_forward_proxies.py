"""Upstreams behind a forward proxy, over real sockets. `docs/configuration.md`, through a forward proxy."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from gateway.core.http.frames import close_frame
from gateway.core.secret import Secret
from gateway.core.settings.balance_settings import Balance, BalanceSettings, CheckSettings, EjectSettings
from gateway.core.settings.forward_proxy import ForwardProxy
from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.net.test_race import descriptors
from tests.wire.certificates import Authority, server_context
from tests.wire.forward_proxy import ESTABLISHED, FakeForwardProxy
from tests.wire.groups import at, group_of, route_to
from tests.wire.messages import ok, request
from tests.wire.rig import Rig
from tests.wire.test_tunnels import MASK, echo, exactly, opened, text

PASSWORD = "hunter2-8d1f"
IN_TURN = BalanceSettings(Balance.ROUND_ROBIN)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def resolving(*names):
    """A resolver that knows only these names: the proxy's."""

    def look_up(host, port, *args, **kwargs):
        if str(host).endswith(".test") and host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "not for us to look up")
        return socket.getaddrinfo("127.0.0.1" if host in names else host, port, *args, **kwargs)

    return look_up


def through(proxy, scheme=Scheme.HTTP, host="proxy.test", credentials=None, **members):
    timeouts = members.pop("timeouts", Timeouts(connect_s=20.0))

    def make(rig):
        proxy.to_port = rig.upstream.port
        way = ForwardProxy(host, proxy.port, credentials)
        port = 443 if scheme is Scheme.HTTPS else 80
        upstream = UpstreamSettings(scheme, "api.test", port, proxy=way, **members)
        return [rig.route(upstream=upstream, timeouts=timeouts)]

    return {"routes": make, "get_addr_info": resolving("proxy.test")}


async def closed_down_to(count):
    """Wait until no more descriptors are open: a server closes its end a turn of the loop later."""
    async with asyncio.timeout(10.0):
        while descriptors() > count:
            await asyncio.sleep(0.005)


async def test_requests_to_an_https_upstream_go_through_the_tunnel(authority):
    context = server_context(authority.leaf("api.test"))
    async with FakeForwardProxy() as proxy:
        routes = through(proxy, Scheme.HTTPS, ca_file=authority.ca_file, credentials=Secret(f"me:{PASSWORD}"))
        async with Rig(upstream_tls=context, **routes) as rig:
            for _ in range(2):
                assert (await rig.ask(request("POST", "/a", body=b"x"))).status == 200
            assert rig.upstream.requests[0].head.value("Host") == b"api.test"
            assert rig.upstream.tokens == ["token_1", "token_1"]
            assert rig.upstream.requests[0].head.value("Proxy-Authorization") is None
    [head] = proxy.heads  # one tunnel, kept and used again
    assert head.startswith(
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nProxy-Authorization: Basic "
    )
    assert b"token_1" not in head


@pytest.mark.parametrize("host", ["proxy.test", "127.0.0.1"])
async def test_requests_to_an_http_upstream_do_too(host):
    async with FakeForwardProxy() as proxy, Rig(**through(proxy, host=host)) as rig:
        assert (await rig.get("/a")).status == 200
        assert rig.upstream.requests[0].head.value("Host") == b"api.test"
        assert proxy.heads == [b"CONNECT api.test:80 HTTP/1.1\r\nHost: api.test:80\r\n\r\n"]


async def test_a_tunnel_of_websocket_goes_through_one_of_the_proxy():
    async with FakeForwardProxy() as proxy, Rig(echo, **through(proxy)) as rig:
        caller, _ = await opened(rig)
        await caller.send(text(b"hello", masked=True))
        assert await exactly(caller, 7) == text(b"hello", masked=False)
        await caller.send(close_frame(1000, MASK))
        assert await caller.rest() == close_frame(1000)
        assert rig.upstream.tokens == ["token_1"]
    assert proxy.heads == [b"CONNECT api.test:80 HTTP/1.1\r\nHost: api.test:80\r\n\r\n"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ok(b"", "Proxy-Authenticate: Basic", status="407 Who"), "demands a user and a password"),
        (ok(b"no", status="403 No"), "does not allow connections"),
        (ok(b"", status="502 Bad"), "cannot reach the upstream"),
        (b"", "closed the connection without a response"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "more than its response"),
    ],
)
async def test_a_proxy_that_leads_nowhere_is_named_as_that(answer, words):
    me = Secret(f"me:{PASSWORD}")
    async with FakeForwardProxy(answer) as proxy, Rig(**through(proxy, credentials=me)) as rig:
        before = descriptors()
        refusal = await rig.ask(request("POST", "/", body=b"x"))
        record = rig.told.records[0]

        assert (refusal.status, refusal.code) == (502, "upstream_proxy_failed")
        assert (record.error, record.cause) == ("upstream_proxy_failed", "proxy_failed")
        assert words in str(refusal.problem["detail"])
        assert PASSWORD.encode() not in refusal.head.raw + refusal.body
        assert rig.upstream.saw_nothing
        await closed_down_to(before + 2)  # the caller's


async def test_a_proxy_that_nobody_runs_is_named_as_that():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = FakeForwardProxy()
        proxy.port = closed.getsockname()[1]
        async with Rig(**through(proxy)) as rig:
            refusal = await rig.get()
            assert refusal.code == "upstream_proxy_failed"
            assert refusal.problem["detail"] == "no connection to the forward proxy: Connection refused"


async def test_a_proxy_whose_name_does_not_resolve_is_named_as_that():
    async with FakeForwardProxy() as proxy, Rig(**through(proxy, host="gone.test")) as rig:
        refusal = await rig.get()
        assert refusal.code == "upstream_proxy_failed"
        assert refusal.problem["detail"] == "the forward proxy's name does not resolve"


async def test_a_proxy_that_says_nothing_is_not_waited_for():
    soon = Timeouts(connect_s=0.2)
    async with FakeForwardProxy(is_silent=True) as proxy, Rig(**through(proxy, timeouts=soon)) as rig:
        refusal = await rig.get()
        assert (refusal.status, refusal.code) == (504, "upstream_connect_timeout")
        assert "through the forward proxy" in str(refusal.problem["detail"])


async def test_a_certificate_that_is_not_trusted_is_still_the_upstreams(authority):
    context = server_context(authority.leaf("other.test"))
    async with FakeForwardProxy() as proxy:
        routes = through(proxy, Scheme.HTTPS, ca_file=authority.ca_file)
        async with Rig(upstream_tls=context, **routes) as rig:
            refusal = await rig.get()
            assert refusal.code == "upstream_tls_failed"
            assert "for a name other than" in str(refusal.problem["detail"])


def of_group(proxy, *hosts, **members):
    """Routes to a group of the fake upstream under several names, behind a proxy that knows them."""

    def make(rig):
        proxy.to_port = proxy.to_port or rig.upstream.port
        way = ForwardProxy("127.0.0.1", proxy.port)
        addresses = [at(rig.upstream.port, host) for host in hosts]
        behind = [replace(each, place=replace(each.place, proxy=way)) for each in addresses]
        known = {"balance": IN_TURN, "eject": EjectSettings(after=1)}
        return [route_to(rig, group_of(*behind, **(known | members)), has_token=False)]

    return {"routes": make, "get_addr_info": resolving()}


def group_in(rig):
    (group,) = rig.gateway.generation.groups.values()
    return group


async def test_each_address_of_a_group_has_a_tunnel_and_only_the_proxy_looks_it_up():
    async with FakeForwardProxy() as proxy, Rig(**of_group(proxy, "a.test", "b.test")) as rig:
        for _ in range(4):
            assert (await rig.get()).status == 200
        port = rig.upstream.port
        assert sorted(head.split(b" ")[1].decode() for head in proxy.heads) == [
            f"a.test:{port}",
            f"b.test:{port}",
        ]
        assert {each.head.value("Host") for each in rig.upstream.requests} == {
            b"a.test:%d" % port,
            b"b.test:%d" % port,
        }
        (shown,) = rig.gateway.overview.groups()
        assert {each["proxy"] for each in shown["addresses"]} == {f"127.0.0.1:{proxy.port}"}


@pytest.mark.parametrize(
    "answer", [b"", ok(b"no", status="403 No"), ok(b"", status="407 Who")], ids=["gone", "403", "407"]
)
async def test_a_proxy_that_fails_ejects_no_address(answer):
    async with FakeForwardProxy(answer) as proxy, Rig(**of_group(proxy, "a.test", "b.test")) as rig:
        for _ in range(6):
            assert (await rig.get()).code == "upstream_proxy_failed"
        assert group_in(rig).counts.ejections == {}
        proxy.answer = ESTABLISHED
        assert (await rig.get()).status == 200
        assert rig.gateway.generation.routes[0].health.last.key == "upstreams.orders.proxy"


async def test_a_proxy_that_hangs_ejects_no_address():
    soon = Timeouts(connect_s=0.1)
    async with FakeForwardProxy(is_silent=True) as proxy:
        routes = of_group(proxy, "a.test", "b.test")
        make = routes.pop("routes")
        routes["routes"] = lambda rig: [replace(each, timeouts=soon) for each in make(rig)]
        async with Rig(**routes) as rig:
            assert (await rig.get()).code == "upstream_connect_timeout"
            assert group_in(rig).counts.ejections == {}


async def test_an_address_that_a_well_proxy_cannot_reach_is_ejected():
    bad = ok(b"", status="502 Bad")
    async with FakeForwardProxy(bad) as proxy, Rig(**of_group(proxy, "a.test", "b.test")) as rig:
        assert (await rig.get()).code == "upstream_proxy_failed"
        assert group_in(rig).counts.ejections == {"connect": 1}  # one of two at most


async def test_checks_go_through_the_proxy_and_say_nothing_while_that_fails():
    check = CheckSettings("/health", every_s=0.02)
    async with FakeForwardProxy() as proxy, Rig(**of_group(proxy, "a.test", check=check)) as rig:
        counts = group_in(rig).counts.checks
        async with asyncio.timeout(20.0):
            while not counts.get("alive"):
                await asyncio.sleep(0.005)
            proxy.answer = ok(b"no", status="403 No")
            while counts.get("undecided", 0) < 4:
                await asyncio.sleep(0.005)
        assert not any(each.checked.is_down for each in group_in(rig).targets)
        assert proxy.heads[0].startswith(b"CONNECT a.test:")


async def test_a_caller_that_leaves_during_connect_leaves_nothing_behind():
    async with FakeForwardProxy(is_silent=True) as proxy, Rig(**through(proxy)) as rig:
        before = descriptors()
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        async with asyncio.timeout(10.0):
            while not proxy.heads:
                await asyncio.sleep(0.005)
        caller.leave()
        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].error == "caller_gone"
        await closed_down_to(before)
