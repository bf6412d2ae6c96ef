"""Callers with certificates, on the wire: real handshakes, real authorities."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    CertificateWay,
    GateSettings,
    NetworkWay,
    WaySettings,
)
from gateway.core.settings.client_settings import ClientTrust
from gateway.core.settings.listener_settings import ListenerSettings
from tests.wire.certificates import Authority
from tests.wire.messages import request
from tests.wire.rig import LOOPBACK, Rig

MESH, HERE = WayName("mesh"), WayName("here")
WEB = "spiffe://example.org/ns/shop/web"
PATTERN = "spiffe://example.org/ns/shop/*"


@pytest.fixture
def ours(tmp_path):
    return Authority.make(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path):
    return Authority.make(tmp_path / "theirs")


def rig(ours, theirs, *, is_required=False, **patterns):
    way = CertificateWay(**(patterns or {"uri": (PATTERN,)}))
    rule = GateSettings(AccessRule((AccessEntry((MESH,)),)))
    listener = ListenerSettings(
        LOOPBACK, ours.leaf("localhost"), client_trust=ClientTrust(theirs.ca_file, is_required)
    )

    def routes(rig):
        return [rig.route("/", gate=rule), rig.route("/open", name="open")]

    return Rig(listeners=(listener,), routes=routes, callers={MESH: WaySettings(MESH, way)})


def showing(ours, files=None):
    """A caller's context."""
    context = ssl.create_default_context(cafile=ours.ca_file)
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    return context


async def test_whom_the_certificate_names_is_let_in(ours, theirs):
    async with rig(ours, theirs) as at:
        caller = await at.caller(showing(ours, theirs.leaf(WEB)))
        answers = [await caller.ask(request("GET", "/")) for _ in range(3)]

    assert [each.status for each in answers] == [200] * 3
    assert at.told.records[-1].caller_id == f"mesh:{WEB}"


@pytest.mark.parametrize(
    "names", [None, ("spiffe://example.org/ns/other/web",), (WEB, "https://a.test"), ("web.example.org",)]
)
async def test_nobody_else_is_but_other_routes_serve_them(ours, theirs, names):
    async with rig(ours, theirs) as at:
        files = theirs.leaf(*names) if names is not None else None
        caller = await at.caller(showing(ours, files))
        answers = [await caller.ask(request("GET", path)) for path in ("/", "/open")]

    assert [each.status for each in answers] == [403, 200]


@pytest.mark.parametrize(
    "patterns",
    [{"dns": ("*.example.org",)}, {"subject": ("CN=web.*",)}, {"dns": ("web.*.org",), "subject": ("CN=*",)}],
)
async def test_names_and_subjects_count_as_well(ours, theirs, patterns):
    async with rig(ours, theirs, **patterns) as at:
        caller = await at.caller(showing(ours, theirs.leaf("web.example.org")))

        assert (await caller.ask(request("GET", "/"))).status == 200


async def refused(at, context):
    """Whether the handshake fails; under TLS 1.3 its caller learns that only when it reads."""
    try:
        caller = await at.caller(context)
        await caller.send(request("GET", "/open"))
        return await caller.rest() == b""
    except (ssl.SSLError, ConnectionError):
        return True


async def test_the_handshake_refuses_what_no_authority_signed_or_has_expired(ours, theirs):
    async with rig(ours, theirs) as at:
        assert await refused(at, showing(ours, ours.leaf(WEB)))
        assert await refused(at, showing(ours, theirs.leaf(WEB, days=-1)))
        assert at.upstream.requests == []


async def test_where_a_certificate_is_required_none_is_refused(ours, theirs):
    async with rig(ours, theirs, is_required=True) as at:
        assert await refused(at, showing(ours))
        caller = await at.caller(showing(ours, theirs.leaf(WEB)))
        assert (await caller.ask(request("GET", "/open"))).status == 200


async def test_a_certificate_expires_during_its_connection(ours, theirs):
    async with rig(ours, theirs) as at:
        caller = await at.caller(showing(ours, theirs.leaf(WEB)))
        assert (await caller.ask(request("GET", "/"))).status == 200
        at.gateway.generation.ways.places[MESH]._wall_s = lambda: 1e12

        assert (await caller.ask(request("GET", "/"))).status == 403


async def test_an_authority_that_is_replaced_ends_the_connections_that_it_vouched_for(ours, theirs, tmp_path):
    newer = Authority.make(tmp_path / "newer")
    old, new = showing(ours, theirs.leaf(WEB)), showing(ours, newer.leaf(WEB))
    async with rig(ours, theirs) as at:
        caller = await at.caller(old)
        assert (await caller.ask(request("GET", "/"))).status == 200
        Path(newer.ca_file).replace(theirs.ca_file)
        at.gateway.doors.look(at.gateway._loop.time())

        assert await caller.rest() == b""
        assert await refused(at, old)
        assert (await (await at.caller(new)).ask(request("GET", "/"))).status == 200


async def test_authorities_that_cannot_be_read_change_nothing(ours, theirs):
    async with rig(ours, theirs) as at:
        context = showing(ours, theirs.leaf(WEB))
        caller = await at.caller(context)
        Path(theirs.ca_file).write_text("nonsense")
        at.gateway.doors.look(at.gateway._loop.time())

        assert (await caller.ask(request("GET", "/"))).status == 200
        assert (await (await at.caller(context)).ask(request("GET", "/"))).status == 200


async def test_without_authorities_nobody_is_asked(ours, theirs):
    way = {HERE: WaySettings(HERE, NetworkWay(())), MESH: WaySettings(MESH, CertificateWay((PATTERN,)))}
    rule = GateSettings(AccessRule((AccessEntry((MESH,)),)))
    listener = ListenerSettings(LOOPBACK, ours.leaf("localhost"))
    async with Rig(listeners=(listener,), routes=lambda rig: [rig.route("/", gate=rule)], callers=way) as at:
        caller = await at.caller(showing(ours, theirs.leaf(WEB)))

        assert (await caller.ask(request("GET", "/"))).status == 403


async def test_a_reload_that_asks_for_no_certificate_believes_none(ours, theirs):
    async with rig(ours, theirs) as at:
        context = showing(ours, theirs.leaf(WEB))
        caller = await at.caller(context)
        assert (await caller.ask(request("GET", "/"))).status == 200
        settings = at.gateway._settings
        (listener,) = settings.listeners
        await at.gateway.reload(replace(settings, listeners=(replace(listener, client_trust=None),)))

        assert await caller.rest() == b""
        assert (await (await at.caller(context)).ask(request("GET", "/"))).status == 403
        await at.gateway.reload(settings)
        assert (await (await at.caller(context)).ask(request("GET", "/"))).status == 200
