"""What a reload may change beside routes: TLS, trust, limits, clients, logs; and what it refuses."""

import asyncio
import json
import ssl
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.core.settings.all_settings import Limits, LogSettings
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.proxies import TrustedProxies
from gateway.generation import Generation
from gateway.listening import CannotListen
from tests.wire.certificates import Authority
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.test_reload import others, until_alone


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def bare(rig):
    return [rig.route(has_token=False)]


def trusting(authority):
    return ssl.create_default_context(cafile=authority.ca_file)


def serial_of(caller):
    return caller.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]


def listening(address, tls=None):
    return (ListenerSettings(address, tls),)


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────


async def test_new_connections_get_the_new_certificate_and_old_ones_go_on(authority):
    first, second = authority.leaf("localhost"), authority.leaf("localhost")
    async with Rig(routes=bare, listeners=listening(LOOPBACK, first)) as rig:
        old = await rig.caller(trusting(authority))
        await rig.gateway.reload(others(rig, listeners=listening(LOOPBACK, second)))
        new = await rig.caller(trusting(authority))
        statuses = [(await each.ask(request("GET", "/"))).status for each in (old, new)]

        assert statuses == [200, 200]
        assert serial_of(old) != serial_of(new)


async def test_a_listener_turns_from_plain_to_tls_and_back(authority):
    async with Rig(routes=bare) as rig:
        plain = await rig.caller()
        await rig.gateway.reload(others(rig, listeners=listening(LOOPBACK, authority.leaf("localhost"))))
        secure = await rig.caller(trusting(authority))
        await rig.gateway.reload(others(rig))
        again = await rig.caller()

        assert [(await each.ask(request("GET", "/"))).status for each in (plain, secure, again)] == [200] * 3
        assert len(rig.gateway.addresses) == 1


async def test_a_certificate_that_does_not_fit_its_key_changes_nothing(authority):
    pair = replace(authority.leaf("localhost"), key=authority.leaf("localhost").key)
    async with Rig(routes=bare) as rig:
        elsewhere = ListenerSettings(replace(LOOPBACK, host="127.0.0.2"))
        refused = others(rig, routes=(), listeners=(elsewhere, *listening(LOOPBACK, pair)))
        with pytest.raises(ssl.SSLError):
            await rig.gateway.reload(refused)

        assert (await rig.get("/")).status == 200
        assert (rig.gateway.generations, rig.gateway.addresses) == (1, [rig.address])


# ── trust, limits ────────────────────────────────────────────────────────────────────────────────


TRUST = TrustedProxies((ip_network("127.0.0.0/8"),))
FORWARDED = request("GET", "/", "X-Forwarded-For: 192.0.2.7")
BELIEVED, REPLACED = b"192.0.2.7, 127.0.0.1", b"127.0.0.1"


def told_of(rig):
    return [each.head.value("X-Forwarded-For") for each in rig.upstream.requests]


async def test_trust_in_proxies_changes_with_the_next_request_of_each_connection():
    async with Rig(routes=bare) as rig:
        old = await rig.caller()
        await old.ask(FORWARDED)
        await rig.gateway.reload(others(rig, trusted_proxies=TRUST))
        for caller in (old, await rig.caller()):
            await caller.ask(FORWARDED)
        await rig.gateway.reload(others(rig))
        await old.ask(FORWARDED)

        assert told_of(rig) == [REPLACED, BELIEVED, BELIEVED, REPLACED]


