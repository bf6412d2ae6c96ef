"""The gateway before a service that asks a real authorization server about each token."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

import aiohttp
import pytest

from tests.real.gateways import Running, gateway, write_configuration
from tests.real.oidc_provider import BASIC, DYING, POST, READER, SHORT, OidcProvider, Registration
from tests.real.upstreams import IntrospectingUpstream, serving, until

pytestmark = pytest.mark.oidc_provider

RESOURCE = "https://api.example.com"
BODY = bytes(range(256)) * 64


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything of one test."""

    gateway: Running
    upstream: IntrospectingUpstream
    session: aiohttp.ClientSession

    async def get(self) -> tuple[int, dict[str, object]]:
        async with self.session.get(self.gateway.url + "/orders") as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, body: bytes) -> tuple[int, dict[str, object]]:
        async with self.session.post(self.gateway.url + "/orders", data=body) as answer:
            return answer.status, await answer.json(content_type=None)


def client_section(provider: OidcProvider, registration: Registration, **keys: object) -> dict[str, object]:
    return {
        "token_endpoint": provider.token_endpoint,
        "client_id": registration.client_id,
        "client_secret": "${env:SECRET}",
        "token_endpoint_auth_method": registration.token_endpoint_auth_method,
        "scope": registration.scope,
    } | keys


def document(
    provider: OidcProvider, registration: Registration, port: int, **keys: object
) -> dict[str, object]:
    return {
        "clients": {"crm": client_section(provider, registration, **keys)},
        "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}],
    }


@asynccontextmanager
async def stage(folder, provider, registration, **keys):
    async with aiohttp.ClientSession() as session:
        upstream = IntrospectingUpstream(provider.token_endpoint + "/introspection", session)
        async with serving(upstream) as port:
            whole = document(provider, registration, port, **keys)
            async with gateway(folder, whole, {"SECRET": registration.client_secret}) as running:
                yield Stage(running, upstream, session)


async def revoke(stage, provider, registration, token):
    pair = f"{quote(registration.client_id, safe='')}:{quote(registration.client_secret, safe='')}"
    basic = "Basic " + base64.b64encode(pair.encode()).decode()
    url = provider.token_endpoint + "/revocation"
    async with stage.session.post(url, data={"token": token}, headers={"Authorization": basic}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("registration", [BASIC, POST], ids=lambda one: one.token_endpoint_auth_method)
async def test_ids_and_secrets_with_odd_characters_are_accepted(tmp_path, provider, registration):
    async with stage(tmp_path, provider, registration) as on:
        status, told = await on.get()

    assert (200, registration.client_id) == (status, told["client_id"])


async def test_the_token_has_the_scope_that_was_asked_for(tmp_path, provider):
    async with stage(tmp_path, provider, BASIC, scope=["orders.write", "users.read"]) as on:
        _, told = await on.get()

    assert told["scope"] == "orders.write users.read"


async def test_a_token_serves_many_requests(tmp_path, provider):
    async with stage(tmp_path, provider, BASIC) as on:
        answers = await asyncio.gather(*(on.post(BODY) for _ in range(50)))

    assert {(200, hashlib.sha256(BODY).hexdigest())} == {(status, told["sha256"]) for status, told in answers}
    assert on.gateway.tokens("crm") == 1


async def test_a_resource_gives_a_jwt_for_that_audience(tmp_path, provider):
    seen = []

    async def upstream(request):
        seen.append(request.headers["Authorization"])
        return aiohttp.web.Response()

    async with serving(upstream) as port, aiohttp.ClientSession() as session:
        whole = document(provider, BASIC, port, resource=RESOURCE)
        secrets = {"SECRET": BASIC.client_secret}
        async with gateway(tmp_path, whole, secrets) as running, session.get(running.url) as answer:
            assert answer.status == 200

    payload = seen[0].removeprefix("Bearer ").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (RESOURCE, BASIC.client_id) == (claims["aud"], claims["client_id"])


async def test_tokens_that_expire_under_load_lose_no_request(tmp_path, provider):
    """This server counts in whole seconds: some tokens die up to a second before their time."""
    statuses = []
    async with stage(tmp_path, provider, SHORT) as on:

        async def call_until_three_tokens_are_gone():
            while on.gateway.tokens("crm") < 4:
                statuses.append((await on.post(BODY))[0])

        async with asyncio.timeout(20):
            await asyncio.gather(*(call_until_three_tokens_are_gone() for _ in range(4)))

    assert {200} == set(statuses)
    assert 4 <= on.gateway.tokens("crm") <= 5


async def test_a_token_revoked_behind_our_back_is_replaced_once(tmp_path, provider):
    async with stage(tmp_path, provider, BASIC) as on:
        await on.get()
        await revoke(on, provider, BASIC, on.upstream.tokens[0])
        answers = await asyncio.gather(*(on.post(BODY) for _ in range(20)))

    assert {(200, hashlib.sha256(BODY).hexdigest())} == {(status, told["sha256"]) for status, told in answers}
    assert on.upstream.refused >= 1
    assert (len(on.upstream.tokens), on.gateway.tokens("crm")) == (2, 2)


@pytest.mark.parametrize("registration", [BASIC, POST], ids=lambda one: one.token_endpoint_auth_method)
async def test_a_wrong_secret_is_the_gateways_fault_not_the_callers(tmp_path, provider, registration):
    async with stage(tmp_path, provider, replace(registration, client_secret="wrong")) as on:
        status, problem = await on.get()

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_refused")
    assert on.upstream.tokens == []
    assert "wrong" not in json.dumps(problem)


async def test_a_scope_that_was_not_registered_is_refused(tmp_path, provider):
    async with stage(tmp_path, provider, READER, scope="orders.write") as on:
        status, problem = await on.get()

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_refused")


async def test_an_outage_is_survived_on_the_living_token_and_ends_by_itself(tmp_path, oidc_folder):
    with OidcProvider(oidc_folder, tmp_path / "log") as provider:
        async with stage(tmp_path, provider, DYING) as on:
            assert (await on.get())[0] == 200
            provider.stop()
            assert (await on.get())[0] == 200, "the token still lives"

            async with asyncio.timeout(20):
                while (first := await on.get())[0] == 200:
                    await asyncio.sleep(0.02)
            assert (first[0], first[1]["type"]) == (503, "urn:gateway:error:token_unavailable")
            assert len(on.upstream.tokens) == 1

            provider.start()

            async def is_back():
                return (await on.get())[0] == 200

            await until(is_back)
    assert len(on.upstream.tokens) == 2


async def gateway_token(folder, provider, registration, secret):
    whole = {"clients": {"crm": client_section(provider, registration)}}
    whole["routes"] = [{"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}]
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "gateway",
            "token",
            "crm",
            "-c",
            write_configuration(folder, whole),
            "--json",
        ),
        env=os.environ | {"SECRET": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("registration", [BASIC, POST], ids=lambda one: one.token_endpoint_auth_method)
async def test_gateway_token_finds_nothing_to_complain_of(tmp_path, provider, registration):
    status, out, err = await gateway_token(tmp_path, provider, registration, registration.client_secret)

    report = json.loads(out)
    assert (status, err) == (0, "")
    assert (round(report["token"]["lifetime_s"]), report["deviations"]) == (600, [])
    assert registration.client_secret not in out


async def test_gateway_token_tells_a_wrong_secret(tmp_path, provider):
    status, out, _ = await gateway_token(tmp_path, provider, BASIC, "no-such-secret")

    assert (status, json.loads(out)["status"]) == (1, 401)
    assert "no-such-secret" not in out
