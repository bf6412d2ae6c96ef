"""Every example of docs/client-authentication/ is run: a token is obtained, and a request gets through with it.

Addresses are replaced by those of the servers here, files and variables are made, and the client is registered
as its page says; nothing else of an example is changed, but that certificates of our authority are trusted.
The server is oidc-provider, except for what it does not have:

- the jwt-bearer grant, and clients that prove nothing: Authlib's server, which has both;
- assertions of the type that the SPIFFE draft wants: a fake of ours, for no server that can be installed here
  takes them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientSession, web

from gateway.core.oauth.client_assertion import Occasion
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, Grant
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.signing_settings import AssertionSettings
from gateway.oauth.client_authentication import signed_assertion
from tests.config.documents import load_text
from tests.docs.pages import Block
from tests.docs.test_client_authentication import EXAMPLES, write_secrets
from tests.oauth.authorization_server import authorization_server
from tests.oauth.keys import jwk, pem
from tests.real.authlib_server import NONE, Client, Server
from tests.real.certificates import SUBJECT, Authority, Pair
from tests.real.gateways import gateway_of
from tests.real.oidc_provider import OidcProvider, Registration
from tests.real.test_oidc_dpop import BoundUpstream
from tests.real.upstreams import CertificateBoundUpstream, IntrospectingUpstream, serving
from tests.wire.servers import FakeUpstream

SECRET = "s3cr3t"
"""What `write_secrets` writes."""
BEFORE = "listen: 127.0.0.1:0\nadmin: off\nlog: {access: off}\n"
OTHERS_ADDRESS = re.compile(r"https?://[a-z.]*example\.com")


def is_for_authlib(example: Block) -> bool:
    return "grant-type:jwt-bearer" in example.text or "token_endpoint_auth_method: none" in example.text


def is_for_the_fake(example: Block) -> bool:
    return "jwt-spiffe" in example.text


FOR_AUTHLIB = [example for example in EXAMPLES if is_for_authlib(example)]
FOR_THE_FAKE = [example for example in EXAMPLES if is_for_the_fake(example)]
FOR_OIDC_PROVIDER = [each for each in EXAMPLES if not is_for_authlib(each) and not is_for_the_fake(each)]


@dataclass(frozen=True, slots=True)
class Addresses:
    """What stands in an example, and what is put there."""

    issuer: str
    token_endpoint: str
    upstream: str
    mtls_token_endpoint: str = ""

    def put_into(self, text: str) -> str:
        for theirs, ours in (
            ("https://mtls.login.example.com/oauth/token", self.mtls_token_endpoint),
            ("https://login.example.com/oauth/token", self.token_endpoint),
            ("http://127.0.0.1:9400/oauth/token", self.token_endpoint),
            ("https://login.example.com/oauth/revoke", f"{self.token_endpoint}/revocation"),
            ("https://login.example.com", self.issuer),
            ("https://api.example.com", self.upstream),
        ):
            text = text.replace(theirs, ours)
        assert OTHERS_ADDRESS.findall(text) == []
        return text


def trusting(text: str, authority: Authority) -> str:
    """Put `ca` before each `certificate`, whether in a block or between braces."""
    block = re.sub(r"(?m)^( +)certificate: ", rf"\1ca: {authority.file}\n\1certificate: ", text)
    return block.replace("{certificate: ", f"{{ca: {authority.file}, certificate: ")


def settings_of(example: Block, folder: Path, addresses: Addresses | None = None):
    text = addresses.put_into(example.text) if addresses is not None else example.text
    return load_text(BEFORE + text.replace("/run/secrets", str(folder)), {"CRM_SECRET": SECRET})


def client_of(example: Block, folder: Path) -> tuple[ClientSettings, RouteSettings]:
    """What the only client of an example is, and the only route."""
    settings = settings_of(example, folder)
    (client,), (route,) = settings.clients.values(), settings.routes
    return client, route


def registration_of(client: ClientSettings, ours: Pair) -> Registration:
    grant = client.grant
    method, secret, further = grant.method.value, "", {}
    keys = [json.loads(jwk("p256", public=True)), json.loads(jwk("rsa", public=True, kid="crm-2026"))]
    match grant.method:
        case AuthMethod.CLIENT_SECRET_BASIC | AuthMethod.CLIENT_SECRET_POST | AuthMethod.CLIENT_SECRET_JWT:
            secret = client.credentials[0]().reveal()
        case AuthMethod.PRIVATE_KEY_JWT | AuthMethod.CLIENT_ASSERTION:
            method, further = AuthMethod.PRIVATE_KEY_JWT.value, {"jwks": {"keys": keys}}
        case AuthMethod.TLS_CLIENT_AUTH:
            further = {"tls_client_auth_subject_dn": SUBJECT}
        case AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH:
            further = {"jwks": {"keys": [ours.as_jwk()]}}
    if grant.assertion is not None and grant.assertion.algorithm is not None:
        further["token_endpoint_auth_signing_alg"] = grant.assertion.algorithm.value
    further["dpop_bound_access_tokens"] = grant.dpop is not None
    scope = " ".join(grant.scope) or "orders.read"
    return Registration(grant.client_id, secret, method, scope=scope, further=further)


def platforms_assertion(grant: Grant, issuer: str) -> str:
    """What the platform of a workload would have written: signed by a key that the server was told to trust."""
    settings = replace(grant, assertion=AssertionSettings(issuer))
    return signed_assertion(settings, Secret(pem("p256")), Occasion("", time.time(), "once")).reveal()


async def answered(settings, session: ClientSession) -> tuple[int, str]:
    """What a caller gets from the only route."""
    path = settings.routes[0].path + "/users"
    async with gateway_of(settings) as running, session.get(running.url + path) as answer:
        return answer.status, await answer.text()


@asynccontextmanager
async def checking_upstream(
    client: ClientSettings, route: RouteSettings, provider: OidcProvider, authority: Authority
) -> AsyncIterator[tuple[str, Any]]:
    """An upstream that checks what such tokens are bound to; gives where it is, and what it has accepted."""
    introspection = provider.token_endpoint + "/introspection"
    async with authority.caller() as session:
        if client.grant.dpop is not None:
            bound = BoundUpstream(provider.issuer, session)
            server = FakeUpstream(bound)
            await server.start()
            yield f"http://127.0.0.1:{server.port}", bound.accepted
            await server.close()
            assert server.faults == []
        elif route.upstream.certificate is not None:
            certified = CertificateBoundUpstream(introspection, session)
            async with serving(certified, authority.upstream_context()) as port:
                yield f"https://127.0.0.1:{port}", certified.tokens
        else:
            upstream = IntrospectingUpstream(introspection, session)
            async with serving(upstream) as port:
                yield f"http://127.0.0.1:{port}", upstream.tokens


@pytest.mark.oidc_provider
@pytest.mark.parametrize("example", FOR_OIDC_PROVIDER, ids=str)
async def test_it_is_accepted_by_oidc_provider(example, tmp_path, provider, secure_provider, authority):
    write_secrets(tmp_path)
    (tmp_path / "key.pem").write_text(pem("p256"))
    ours = authority.pair(tmp_path.name)
    if "certificate: /run/secrets/certificate.pem" in example.text:
        provider, example = secure_provider, replace(example, text=trusting(example.text, authority))
        for name, text in ours.texts().items():
            (tmp_path / name).write_text(text)
    client, route = client_of(example, tmp_path)
    registration = registration_of(client, ours)
    binds = {"tls_client_certificate_bound_access_tokens": route.upstream.certificate is not None}
    provider.register(replace(registration, further=dict(registration.further) | binds))
    (tmp_path / "token").write_text(platforms_assertion(client.grant, provider.issuer))
    async with checking_upstream(client, route, provider, authority) as (upstream, accepted):
        servers = provider.issuer, provider.token_endpoint, upstream, provider.mtls_token_endpoint
        async with ClientSession() as session:
            status, _ = await answered(settings_of(example, tmp_path, Addresses(*servers)), session)

    assert (status, len(accepted)) == (200, 1)


@pytest.mark.parametrize("example", FOR_AUTHLIB, ids=str)
async def test_it_is_accepted_by_authlib(example, tmp_path):
    write_secrets(tmp_path)
    (tmp_path / "key.pem").write_text(pem("p256"))
    client, _ = client_of(example, tmp_path)
    login = Server([Client(client.grant.client_id, NONE, "p256")])

    async def upstream(request):
        known = request.headers["Authorization"].removeprefix("Bearer ") in login.tokens
        return web.Response(status=200 if known else 401)

    async with serving(login) as token_port, serving(upstream) as port, ClientSession() as session:
        issuer = f"http://127.0.0.1:{token_port}"
        login.audiences = [f"{issuer}/token"]
        addresses = Addresses(issuer, f"{issuer}/token", f"http://127.0.0.1:{port}")
        status, _ = await answered(settings_of(example, tmp_path, addresses), session)

    assert (status, login.tokens) == (200, ["access_token_1"])
    assert login.headers[0].get("X-API-Key") == (SECRET if "X-API-Key" in example.text else None)


@pytest.mark.parametrize("example", FOR_THE_FAKE, ids=str)
async def test_it_sends_what_the_draft_wants(example, tmp_path):
    write_secrets(tmp_path)

    async def upstream(request):
        return web.Response(text=request.headers["Authorization"])

    async with authorization_server() as login, serving(upstream) as port, ClientSession() as session:
        issuer = f"http://127.0.0.1:{login.port}"
        # It has no metadata: the endpoint takes the place of its issuer.
        text = example.text.replace("issuer: https://login.example.com", f"token_endpoint: {issuer}/token")
        addresses = Addresses(issuer, f"{issuer}/token", f"http://127.0.0.1:{port}")
        settings = settings_of(replace(example, text=text), tmp_path, addresses)
        status, told = await answered(settings, session)

    assert (status, told) == (200, "Bearer access_token_1")
    assert parse_qs(login.requests[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["spiffe://example.com/crm"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"],
        "client_assertion": ["a.b.c"],
    }
