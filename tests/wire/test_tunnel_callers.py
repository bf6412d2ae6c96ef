"""Tunnels end when their callers are let in no more, on the wire: at once at the end of a token, else soon."""

import asyncio
import ssl
import time
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from math import inf
from pathlib import Path

import bcrypt
import pytest

from gateway.core.caller import WayName
from gateway.core.http.frames import POLICY_VIOLATION, close_frame
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    BasicWay,
    CertificateWay,
    GateSettings,
    IntrospectionWay,
    JwtWay,
    WaySettings,
)
from gateway.core.settings.client_settings import ClientTrust
from gateway.core.settings.hours import Hours
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.route_settings import RouteName
from gateway.proxy.tunnels import LOOK_S
from tests.wire.certificates import Authority
from tests.wire.introspector import Introspector
from tests.wire.issuer import AUDIENCE, Issuer
from tests.wire.messages import ok
from tests.wire.rig import CRM, LOOPBACK, Rig
from tests.wire.test_tunnels import MASK, echo, exactly, handshake, text

WAY = WayName("way")
LOST = close_frame(POLICY_VIOLATION)
ROUTE = RouteName("/")


def rig(way, *, scope=(), hours=None, **settings):
    rule = GateSettings(AccessRule((AccessEntry((WAY,), frozenset(scope), hours=hours),)))
    return Rig(
        echo,
        routes=lambda rig: [rig.route("/", gate=rule)],
        callers={WAY: WaySettings(WAY, way)},
        **settings,
    )


async def opened(at, *fields, context=None):
    caller = await at.caller(context)
    await caller.send(handshake("/", *fields))
    assert (await caller.head()).line == b"HTTP/1.1 101 Switching Protocols"
    return caller


def look(at):
    """Let files be read again, and callers be looked at, as if a second had passed."""
    for _, file in at.gateway.generation.ways.files():
        file.look()
    at.gateway.tunnels._looked_at_s = -inf
    at.gateway.tunnels.look(at.gateway.now_s())


async def is_closed(caller):
    """Whether the next thing is the Close of a caller that is let in no more."""
    return await exactly(caller, len(LOST)) == LOST


async def lives(caller):
    await caller.send(text(b"hello", masked=True))
    return await exactly(caller, 7) == text(b"hello", masked=False)


async def ends_by(at, outcome):
    """Wait until the one tunnel that is over is counted; return what is counted."""
    counted = at.gateway.metrics.route(ROUTE)
    async with asyncio.timeout(10):
        while not counted.tunnels:
            await asyncio.sleep(0.001)
    assert counted.tunnels == {outcome: 1}
    return counted


def keys(*names, scope="live"):
    return "".join(
        f'[[keys]]\nid = "{name}"\nsha256 = "{sha256(name.encode()).hexdigest()}"\nscope = "{scope}"\n'
        for name in names
    )


