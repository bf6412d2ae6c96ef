"""`issuer:` alone: what oidc-provider says of itself is found, compared, believed or refused."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import aiohttp
import jwt
import pytest
from aiohttp import web

from tests.oauth.keys import jwk, pem
from tests.real.certificates import SUBJECT
from tests.real.gateways import gateway
from tests.real.oidc_provider import BASIC, OidcProvider, Registration
from tests.real.upstreams import CertificateBoundUpstream, IntrospectingUpstream, serving
from tests.wire.rig import Told

pytestmark = pytest.mark.oidc_provider

LONG_SECRET = "a-secret-of-at-least-thirty-two-bytes"
ALIASED = "https POST /token"


def signing(name: str) -> Registration:
    keys = {"jwks": {"keys": [json.loads(jwk("p256", public=True))]}}
    return Registration(name, "", "private_key_jwt", further=keys)


@asynccontextmanager
async def stage(folder, provider, client, observer=None):
    """A gateway that knows the server's name and nothing more, before an upstream that asks about each token."""
    async with aiohttp.ClientSession() as session:
        upstream = IntrospectingUpstream(provider.token_endpoint + "/introspection", session)
        async with serving(upstream) as port:
            document = {
                "clients": {"crm": {"issuer": provider.issuer, "client_id": "discovering"} | client},
                "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}],
            }
            async with gateway(folder, document, observer=observer) as running:
                yield running, session


async def answered(running, session) -> tuple[int, dict[str, object]]:
    async with session.get(running.url + "/orders") as answer:
        return answer.status, await answer.json(content_type=None)


def facts(running):
    (state,) = running.gateway.generation.sources.states()
    return state.facts


SECRET = {"client_secret": LONG_SECRET}
KEY = {"private_key": pem("p256"), "token_endpoint_auth_method": "private_key_jwt"}
METHODS = {
    "client_secret_basic": (Registration("discovering", LONG_SECRET, "client_secret_basic"), SECRET),
    "client_secret_jwt": (
        Registration("discovering", LONG_SECRET, "client_secret_jwt"),
        SECRET | {"token_endpoint_auth_method": "client_secret_jwt"},
    ),
    "token_endpoint": (signing("discovering"), KEY | {"assertion_audience": "token_endpoint"}),
    "issuer": (signing("discovering"), KEY | {"assertion_audience": "issuer"}),
}


@pytest.mark.parametrize(("registration", "client"), METHODS.values(), ids=METHODS)
async def test_the_issuer_alone_is_enough(tmp_path, provider, registration, client):
    provider.register(registration)
    async with stage(tmp_path, provider, client) as (running, session):
        status, told = await answered(running, session)

    assert (status, told["client_id"]) == (200, "discovering")
    assert (facts(running).token_endpoint, facts(running).objections) == (provider.token_endpoint, ())


async def test_who_shows_a_certificate_is_led_to_where_it_is_asked_for(tmp_path, secure_provider, authority):
    provider = secure_provider
    ours = authority.pair(tmp_path.name)
    bound = {"tls_client_certificate_bound_access_tokens": True, "tls_client_auth_subject_dn": SUBJECT}
    provider.register(Registration("aliased", "", "tls_client_auth", further=bound))
    tls = ours.keys() | {"ca": str(authority.file)}
    client = {
        "issuer": provider.issuer,
        "client_id": "aliased",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls": tls,
    }
    before = provider.requests(ALIASED)
    async with authority.caller() as session:
        upstream = CertificateBoundUpstream(provider.token_endpoint + "/introspection", session)
        async with serving(upstream, authority.upstream_context()) as port:
            route = {"path": "/", "upstream": f"https://127.0.0.1:{port}", "client": "crm", "tls": tls}
            async with gateway(tmp_path, {"clients": {"crm": client}, "routes": [route]}) as running:
                status, told = await answered(running, session)

    assert (status, told["client_id"]) == (200, "aliased")
    assert (len(upstream.thumbprints), provider.requests(ALIASED)) == (1, before + 1)
    assert facts(running).token_endpoint == provider.mtls_token_endpoint


async def test_an_issuer_with_a_slash_too_many_is_another_one(tmp_path, provider):
    provider.register(METHODS["client_secret_basic"][0])
    before = provider.requests("http POST /token")
    async with stage(tmp_path, provider, SECRET | {"issuer": provider.issuer + "/"}) as (running, session):
        status, problem = await answered(running, session)
        (state,) = running.gateway.generation.sources.states()

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_answer_invalid")
    assert state.last_reason == "the issuer's metadata names another issuer"
    assert provider.requests("http POST /token") == before


@pytest.mark.parametrize(
    ("client", "objection"),
    [
        (
            {"token_endpoint_auth_method": "none"},
            "token_endpoint_auth_methods_supported does not list none: it has client_secret_basic, ",
        ),
        (
            {"private_key": pem("p256"), "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"},
            "grant_types_supported does not list urn:ietf:params:oauth:grant-type:jwt-bearer: it has ",
        ),
    ],
    ids=["method", "grant"],
)
async def test_what_the_server_does_not_support_is_told_before_it_is_refused(
    tmp_path, provider, client, objection
):
    provider.register(signing("discovering"))
    async with stage(tmp_path, provider, client) as (running, session):
        status, _ = await answered(running, session)

    assert status == 502
    (told,) = facts(running).objections
    assert told.startswith(objection)


@pytest.mark.time_lapse
async def test_a_server_that_is_down_at_the_start_is_an_outage_like_any_other(tmp_path, oidc_folder):
    told = Told()
    late = OidcProvider(oidc_folder, tmp_path / "log", [BASIC])
    with late:
        pass  # it has its port now, and is gone
    client = {"client_id": BASIC.client_id, "client_secret": BASIC.client_secret, "timeout": "60s"}

    async def upstream(request):
        return web.json_response({"token": request.headers["Authorization"]})

    async with serving(upstream) as port, aiohttp.ClientSession() as session:
        document = {
            "clients": {"crm": {"issuer": late.issuer} | client},
            "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}],
        }
        async with gateway(tmp_path, document, observer=told) as running:
            status, problem = await answered(running, session)
            assert (status, problem["type"]) == (503, "urn:gateway:error:token_unavailable")
            assert not running.gateway.overview.readiness().is_ready

            with late:
                await told.until(lambda: told.obtained)
            assert running.gateway.overview.readiness().is_ready
            status, _ = await answered(running, session)

    assert (status, len(told.obtained)) == (200, 1)


async def test_each_route_has_the_token_of_its_own_resource(tmp_path, provider):
    provider.register(METHODS["client_secret_basic"][0])
    client = {"issuer": provider.issuer, "client_id": "discovering", "client_secret": LONG_SECRET}
    resources = {"/orders": "https://orders.example.com", "/users": "https://users.example.com"}

    async def upstream(request):
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response(jwt.decode(token, options={"verify_signature": False}))

    async with serving(upstream) as port, aiohttp.ClientSession() as session:
        there = {"upstream": f"http://127.0.0.1:{port}", "client": "crm"}
        routes = [{"path": path, "resource": resource} | there for path, resource in resources.items()]
        async with gateway(tmp_path, {"clients": {"crm": client}, "routes": routes}) as running:
            for path, resource in resources.items():
                async with session.get(running.url + path) as answer:
                    assert (await answer.json())["aud"] == resource
