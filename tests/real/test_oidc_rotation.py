"""Secrets, keys and certificates replaced at the server and in the files while 50 callers run: 0 failures.

With the credential all tokens are forgotten, so that the new one is needed at once; and every token is
looked up for every request, so that none is believed for longer than it lives. Timers run ten times as fast:
two token requests are a second apart.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import pytest

from gateway.app import Gateway
from gateway.core.oauth.token_events import Reason
from tests.oauth.keys import jwk, pem
from tests.real.callers import Callers, callers
from tests.real.certificates import SUBJECT
from tests.real.gateways import gateway
from tests.real.oidc_provider import Registration
from tests.real.upstreams import CertificateBoundUpstream, IntrospectingUpstream, serving, until
from tests.real.volumes import Kubernetes, Plain
from tests.wire.rig import Told

pytestmark = [pytest.mark.oidc_provider, pytest.mark.time_lapse]

ROUNDS = 2
# Of each a tenth: what 50 callers make of two cores takes time.
PATIENCE = {"timeout": "60s", "timeouts": {"connect": "60s"}}
TOKEN_REQUEST = "https POST /token"
FOLDERS = pytest.mark.parametrize("make_folder", [Plain, Kubernetes])


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything of one test."""

    callers: Callers
    upstream: IntrospectingUpstream
    told: Told
    gateway: Gateway

    async def new_token(self, number: int) -> None:
        """Wait until the upstream saw its `number`-th token."""
        await self.callers.until(lambda: len(self.upstream.tokens) >= number)

    def assert_all_went_well(self) -> None:
        assert set(self.callers.statuses) == {200}
        assert self.told.failed == []


@asynccontextmanager
async def stage(folder, provider, client, upstream_type=IntrospectingUpstream, tls=None, route_tls=None):
    told = Told()
    async with aiohttp.ClientSession() as session:
        upstream = upstream_type(provider.token_endpoint + "/introspection", session)
        async with serving(upstream, tls) as port:
            scheme = "http" if tls is None else "https"
            route = {"path": "/", "upstream": f"{scheme}://127.0.0.1:{port}", "client": "crm"} | {
                "timeouts": {"connect": "60s"}
            }
            whole = {
                "clients": {"crm": {"token_endpoint": provider.token_endpoint} | PATIENCE | client},
                "routes": [route | ({"tls": route_tls} if route_tls else {})],
            }
            async with (
                gateway(folder, whole, observer=told) as running,
                callers(running.url + "/orders") as them,
            ):
                await them.rounds(ROUNDS)
                yield Stage(them, upstream, told, running.gateway)
                await them.rounds(ROUNDS)


async def changed_at(provider, registration) -> None:
    """The server knows the client so from now on, and no token that it gave so far."""
    await asyncio.to_thread(provider.register, registration, drop_tokens=True)


@FOLDERS
async def test_a_secret_is_replaced(tmp_path, provider, make_folder):
    secrets = make_folder(tmp_path / "secrets")
    secrets.replace({"crm": "the-old-secret"})
    old = Registration("rotating", "the-old-secret", "client_secret_basic")
    provider.register(old)
    client = {"client_id": "rotating", "client_secret": f"${{file:{secrets / 'crm'}}}"}
    async with stage(tmp_path, provider, client) as on:
        secrets.replace({"crm": "the-new-secret"})
        await changed_at(provider, replace(old, client_secret="the-new-secret"))
        await on.new_token(2)

    on.assert_all_went_well()
    assert on.told.reasons == [Reason.FIRST, Reason.REJECTED]


async def test_of_two_secrets_the_server_changes_to_the_other_when_it_likes(tmp_path, provider):
    secrets = Plain(tmp_path / "secrets")
    secrets.replace({"old": "the-old-secret", "new": "the-new-secret"})
    old = Registration("two-secrets", "the-old-secret", "client_secret_post")
    provider.register(old)
    client = {
        "client_id": "two-secrets",
        "client_secret": [f"${{file:{secrets / name}}}" for name in ("old", "new")],
        "token_endpoint_auth_method": "client_secret_post",
    }
    async with stage(tmp_path, provider, client) as on:
        await changed_at(provider, replace(old, client_secret="the-new-secret"))
        await on.new_token(2)
        await on.callers.rounds(1)  # a request that was replayed once would not be replayed again
        await asyncio.to_thread(provider.drop_tokens)
        await on.new_token(3)

    on.assert_all_went_well()
    assert on.told.switched == [(2, 2)]


async def test_a_private_key_is_replaced(tmp_path, provider):
    secrets = Kubernetes(tmp_path / "secrets")
    secrets.replace({"key.pem": pem("p256")})
    first = registered_key("p256")
    provider.register(first)
    client = {
        "client_id": "signing",
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": f"${{file:{secrets / 'key.pem'}}}",
    }
    async with stage(tmp_path, provider, client) as on:
        secrets.replace({"key.pem": pem("rsa")})
        await changed_at(provider, registered_key("rsa"))
        await on.new_token(2)

    on.assert_all_went_well()


def registered_key(kind: str) -> Registration:
    keys = {"jwks": {"keys": [json.loads(jwk(kind, public=True))]}}
    return Registration("signing", "", "private_key_jwt", further=keys)


@asynccontextmanager
async def certificate_stage(folder, provider, authority, files):
    bound = {"tls_client_certificate_bound_access_tokens": True, "tls_client_auth_subject_dn": SUBJECT}
    provider.register(Registration("certified", "", "tls_client_auth", further=bound))
    tls = {
        "certificate": str(files / "certificate.pem"),
        "key": str(files / "key.pem"),
        "ca": str(authority.file),
    }
    client = {
        "token_endpoint": provider.mtls_token_endpoint,
        "client_id": "certified",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls": tls,
    }
    context = authority.upstream_context()
    async with stage(folder, provider, client, CertificateBoundUpstream, context, tls) as on:
        yield on


@pytest.mark.parametrize(
    ("make_folder", "drops_tokens"), [(Plain, False), (Kubernetes, False), (Kubernetes, True)]
)
async def test_a_certificate_is_replaced(tmp_path, provider, authority, make_folder, drops_tokens):
    old, new = (authority.pair(f"{tmp_path.name}-{name}") for name in ("old", "new"))
    files = make_folder(tmp_path / "secrets")
    files.replace(old.texts())
    async with certificate_stage(tmp_path, provider, authority, files) as on:
        files.replace(new.texts())
        if drops_tokens:
            await asyncio.to_thread(provider.drop_tokens)
        await on.callers.until(lambda: len(on.upstream.thumbprints) == 2)

    on.assert_all_went_well()


async def test_a_certificate_is_replaced_while_a_token_is_asked_for(tmp_path, provider, authority):
    """The token that comes is bound to the certificate of before, and connections show the new one already."""
    old, new = (authority.pair(f"{tmp_path.name}-{name}") for name in ("old", "new"))
    files = Kubernetes(tmp_path / "secrets")
    files.replace(old.texts())
    async with certificate_stage(tmp_path, provider, authority, files) as on:
        asked = provider.requests(TOKEN_REQUEST)
        provider.hold(holds=True)
        await asyncio.to_thread(provider.drop_tokens)

        async def has_asked():
            return provider.requests(TOKEN_REQUEST) == asked + 1

        await until(has_asked)
        files.replace(new.texts())

        async def knows():
            return all(": 0 open" in repr(pool) for pool in on.gateway.generation.pools.values())

        await until(knows)
        provider.hold(holds=False)
        await on.callers.until(lambda: len(on.upstream.thumbprints) == 2)

    on.assert_all_went_well()
