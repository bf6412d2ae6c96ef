"""Proofs of possession before a resource server's library that nobody here wrote."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.oauth.keys import pem
from tests.real.gateways import gateway
from tests.real.oidc_provider import OidcProvider, Registration
from tests.real.protected_resource import protected_resource

pytestmark = pytest.mark.oidc_provider

AUDIENCE = "https://api.example.com"
CALLERS, REQUESTS = 10, 5


def client(provider: OidcProvider, name: str, **keys: object) -> dict[str, object]:
    further = {"dpop_bound_access_tokens": True, "dpop_requires_nonce": True}
    provider.register(Registration(name, "a-secret-of-ours", "client_secret_basic", further=further))
    known = {"issuer": provider.issuer, "client_id": name, "client_secret": "a-secret-of-ours"}
    return known | {"resource": AUDIENCE, "dpop_bound_access_tokens": True} | keys


@pytest.mark.parametrize(
    "keys",
    [{}]
    + [
        {"dpop_private_key": pem(kind), "dpop_signing_alg": algorithm}
        for kind, algorithm in (("p384", "ES384"), ("ed25519", "EdDSA"), ("rsa", "RS256"), ("rsa", "PS256"))
    ],
    ids=["in memory", "ES384", "EdDSA", "RS256", "PS256"],
)
async def test_every_request_is_believed(tmp_path, oidc_folder, provider, keys):
    with protected_resource(oidc_folder, provider.issuer, AUDIENCE) as resource:
        route = {"path": "/crm", "upstream": resource + "/occ/v2", "strip_prefix": True, "client": "crm"}
        document = {"clients": {"crm": client(provider, tmp_path.name, **keys)}, "routes": [route]}
        async with gateway(tmp_path, document) as running, aiohttp.ClientSession() as session:
            url = running.url + "/crm/users/%C3%A9;v=1?page=2&name=a%20b"

            async def call(method: str) -> tuple[int, bytes]:
                async with session.request(method, url, data=b"x" if method == "POST" else None) as answer:
                    return answer.status, await answer.read()

            methods = ["GET", "POST", "DELETE", "PATCH", "PUT"] * (CALLERS * REQUESTS // 5)
            answers = await asyncio.gather(*map(call, methods))

    assert [answer for answer in answers if answer[0] != 200] == []
    assert {json.loads(body)["client_id"] for _, body in answers} == {tmp_path.name}