@pytest.mark.parametrize(
    "asked", [FORWARDED, FORWARDED + FORWARDED, request("POST", "/", "Content-Length: 9")]
)
async def test_a_request_that_is_served_meanwhile_ends_and_the_next_is_under_the_new_rules(asked):
    """Whether callbacks serve it, or the task, or more wait behind it."""
    answers = asyncio.Event()

    async def late(exchange):
        await answers.wait()
        await exchange.body()
        exchange.write(ok())

    async with Rig([ok(), late], routes=bare) as rig:
        caller = await rig.caller()
        await caller.ask(FORWARDED)  # the first is always the task's
        await caller.send(asked)
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 2)
        await rig.gateway.reload(others(rig, trusted_proxies=TRUST))
        answers.set()
        if asked.startswith(b"POST"):
            await caller.send(b"x" * 9)
        for _ in range(asked.count(b"HTTP/1.1")):
            assert (await caller.answer()).status == 200
        await caller.ask(FORWARDED)

        assert told_of(rig)[:2] == [REPLACED, REPLACED]
        assert set(told_of(rig)[2:]) == {BELIEVED}


async def test_a_connection_without_tls_stays_that_where_its_listener_turns_to_tls(authority):
    async with Rig(routes=bare) as rig:
        plain = await rig.caller()
        await rig.gateway.reload(others(rig, listeners=listening(LOOPBACK, authority.leaf("localhost"))))
        await plain.ask(request("GET", "/"))

        assert rig.upstream.requests[0].head.value("X-Forwarded-Proto") == b"http"


async def test_rules_that_change_during_a_handshake_count_for_its_connection(authority):
    listeners = listening(LOOPBACK, authority.leaf("localhost"))
    async with Rig(routes=bare, listeners=listeners) as rig:
        caller = await rig.caller()  # which says nothing yet
        await rig.works_on(0)
        while not rig.gateway.doors._open[0].is_shaking_hands:
            await asyncio.sleep(0)
        await rig.gateway.reload(others(rig, listeners=listeners, trusted_proxies=TRUST))
        await caller.writer.start_tls(trusting(authority), server_hostname="localhost")
        await caller.ask(FORWARDED)

        assert told_of(rig) == [BELIEVED]


async def test_new_limits_count_for_the_next_request_of_each_connection():
    ask = request("GET", "/", *(f"X-{number}: 1" for number in range(20)))
    async with Rig(routes=bare) as rig:
        olds = [await rig.caller() for _ in range(2)]
        for old in olds:
            assert (await old.ask(ask)).status == 200
        await rig.gateway.reload(others(rig, limits=Limits(headers=10)))
        assert (await rig.ask(ask)).status == 431
        assert (await olds[0].ask(ask)).status == 431
        await rig.gateway.reload(others(rig))
        assert (await rig.ask(ask)).status == 200
        assert (await olds[1].ask(ask)).status == 200


async def test_a_connection_that_was_made_under_small_limits_reads_what_larger_ones_allow():
    """The parser has limits of its own."""
    ask = request("GET", "/", f"X: {'x' * 8000}", "Y: \xe4")
    async with Rig(routes=bare, limits=Limits(header_bytes=4096)) as rig:
        old = await rig.caller()
        assert (await old.ask(request("GET", "/"))).status == 200
        await rig.gateway.reload(others(rig, limits=Limits()))
        assert (await old.ask(ask)).status == 200


async def test_an_idle_connection_ends_when_the_new_keep_alive_timeout_has_passed():
    async with Rig(routes=bare, limits=Limits(keepalive_timeout_s=600.0)) as rig:
        old = await rig.caller()
        await old.ask(request("GET", "/"))
        await rig.gateway.reload(others(rig, limits=Limits(keepalive_timeout_s=0.1)))

        assert await old.rest() == b""


async def test_fewer_connections_than_are_open_end_none_of_them():
    async with Rig(routes=bare) as rig:
        kept = [await rig.caller() for _ in range(3)]
        for each in kept:
            await each.ask(request("GET", "/"))
        await rig.gateway.reload(others(rig, limits=Limits(connections=2)))
        assert [(await each.ask(request("GET", "/"))).status for each in kept] == [200] * 3
        assert (await rig.get()).status == 503


