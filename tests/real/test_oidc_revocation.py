"""`revoke: true`: what the gateway no longer uses is worth nothing any more (RFC 7009)."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.real.gateways import gateway
from tests.real.oidc_provider import Registration
from tests.real.upstreams import IntrospectingUpstream, Introspection, serving
from tests.wire.rig import Told

pytestmark = pytest.mark.oidc_provider

REVOKED = "http POST /token/revocation"


@asynccontextmanager
async def stage(folder, provider, *, lifetime_s: int = 600, **client):
    """A gateway that revokes, before an upstream that asks about each token; the upstream outlives it."""
    provider.register(Registration(folder.name, "a-secret", "client_secret_basic", lifetime_s=lifetime_s))
    told = Told()
    async with aiohttp.ClientSession() as session:
        upstream = IntrospectingUpstream(provider.token_endpoint + "/introspection", session)

        async def is_active(token: str) -> object:
            return (await Introspection(upstream.introspection_endpoint, session)(token))["active"]

        async with serving(upstream) as port:
            crm = {"client_id": folder.name, "client_secret": "a-secret", "revoke": True} | client
            route = {"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}
            running = gateway(folder, {"clients": {"crm": crm}, "routes": [route]}, observer=told)
            yield running, session, upstream, told, is_active


def endpoints(provider, *, discovered: bool) -> dict[str, str]:
    if discovered:
        return {"issuer": provider.issuer}
    revocation = provider.token_endpoint + "/revocation"
    return {"token_endpoint": provider.token_endpoint, "revocation_endpoint": revocation}


async def ask(running, session) -> None:
    async with session.get(running.url) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("discovered", [True, False])
async def test_the_last_token_is_revoked_at_the_end(tmp_path, provider, discovered):
    client = endpoints(provider, discovered=discovered)
    async with stage(tmp_path, provider, **client) as (entered, session, upstream, told, is_active):
        async with entered as running:
            await ask(running, session)
            (token,) = upstream.tokens
            assert await is_active(token)

        assert not await is_active(token)
    assert [failed for _, failed in told.revoked] == [None]


async def test_without_the_wish_it_lives_on(tmp_path, provider):
    client = endpoints(provider, discovered=True) | {"revoke": False}
    before = provider.requests(REVOKED)
    async with stage(tmp_path, provider, **client) as (entered, session, upstream, _, is_active):
        async with entered as running:
            await ask(running, session)
        assert await is_active(upstream.tokens[0])
    assert provider.requests(REVOKED) == before


@pytest.mark.time_lapse
async def test_a_token_is_revoked_a_while_after_another_took_its_place(tmp_path, provider):
    """By the server's clock, which runs at its own pace, the first one would live for five seconds more."""
    client = endpoints(provider, discovered=True) | {"timeout": "60s"}
    async with stage(tmp_path, provider, lifetime_s=6, **client) as (
        entered,
        session,
        upstream,
        told,
        is_active,
    ):
        async with entered as running:
            await ask(running, session)
            await told.until(lambda: len(told.obtained) == 2)
            await ask(running, session)
            first, second = upstream.tokens
            assert (await is_active(first), await is_active(second)) == (True, True)

            await told.until(lambda: told.revoked)
            assert not await is_active(first)
        assert not await is_active(second)
    assert {failed for _, failed in told.revoked} == {None}