def replaced(path, content):
    """Replace a file as editors do, so that even the same length within a tick shows."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(keys("acme", "beta"))
    return path


async def test_a_key_that_is_withdrawn_ends_the_tunnels_of_its_caller_alone(file):
    async with rig(ApiKeyWay(str(file))) as at:
        acme, beta = [await opened(at, f"X-API-Key: {name}") for name in ("acme", "beta")]
        look(at)
        assert await lives(acme)
        replaced(file, keys("beta"))
        look(at)

        assert await is_closed(acme)
        assert await lives(beta)
        await acme.send(b"\x88\x82" + MASK + POLICY_VIOLATION.to_bytes(2))
        assert await acme.rest() == b""
        counted = await ends_by(at, "caller_withdrawn")
        assert at.told.records[-1].close_code == POLICY_VIOLATION
        assert sum(counted.accesses.values()) == 2  # nobody is let in anew


@pytest.mark.parametrize(
    "change", [keys("acme", scope="other"), keys("acme").replace('"acme"', '"other"', 1)]
)
async def test_so_does_what_would_let_it_in_no_more_or_as_somebody_else(file, change):
    async with rig(ApiKeyWay(str(file)), scope=("live",)) as at:
        caller = await opened(at, "X-API-Key: acme")
        replaced(file, change)
        look(at)

        assert await is_closed(caller)


async def test_a_file_that_cannot_be_used_ends_nothing(file):
    async with rig(ApiKeyWay(str(file))) as at:
        caller = await opened(at, "X-API-Key: acme")
        replaced(file, "nonsense")
        look(at)
        file.unlink()
        look(at)

        assert await lives(caller)


async def test_a_tunnel_ends_with_the_hours_of_its_rule(file):
    async with rig(ApiKeyWay(str(file)), hours=Hours.of(("Mon-Fri 08:00-18:00",), "UTC")) as at:
        clock = at.gateway.generation.routes[0].gate._local.__self__
        clock._wall_s = datetime.fromisoformat("2026-11-30T17:59:59+00:00").timestamp
        caller = await opened(at, "X-API-Key: acme")
        look(at)
        assert await lives(caller)
        clock._wall_s = datetime.fromisoformat("2026-11-30T18:00:00+00:00").timestamp
        look(at)

        assert await is_closed(caller)


async def test_after_a_reload_the_new_ways_decide(file, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(keys("beta"))
    async with rig(ApiKeyWay(str(file))) as at:
        acme, beta = [await opened(at, f"X-API-Key: {name}") for name in ("acme", "beta")]
        way = {WAY: WaySettings(WAY, ApiKeyWay(str(other)))}
        await at.gateway.reload(replace(at.settings, callers=way))
        look(at)

        assert await is_closed(acme)
        assert await lives(beta)


async def test_a_line_of_htpasswd_that_is_removed_or_changed(tmp_path):
    file = tmp_path / "htpasswd"
    lines = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in ("ann", "bob", "eve")}
    file.write_text("".join(f"{name}:{line}\n" for name, line in lines.items()))
    async with rig(BasicWay(str(file))) as at:
        ann, bob, eve = [
            await opened(at, f"Authorization: Basic {b64encode(f'{name}:{name}'.encode()).decode()}")
            for name in lines
        ]
        look(at)
        lines["bob"] = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
        replaced(file, f"ann:{lines['ann']}\nbob:{lines['bob']}\n")
        look(at)

        assert await lives(ann)
        assert await is_closed(bob)
        assert await is_closed(eve)


@asynccontextmanager
async def issued(**members):
    issuer = Issuer(k1="p256", k2="ed25519")
    await issuer.start()
    try:
        async with rig(JwtWay(issuer.url, (AUDIENCE,)), **members) as at:
            yield at, issuer
    finally:
        await issuer.close()


async def test_a_tunnel_ends_with_the_token_of_its_caller():
    async with issued() as (at, issuer):
        now_s = time.time()
        at.gateway.tunnels._wall_s = lambda: now_s + 299.99  # a hundredth before its end
        token = issuer.token(exp=int(now_s) + 300, iat=int(now_s))
        caller = await opened(at, f"Authorization: Bearer {token}")

        assert await is_closed(caller)
        assert at.gateway.metrics.route(ROUTE).tunnels == {}  # it waits for the caller's Close
        caller.leave()
        await ends_by(at, "caller_expired")


async def test_or_with_the_key_that_signed_it_and_not_before():
    async with issued() as (at, issuer):
        first, second = [
            await opened(at, f"Authorization: Bearer {issuer.token(kid)}") for kid in ("k1", "k2")
        ]
        held = at.gateway.generation.ways.credentials[WAY]
        held.verified.forget()
        look(at)
        assert await lives(first)
        del issuer.published["k1"]
        held.keys._tried_at_s = -inf
        await held.keys.fetched(inf)
        asked = issuer.key_requests
        look(at)

        assert await is_closed(first)
        assert await lives(second)
        assert issuer.key_requests == asked


@asynccontextmanager
async def asked_about():
    server = Introspector()
    await server.start()
    server.known["good"] = {"active": True, "sub": "alice"}
    try:
        async with rig(IntrospectionWay(CRM, server.url)) as at:
            yield at, server, at.gateway.generation.ways.credentials[WAY]
    finally:
        await server.close()


async def test_a_revoked_token_ends_its_tunnel_once_the_server_is_asked_again():
    async with asked_about() as (at, server, way):
        caller = await opened(at, "Authorization: Bearer good")
        look(at)
        assert len(server.asked) == 1
        del server.known["good"]
        way.verified.forget()
        look(at)

        assert await is_closed(caller)
    assert len(server.asked) == 2


async def test_a_server_that_fails_ends_nothing():
    async with asked_about() as (at, server, way):
        caller = await opened(at, "Authorization: Bearer good")
        server.refusal = ok(b"", status="500 Internal Server Error")
        way.verified.forget()
        look(at)
        async with asyncio.timeout(10):
            while at.gateway.tunnels._asking or len(server.asked) < 2:
                await asyncio.sleep(0.001)
        look(at)

        assert await lives(caller)
    assert len(server.asked) == 2


async def test_a_tunnel_that_ends_while_its_token_is_asked_about_leaves_nothing():
    async with asked_about() as (at, server, way):
        caller = await opened(at, "Authorization: Bearer good")
        server.gate.clear()
        way.verified.forget()
        look(at)
        assert at.gateway.tunnels._asking
        caller.leave()
        async with asyncio.timeout(10):
            while at.gateway.tunnels.open:
                await asyncio.sleep(0.001)
        assert not at.gateway.tunnels._asking
        server.gate.set()


async def test_an_authority_that_is_replaced_ends_the_tunnels_that_it_vouched_for(tmp_path):
    ours, theirs, newer = [Authority.make(tmp_path / name) for name in ("ours", "theirs", "newer")]
    files = theirs.leaf("spiffe://example.org/web")
    context = ssl.create_default_context(cafile=ours.ca_file)
    context.load_cert_chain(files.certificate, files.key)
    listener = ListenerSettings(
        LOOPBACK, ours.leaf("localhost"), client_trust=ClientTrust(theirs.ca_file, is_required=False)
    )
    async with rig(CertificateWay(uri=("spiffe://example.org/*",)), listeners=(listener,)) as at:
        caller = await opened(at, context=context)
        look(at)
        assert await lives(caller)
        Path(newer.ca_file).replace(theirs.ca_file)
        at.gateway.doors.look(at.gateway.now_s())

        assert await is_closed(caller)


async def test_callers_are_looked_at_by_the_sweeper_each_within_a_second(file):
    async with rig(ApiKeyWay(str(file))) as at:
        callers, tunnels = [await opened(at, "X-API-Key: acme") for _ in range(9)], at.gateway.tunnels
        assert tunnels.look in at.gateway._looks()
        now_s = at.gateway.now_s()
        tunnels.look(now_s)
        tunnels._round.clear()
        replaced(file, keys("beta"))
        for _, each in at.gateway.generation.ways.files():
            each.look()
        tunnels.look(now_s + LOOK_S / 3 - 0.01)
        assert sum(each.tunnel.end is not None for each in tunnels.open) == 3
        tunnels.look(now_s + LOOK_S)

        assert all([await is_closed(caller) for caller in callers])
