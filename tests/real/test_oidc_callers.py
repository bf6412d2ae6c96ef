"""Callers with the tokens of oidc-provider: verified by its keys, which change, or by asking it."""

from __future__ import annotations

import secrets
import time
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import aiohttp.web
import pytest

from gateway.core.caller import WayName
from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.settings.signing_settings import DpopSettings
from gateway.oauth.dpop_key import make_dpop_key
from tests.real.gateways import gateway
from tests.real.oidc_provider import OidcProvider, Registration
from tests.real.upstreams import serving, until

pytestmark = pytest.mark.oidc_provider

CALLER = Registration("a-caller", "a-secret-of-a-caller", "client_secret_post")
ASKER = Registration("the-gateway", "a-secret-of-the-gateway", "client_secret_basic")
AUDIENCE = "https://gateway.example.com"
WAY = WayName("known")


@pytest.fixture
def own_provider(oidc_folder, tmp_path):
    """One that a test may stop."""
    with OidcProvider(oidc_folder, tmp_path / "provider.log", (CALLER, ASKER)) as running:
        yield running


async def nothing(request):
    return aiohttp.web.Response(text="served")


@asynccontextmanager
async def stage(folder, way, scope=None):
    entry = {"caller": WAY} | ({"scope": scope} if scope else {})
    async with aiohttp.ClientSession() as session, serving(nothing) as port:
        document = {
            "callers": {WAY: way["way"]},
            "clients": way.get("clients", {}),
            "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "access": [entry]}],
        }
        async with gateway(folder, document) as running:
            yield running, session


def verified_here(provider):
    return {"way": {"jwt": {"issuer": provider.issuer, "audience": AUDIENCE}}}


def asked_about(provider, **more):
    client = {"issuer": provider.issuer, "client_id": ASKER.client_id, "client_secret": ASKER.client_secret}
    return {"way": {"introspection": {"client": "asker"} | more}, "clients": {"asker": client}}


async def token(session, provider, headers=None, **more):
    form = {
        "grant_type": "client_credentials",
        "client_id": CALLER.client_id,
        "client_secret": CALLER.client_secret,
        "scope": "orders.read",
    }
    async with session.post(provider.token_endpoint, data=form | more, headers=headers) as answer:
        return (await answer.json())["access_token"]


def jwt_of(session, provider):
    return token(session, provider, resource=AUDIENCE)


async def status(running, session, presented):
    headers = {"Authorization": f"Bearer {presented}"}
    async with session.get(running.url + "/orders", headers=headers) as answer:
        return answer.status


def cool_down(running):
    """Let the time pass after which keys may be fetched again."""
    running.gateway.generation.ways.credentials[WAY].keys._tried_at_s -= 30.0


def key_requests(provider):
    return provider.requests("http GET /jwks")


async def test_its_jwt_is_an_access_token_for_its_audience_alone(own_provider, tmp_path):
    async with stage(tmp_path, verified_here(own_provider), "orders.read") as (running, session):
        mine = await jwt_of(session, own_provider)
        other = await token(session, own_provider, resource="https://other.example.com")
        opaque = await token(session, own_provider)

        assert [await status(running, session, each) for each in (mine, other, opaque)] == [200, 401, 401]


async def test_a_scope_that_it_did_not_grant_is_not_enough(own_provider, tmp_path):
    async with stage(tmp_path, verified_here(own_provider), "orders.write") as (running, session):
        assert await status(running, session, await jwt_of(session, own_provider)) == 403


async def test_its_keys_change_without_an_outage_or_a_flood(own_provider, tmp_path):
    async with stage(tmp_path, verified_here(own_provider)) as (running, session):
        old = [await jwt_of(session, own_provider) for _ in range(2)]
        assert await status(running, session, old[0]) == 200
        own_provider.rotate()
        new = [await jwt_of(session, own_provider) for _ in range(5)]
        early = [await status(running, session, each) for each in new]
        cool_down(running)
        late = [await status(running, session, each) for each in (*new, old[1])]

    assert set(early) == {401}  # within the cooldown, and for one cooldown at most
    assert set(late) == {200}
    assert key_requests(own_provider) == 2


async def test_while_it_is_down_known_keys_serve_and_when_it_is_back_new_ones_do(own_provider, tmp_path):
    async with stage(tmp_path, verified_here(own_provider)) as (running, session):
        first, second = [await jwt_of(session, own_provider) for _ in range(2)]
        assert await status(running, session, first) == 200
        own_provider.stop()
        cool_down(running)
        down = [await status(running, session, each) for each in (first, second)]
        own_provider.start()  # with other keys
        cool_down(running)
        back = await status(running, session, await jwt_of(session, own_provider))

    assert down == [200, 200]
    assert back == 200


@pytest.mark.parametrize("is_jwt", [True, False])
async def test_a_token_that_it_bound_to_a_key_needs_proofs_by_this_key(own_provider, tmp_path, is_jwt):
    way = verified_here(own_provider) if is_jwt else asked_about(own_provider)
    key = make_dpop_key(DpopSettings(), time.time, partial(secrets.token_urlsafe, 16))
    thief = make_dpop_key(DpopSettings(), time.time, partial(secrets.token_urlsafe, 16))
    async with stage(tmp_path, way) as (running, session):
        proof = key.proof("POST", own_provider.token_endpoint)
        more = {"resource": AUDIENCE} if is_jwt else {}
        bound = await token(session, own_provider, {"DPoP": proof}, **more)

        async def presented(scheme, by):
            url = running.url + "/orders"
            fields = {"DPoP": by.proof("GET", url, ath=token_hash(bound))} if by is not None else {}
            async with session.get(url, headers={"Authorization": f"{scheme} {bound}"} | fields) as answer:
                return answer.status

        statuses = [
            await presented(*each)
            for each in (("DPoP", key), ("DPoP", key), ("DPoP", thief), ("DPoP", None), ("Bearer", None))
        ]

    assert statuses == [200, 200, 401, 401, 401]


async def test_it_is_asked_about_opaque_tokens(own_provider, tmp_path):
    async with stage(tmp_path, asked_about(own_provider), "orders.read") as (running, session):
        opaque = await token(session, own_provider)
        statuses = [await status(running, session, each) for each in (opaque, opaque, "invented")]

    assert statuses == [200, 200, 401]
    assert own_provider.requests("http POST /token/introspection") == 2


async def test_a_token_that_it_forgot_is_refused_once_the_answer_is_forgotten(own_provider, tmp_path):
    async with stage(tmp_path, asked_about(own_provider, cache="50ms")) as (running, session):
        opaque = await token(session, own_provider)
        assert await status(running, session, opaque) == 200
        own_provider.drop_tokens()

        async def is_refused():
            return await status(running, session, opaque) == 401

        await until(is_refused)


async def test_while_it_is_down_nobody_is_blamed_and_afterwards_it_is_asked_again(own_provider, tmp_path):
    async with stage(tmp_path, asked_about(own_provider)) as (running, session):
        known = await token(session, own_provider)
        assert await status(running, session, known) == 200
        own_provider.stop()
        down = [await status(running, session, each) for each in (known, "another")]
        own_provider.start()
        running.gateway.generation.ways.credentials[WAY]._not_before_s.update({False: 0.0, True: 0.0})
        back = await status(running, session, await token(session, own_provider))

    assert down == [200, 503]
    assert back == 200
