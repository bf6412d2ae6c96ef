"""Tokens that oidc-provider bound to a key of ours (RFC 9449), and an upstream that believes no proof unverified.

The upstream learns from the authorization server which key a token is bound to: by introspection where the
token is opaque, from its signed claims where it is a JWT.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import jwt
import pytest

from tests.oauth.keys import jwk, pem
from tests.real.gateways import Running, gateway
from tests.real.oidc_provider import OidcProvider, Registration
from tests.real.upstreams import IntrospectingUpstream, Introspection, serving
from tests.wire.proofs import StrictUpstream, token_of
from tests.wire.servers import Exchange, FakeUpstream

pytestmark = pytest.mark.oidc_provider

RESOURCE = "https://api.example.com"
TOKEN_REQUEST = "http POST /token"
BINDING = {"dpop_bound_access_tokens": True}
WITH_NONCE = {"dpop_requires_nonce": True}
SECRET = "a-secret-of-ours"


def thumbprint(key: dict[str, str]) -> str:
    """The key's, by RFC 7638: of its required members, sorted."""
    text = json.dumps(key, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class BoundUpstream(StrictUpstream):
    """Takes living tokens, each together with a proof of the very key that it is bound to.

    Attributes:
        accepted: the tokens that came rightly.
    """

    def __init__(self, issuer: str, session: aiohttp.ClientSession, **members: str) -> None:
        super().__init__(**members)
        self.accepted: list[str] = []
        self._issuer = issuer
        self._session = session

    async def __call__(self, exchange: Exchange) -> None:
        token = token_of(exchange)
        claims = await self._claims(token)
        self.tokens = (token,) if claims["active"] else ()
        await super().__call__(exchange)
        if claims["active"]:
            assert claims["cnf"] == {"jkt": thumbprint(self.keys[-1])}
            self.accepted.append(token)

    async def _claims(self, token: str) -> dict[str, object]:
        if token.count(".") != 2:
            return await Introspection(f"{self._issuer}/token/introspection", self._session)(token)
        async with self._session.get(f"{self._issuer}/jwks") as answer:
            (key,) = (await answer.json())["keys"]
        claims = jwt.decode(token, jwt.PyJWK(key), ["RS256"], audience=RESOURCE, issuer=self._issuer)
        return claims | {"active": True}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything of one test."""

    gateway: Running
    upstream: BoundUpstream
    session: aiohttp.ClientSession

    async def get(self) -> tuple[int, bytes]:
        async with self.session.get(self.gateway.url + "/orders?page=2") as answer:
            assert "DPoP-Nonce" not in answer.headers
            return answer.status, await answer.read()


@asynccontextmanager
async def stage(
    folder, provider: OidcProvider, *, registered: dict[str, object], nonce="", algorithm="ES256", **client
) -> AsyncIterator[Stage]:
    """A gateway whose client wants bound tokens, before an upstream that demands `nonce`."""
    name = folder.name
    provider.register(Registration(name, SECRET, "client_secret_basic", further=registered))
    async with aiohttp.ClientSession() as session:
        upstream = BoundUpstream(provider.issuer, session, nonce=nonce, algorithm=algorithm)
        server = FakeUpstream(upstream)
        await server.start()
        crm = {"token_endpoint": provider.token_endpoint, "client_id": name, "client_secret": SECRET}
        route = {"path": "/", "upstream": f"http://127.0.0.1:{server.port}", "client": "crm"}
        document = {"clients": {"crm": crm | BINDING | client}, "routes": [route]}
        try:
            async with gateway(folder, document) as running:
                yield Stage(running, upstream, session)
        finally:
            await server.close()
        assert server.faults == []


@pytest.mark.parametrize("resource", [{}, {"resource": RESOURCE}], ids=["opaque", "JWT"])
@pytest.mark.parametrize("nonce", ["", "the-upstreams-nonce-1"])
async def test_tokens_are_bound_and_every_request_proves_it(tmp_path, provider, resource, nonce):
    wanted = BINDING | (WITH_NONCE if nonce else {})
    async with stage(tmp_path, provider, registered=wanted, nonce=nonce, **resource) as on:
        answers = [await on.get() for _ in range(3)]

    assert answers == [(200, b"ok")] * 3
    assert len(set(on.upstream.accepted)) == on.gateway.tokens("crm") == 1
    assert (on.upstream.accepted[0].count(".") == 2) == bool(resource)


async def test_a_nonce_is_learned_once_on_either_leg(tmp_path, provider):
    before = provider.requests(TOKEN_REQUEST)
    async with stage(tmp_path, provider, registered=BINDING | WITH_NONCE, nonce="first") as on:
        await on.get()
        await on.get()
        assert provider.requests(TOKEN_REQUEST) == before + 2
        assert on.upstream.nonces == ["", "first", "first"]

        on.upstream.nonce = "second"
        await on.get()
        assert on.upstream.nonces[3:] == ["first", "second"]

        provider.drop_tokens()
        assert await on.get() == (200, b"ok")
        assert provider.requests(TOKEN_REQUEST) == before + 3, "the server's nonce was known already"

    assert len(set(on.upstream.accepted)) == on.gateway.tokens("crm") == 2
    assert on.upstream.nonces[5:] == ["second", "second"]


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("p256", "ES256"), ("p521", "ES512"), ("ed25519", "EdDSA"), ("rsa", "RS256"), ("rsa", "PS384")],
)
async def test_the_key_may_be_ours(tmp_path, provider, kind, algorithm):
    (tmp_path / "dpop.pem").write_text(pem(kind))
    key = {"dpop_private_key": f"${{file:{tmp_path}/dpop.pem}}", "dpop_signing_alg": algorithm}
    wanted = BINDING | WITH_NONCE
    async with stage(tmp_path, provider, registered=wanted, nonce="n", algorithm=algorithm, **key) as on:
        assert await on.get() == (200, b"ok")

    assert on.upstream.keys[-1].items() <= json.loads(jwk(kind, public=True)).items()


async def test_a_revoked_token_is_replaced_by_one_that_is_bound_to_the_same_key(tmp_path, provider):
    async with stage(tmp_path, provider, registered=BINDING) as on:
        await on.get()
        provider.drop_tokens()
        assert await on.get() == (200, b"ok")

    assert len(set(on.upstream.accepted)) == on.gateway.tokens("crm") == 2
    assert len({thumbprint(key) for key in on.upstream.keys}) == 1


async def test_a_server_that_did_not_demand_it_binds_all_the_same(tmp_path, provider):
    async with stage(tmp_path, provider, registered={}) as on:
        assert await on.get() == (200, b"ok")


async def test_without_a_proof_such_a_client_gets_no_token(tmp_path, provider):
    """That the server demands it, not only takes it."""
    async with stage(tmp_path, provider, registered=BINDING, dpop_bound_access_tokens=False) as on:
        status, problem = await on.get()

    assert (status, json.loads(problem)["type"]) == (502, "urn:gateway:error:token_refused")
    assert on.upstream.accepted == []


@pytest.fixture(scope="module")
def plain_provider(oidc_folder, tmp_path_factory):
    """A server that knows no DPoP."""
    with OidcProvider(oidc_folder, tmp_path_factory.mktemp("no-dpop") / "log", dpop=False) as provider:
        yield provider


@pytest.mark.parametrize("allowed", [False, True])
async def test_tokens_that_are_not_bound_are_taken_only_where_that_is_allowed(
    tmp_path, plain_provider, allowed
):
    plain_provider.register(Registration("plain", SECRET, "client_secret_basic"))
    crm = {"issuer": plain_provider.issuer, "client_id": "plain", "client_secret": SECRET}
    async with aiohttp.ClientSession() as session:
        upstream = IntrospectingUpstream(plain_provider.token_endpoint + "/introspection", session)
        async with serving(upstream) as port:
            document = {
                "clients": {"crm": crm | BINDING | {"dpop_allow_bearer": allowed}},
                "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}],
            }
            async with gateway(tmp_path, document) as running, session.get(running.url) as answer:
                (state,) = running.gateway.generation.sources.states()

    assert answer.status == (200 if allowed else 502)
    assert len(upstream.tokens) == allowed
    assert ["binds tokens by DPoP" in each for each in state.facts.objections] == [True]
