"""Whose token a request gets depends on who calls, and on nothing that a caller says of itself."""

from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.core.caller import WayName
from gateway.core.http.frames import close_frame
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    ApiKeyWay,
    GateSettings,
    WaySettings,
)
from gateway.core.settings.carriers import InHeader, InQuery
from gateway.core.settings.route_settings import CallerAuthorization, TenantSettings
from tests.wire.messages import ok, request
from tests.wire.rig import Rig
from tests.wire.test_tunnels import echo, exactly, handshake, opened, text

PARTNER = WayName("partner")
GATE = GateSettings(AccessRule((AccessEntry((PARTNER,)),)))


@pytest.fixture
def ways(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(
        "".join(
            f'[[keys]]\nid = "{name}"\nsha256 = "{sha256(name.encode()).hexdigest()}"\n'
            for name in ("acme", "beta", "other")
        )
    )
    return {PARTNER: WaySettings(PARTNER, ApiKeyWay(str(path)))}


def rig(ways, script=None, *, by="caller", default=False, **settings):
    def routes(rig):
        def of(scope):
            return rig.route("/", grant=replace(rig.grant, scope=(scope,)))

        tenants = TenantSettings(by, (("acme", of("a")), ("beta", of("b"))), of("c") if default else None)
        return [rig.route("/", has_token=False, gate=GATE, tenants=tenants)]

    return Rig(script, routes=routes, callers=ways, **settings)


async def asked_by(at, *names):
    """The tokens that went out for these callers, one after the other, on one connection."""
    caller, before = await at.caller(), len(at.upstream.requests)
    statuses = [(await caller.ask(request("GET", "/", f"X-API-Key: {name}"))).status for name in names]
    return statuses, [each.token for each in at.upstream.requests[before:]]


async def granted(at):
    """Which token each scope got, by the scope."""
    return {each.scope: each.field_value.removeprefix(b"Bearer ").decode() for each in at.told.obtained}


async def test_each_caller_gets_the_token_of_its_own_client(ways):
    async with rig(ways) as at:
        statuses, tokens = await asked_by(at, "acme", "beta", "acme")
        by_scope = await granted(at)

    assert statuses == [200, 200, 200]
    assert tokens == [by_scope["a",], by_scope["b",], by_scope["a",]]


async def test_whoever_is_not_listed_gets_no_token_and_goes_no_further(ways):
    async with rig(ways) as at:
        statuses, tokens = await asked_by(at, "other")

    assert (statuses, tokens) == ([403], [])


async def test_unless_there_is_a_client_for_all_others(ways):
    async with rig(ways, default=True) as at:
        statuses, tokens = await asked_by(at, "other", "acme")
        by_scope = await granted(at)

    assert (statuses, tokens) == ([200, 200], [by_scope["c",], by_scope["a",]])


async def test_what_a_caller_says_of_itself_selects_nothing(ways):
    async with rig(ways) as at:
        answer = await at.get("/?tenant=beta", "X-API-Key: acme", "X-Tenant: beta", "Host: beta")
        by_scope = await granted(at)

    assert answer.status == 200
    assert [each.token for each in at.upstream.requests] == [by_scope["a",]]


async def test_another_claim_may_select(ways):
    async with rig(ways, by="caller.claims.id") as at:
        statuses, _ = await asked_by(at, "acme", "other")

    assert statuses == [200, 403]


@pytest.mark.time_lapse
async def test_a_refused_token_of_one_tenant_costs_no_other_anything(ways):
    async with rig(ways) as at:
        await asked_by(at, "acme", "beta")
        by_scope = await granted(at)

        async def refuses_acmes_first(exchange):
            exchange.write(ok(status="401 Unauthorized") if exchange.token == by_scope["a",] else ok())

        at.upstream.script = refuses_acmes_first
        statuses, tokens = await asked_by(at, "beta", "acme", "beta")

    assert statuses == [200, 200, 200]
    assert [token for token in tokens if token not in by_scope.values()] == [at.upstream.requests[-2].token]


@pytest.mark.time_lapse
async def test_a_body_is_replayed_for_a_tenant(ways):
    async with rig(ways) as at:
        await asked_by(at, "acme")
        first = (await granted(at))["a",]

        async def refuses_the_first(exchange):
            await exchange.body()
            exchange.write(ok(status="401 Unauthorized") if exchange.token == first else ok(exchange.content))

        at.upstream.script = refuses_the_first
        answer = await at.ask(request("POST", "/", "X-API-Key: acme", body=b"hello"))

    assert (answer.status, answer.body) == (200, b"hello")


async def test_a_reload_keeps_the_tokens_of_tenants(ways):
    async with rig(ways) as at:
        _, before = await asked_by(at, "acme", "beta")
        await at.gateway.reload(replace(at.settings, grace_s=1.0))
        _, after = await asked_by(at, "acme", "beta")

    assert before == after
    assert at.authorization_server.granted == 2


async def test_what_a_route_refuses_for_where_the_credential_goes_it_refuses_for_each_tenant(ways):
    """A query that names the parameter of this caller's credential, or the caller's second Authorization."""
    own = "Authorization: Basic bWluZQ=="

    def routes(rig):
        def to(*carriers):
            return rig.route("/", send=carriers, authorization=CallerAuthorization.KEEP)

        tenants = TenantSettings(
            "caller", (("acme", to(InQuery("key"))), ("beta", to(InHeader("X-T")))), None
        )
        return [rig.route("/", has_token=False, gate=GATE, tenants=tenants)]

    async with Rig(routes=routes, callers=ways) as at:
        refused = await at.get("/?k%65y=mine", "X-API-Key: acme")
        passes = await at.get("/?key=mine", "X-API-Key: beta", "X-T: mine")
        twice = await at.get("/", "X-API-Key: beta", own, own)
        sent = await at.get("/a?b", "X-API-Key: acme")
        heads = [each.head for each in at.upstream.requests]

    assert (refused.status, refused.code, twice.status) == (400, "query_not_allowed", 400)
    assert (passes.status, sent.status) == (200, 200)
    assert [head.line for head in heads] == [b"GET /?key=mine HTTP/1.1", b"GET /a?b&key=token_1 HTTP/1.1"]
    assert heads[0].value("X-T") == b"token_1"


# ── tunnels ───────────────────────────────────────────────────────────────────────────────────────


async def test_each_tenants_tunnel_is_opened_by_its_own_token(ways):
    async with rig(ways, echo) as at:
        by_scope = {}
        for name in ("acme", "beta"):
            caller, _ = await opened(at, f"X-API-Key: {name}")
            await caller.send(text(b"hello", masked=True))
            assert await exactly(caller, 7) == text(b"hello", masked=False)
            by_scope[name] = at.upstream.requests[-1].token
        refused = await at.ask(handshake("/live", "X-API-Key: other"))
        shown = {each.state()["token"] for each in at.gateway.tunnels.open}
        assert refused.status == 403
        assert at.gateway.tunnels._count == 2

    obtained = {each.field_value.decode().removeprefix("Bearer "): each for each in at.told.obtained}
    assert {name: obtained[token].scope for name, token in by_scope.items()} == {
        "acme": ("a",),
        "beta": ("b",),
    }
    assert shown == {each.fingerprint for each in obtained.values()}


async def test_a_reload_that_takes_one_tenants_permission_leaves_the_others(ways):
    async with rig(ways, echo) as at:
        acme, _ = await opened(at, "X-API-Key: acme")
        beta, _ = await opened(at, "X-API-Key: beta")
        (route,) = at.settings.routes
        tenants = replace(route.tenants, routes=route.tenants.routes[:1])
        await at.gateway.reload(replace(at.settings, routes=(replace(route, tenants=tenants),)))
        assert await exactly(beta, 4) == close_frame(1012)
        await acme.send(text(b"hello", masked=True))
        assert await exactly(acme, 7) == text(b"hello", masked=False)