async def test_a_generation_that_cannot_be_built_leaves_nothing_behind():
    """The pool of its first route is made before its second route fails; the one that stays is kept."""
    async with Rig(routes=bare) as rig:
        gateway, elsewhere = rig.gateway, rig.upstream_settings(server_name="b.example")
        routes = (*bare(rig), rig.route("/b", has_token=False, upstream=elsewhere), rig.route("/c"))
        (pool,) = gateway._room._pools
        with pytest.raises(KeyError):
            Generation(others(rig, routes=routes), gateway._parts, lambda *_: {}, gateway.generation)

        assert gateway._room._pools == [pool]
        assert (await rig.get()).status == 200


# ── clients ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_that_waits_for_the_token_of_a_client_that_is_gone_gets_it():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        caller = await rig.caller()
        asked = asyncio.create_task(caller.ask(request("GET", "/")))
        await rig.works_on(1)
        await rig.gateway.reload(others(rig, routes=(rig.route("/", has_token=False),), clients={}))
        assert rig.gateway.generations == 2
        rig.authorization_server.gate.set()

        assert (await asked).status == 200
        await until_alone(rig)
        assert (await caller.ask(request("GET", "/"))).status == 200
        assert rig.upstream.tokens == ["token_1", ""]


@pytest.mark.time_lapse
async def test_the_token_of_a_client_that_is_gone_is_revoked_after_its_last_request():
    let = asyncio.Event()

    async def slow(exchange):
        await let.wait()
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with Rig(slow) as rig:
        server = rig.authorization_server
        client = replace(
            rig.settings.clients[rig.grant.client],
            revokes=True,
            revocation_endpoint=server.endpoint.replace("/token", "/revoke"),
        )
        revoking = others(rig, clients={rig.grant.client: client})
        await rig.gateway.reload(revoking)
        await rig.told.until(lambda: len(rig.told.obtained) == 2)
        asked = asyncio.create_task(rig.get("/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        await rig.gateway.reload(replace(revoking, clients={}, routes=()))
        assert (rig.gateway.generations, rig.told.revoked) == (2, [])
        let.set()
        assert (await asked).status == 200
        await rig.told.until(lambda: rig.told.revoked)

        assert rig.upstream.tokens == ["token_2"]
        assert [each.content[:13] for each in server.requests if each.target == b"/revoke"] == [
            b"token=token_2"
        ]


async def test_grants_take_turns_no_longer_with_those_that_are_gone():
    def two(rig):
        return [rig.route("/a"), rig.route("/b", grant=replace(rig.grant, scope=("b",)))]

    async with Rig(routes=two) as rig:
        (turns,) = {source._requester._turns for source in rig.gateway.generation.sources.by_grant.values()}
        source = next(iter(rig.gateway.generation.sources.by_grant.values()))
        registration = source._requester._maker.registration
        assert turns.has_others(registration)
        await rig.gateway.reload(others(rig, routes=(rig.route("/a"),)))
        await until_alone(rig)
        assert not turns.has_others(registration)
        await rig.gateway.reload(others(rig, routes=()))
        await until_alone(rig)
        assert not turns._grants


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────


async def test_access_records_go_to_the_new_file_and_none_is_lost(tmp_path):
    def log(name):
        return LogSettings(access=str(tmp_path / name))

    def paths(name):
        return [json.loads(line)["path"] for line in (tmp_path / name).read_text().splitlines()]

    async with Rig(routes=bare, log=log("old")) as rig:
        caller = await rig.caller()
        await caller.ask(request("GET", "/1"))
        await rig.gateway.reload(others(rig, log=log("new")))
        await caller.ask(request("GET", "/2"))
        await rig.gateway.reload(others(rig, log=LogSettings(access=None)))
        await caller.ask(request("GET", "/3"))
    assert (paths("old"), paths("new")) == (["/1"], ["/2"])


async def test_an_address_that_ours_stands_in_the_way_of_says_so():
    async with Rig(routes=bare) as rig:
        wider = replace(rig.address, host="0.0.0.0")
        with pytest.raises(
            CannotListen, match=f"this gateway itself listens on {rig.address}, which a reload"
        ):
            await rig.gateway.reload(others(rig, listeners=listening(wider)))
        assert (await rig.get("/")).status == 200
