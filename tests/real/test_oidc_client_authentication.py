"""Every way to authenticate, each against oidc-provider, and a request through to an upstream that checks."""

from __future__ import annotations

import json
import ssl
import time
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.core.oauth.client_assertion import Occasion
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, ClientName, Grant
from gateway.core.settings.signing_settings import AssertionSettings
from gateway.oauth.client_authentication import signed_assertion
from tests.oauth.keys import PAIRS, jwk, pem
from tests.real.certificates import Pair, self_signed
from tests.real.gateways import gateway
from tests.real.oidc_provider import UPSTREAM, OidcProvider, Registration
from tests.real.upstreams import CertificateBoundUpstream, IntrospectingUpstream, serving

pytestmark = pytest.mark.oidc_provider

LONG_SECRET = "a-secret-of-at-least-sixty-four-bytes-as-hs512-demands-it-:%+/&=?#"
# oidc-provider verifies EdDSA by Ed25519 only.
SIGNED = [(kind, algorithm.value) for kind, algorithm in PAIRS if kind != "ed448"]
SUBJECT = "CN=fake authorization server"


def with_secret(algorithm: str) -> Registration:
    further = {"token_endpoint_auth_signing_alg": algorithm}
    return Registration(f"secret-{algorithm}", LONG_SECRET, "client_secret_jwt", further=further)


def with_key(kind: str, algorithm: str) -> Registration:
    further = {
        "token_endpoint_auth_signing_alg": algorithm,
        "jwks": {"keys": [json.loads(jwk(kind, public=True, kid=f"{kind}-1"))]},
    }
    return Registration(f"key-{algorithm}", "", "private_key_jwt", further=further)


def with_key_of(pair: Pair) -> Registration:
    further = {"token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [pair.as_jwk()]}}
    return Registration("with-certificate", "", "private_key_jwt", further=further)


def with_certificate(method: str, **further: object) -> Registration:
    bound = {"tls_client_certificate_bound_access_tokens": True}
    return Registration(method, "", method, further=bound | further)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Of the servers, of a client that the authorization server verifies, and of one that it knows."""

    server: Pair
    verified: Pair
    self_signed: Pair


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return Certificates(*(self_signed(folder / name) for name in ("server", "verified", "self-signed")))


@pytest.fixture(scope="module")
def provider(oidc_folder, tmp_path_factory, certificates):
    registrations = [
        UPSTREAM,
        *(with_secret(algorithm) for algorithm in ("HS256", "HS384", "HS512")),
        *(with_key(kind, algorithm) for kind, algorithm in SIGNED),
        with_key_of(certificates.self_signed),
        with_certificate("tls_client_auth", tls_client_auth_subject_dn=SUBJECT),
        with_certificate("self_signed_tls_client_auth", jwks={"keys": [certificates.self_signed.as_jwk()]}),
    ]
    tls = {
        "cert": certificates.server.certificate.read_text(),
        "key": certificates.server.key.read_text(),
        "ca": certificates.verified.certificate.read_text(),
    }
    log = tmp_path_factory.mktemp("oidc-provider") / "log"
    with OidcProvider(oidc_folder, log, registrations, tls) as provider:
        yield provider


async def answered(running, session) -> tuple[int, dict[str, object]]:
    async with session.get(running.url + "/orders") as answer:
        return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def stage(folder, provider, client: dict[str, object]):
    """A gateway with this client before an upstream that asks about each token."""
    async with aiohttp.ClientSession() as session:
        upstream = IntrospectingUpstream(provider.token_endpoint + "/introspection", session)
        async with serving(upstream) as port:
            whole = {
                "clients": {"crm": {"token_endpoint": provider.token_endpoint} | client},
                "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}],
            }
            async with gateway(folder, whole, {"SECRET": LONG_SECRET}) as running:
                yield running, session


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_client_secret_jwt(tmp_path, provider, algorithm):
    client = {
        "client_id": f"secret-{algorithm}",
        "client_secret": "${env:SECRET}",
        "token_endpoint_auth_method": "client_secret_jwt",
        "token_endpoint_auth_signing_alg": algorithm,
    }
    async with stage(tmp_path, provider, client) as (running, session):
        status, told = await answered(running, session)

    assert (200, f"secret-{algorithm}") == (status, told["client_id"])


def key_client(folder: Path, text: str, algorithm: str, **keys: object) -> dict[str, object]:
    (folder / "key").write_text(text)
    return {
        "client_id": f"key-{algorithm}",
        "private_key": f"${{file:{folder}/key}}",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": algorithm,
    } | keys


@pytest.mark.parametrize(("kind", "algorithm"), SIGNED)
@pytest.mark.parametrize("form", [pem, jwk])
async def test_private_key_jwt(tmp_path, provider, form, kind, algorithm):
    client = key_client(tmp_path, form(kind), algorithm, kid=f"{kind}-1")
    async with stage(tmp_path, provider, client) as (running, session):
        status, told = await answered(running, session)

    assert (200, f"key-{algorithm}") == (status, told["client_id"])


@pytest.mark.parametrize(
    ("audience", "status"), [("http://127.0.0.1:{}", 200), ("https://another.example.com", 502)]
)
async def test_the_audience_is_a_setting(tmp_path, provider, audience, status):
    told = {"assertion_audience": audience.format(provider.port)}
    client = key_client(tmp_path, pem("p256"), "ES256", **told)
    async with stage(tmp_path, provider, client) as (running, session):
        assert (await answered(running, session))[0] == status


async def test_a_certificate_and_further_claims_in_an_assertion(tmp_path, provider, certificates):
    """The server is told of the key by its certificate in each way, and of claims that it does not know."""
    pair = certificates.self_signed
    client = key_client(tmp_path, b64encode(pair.key.read_bytes()).decode(), "ES256") | {
        "client_id": "with-certificate",
        "assertion_certificate": str(pair.certificate),
        "assertion_certificate_headers": ["x5t", "x5t#S256", "x5c"],
        "assertion_claims": {"tenant": "acme", "roles": ["reader", {"of": ["orders"]}], "weight": 1.5},
    }
    async with stage(tmp_path, provider, client) as (running, session):
        status, told = await answered(running, session)

    assert (status, told["client_id"]) == (200, "with-certificate")


async def test_a_key_that_the_server_does_not_know_is_refused(tmp_path, provider):
    async with stage(tmp_path, provider, key_client(tmp_path, pem("p384"), "ES384")) as (running, session):
        assert (await answered(running, session))[0] == 200
    client = key_client(tmp_path, pem("p256"), "ES256") | {"client_id": "key-ES384"}
    async with stage(tmp_path, provider, client) as (running, session):
        status, problem = await answered(running, session)

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_refused")


async def test_an_assertion_that_somebody_else_signed(tmp_path, provider):
    grant = Grant(
        ClientName("crm"),
        provider.token_endpoint,
        "key-ES256",
        AuthMethod.PRIVATE_KEY_JWT,
        assertion=AssertionSettings(provider.token_endpoint),
    )
    assertion = signed_assertion(grant, Secret(pem("p256")), Occasion("", time.time(), "of somebody else"))
    (tmp_path / "token").write_text(assertion.reveal() + "\n")
    client = {"client_id": "key-ES256", "client_assertion": f"${{file:{tmp_path}/token}}"}
    async with stage(tmp_path, provider, client) as (running, session):
        status, told = await answered(running, session)

    assert (status, told["client_id"]) == (200, "key-ES256")


@asynccontextmanager
async def bound_stage(folder, provider, certificates, method: str, ours: Pair):
    """A gateway that shows `ours` to both servers."""
    tls = ours.keys() | {"ca": str(certificates.server.certificate)}
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours.certificate)
    server.load_cert_chain(certificates.server.certificate, certificates.server.key)
    server.verify_mode = ssl.CERT_REQUIRED
    client = {
        "token_endpoint": f"https://127.0.0.1:{provider.tls_port}/token",
        "client_id": method,
        "token_endpoint_auth_method": method,
        "tls": tls,
    }
    async with aiohttp.ClientSession() as session:
        upstream = CertificateBoundUpstream(provider.token_endpoint + "/introspection", session)
        async with serving(upstream, server) as port:
            route = {"path": "/", "upstream": f"https://127.0.0.1:{port}", "client": "crm", "tls": tls}
            async with gateway(folder, {"clients": {"crm": client}, "routes": [route]}) as running:
                yield running, session, upstream


@pytest.mark.parametrize(
    ("method", "name"), [("tls_client_auth", "verified"), ("self_signed_tls_client_auth", "self_signed")]
)
async def test_a_certificate_authenticates_and_binds_the_token(
    tmp_path, provider, certificates, method, name
):
    ours = getattr(certificates, name)
    async with bound_stage(tmp_path, provider, certificates, method, ours) as (running, session, upstream):
        status, told = await answered(running, session)

    assert (200, method) == (status, told["client_id"])
    assert len(upstream.thumbprints) == 1


@pytest.mark.parametrize(
    ("method", "name"), [("tls_client_auth", "self_signed"), ("self_signed_tls_client_auth", "verified")]
)
async def test_another_certificate_is_refused(tmp_path, provider, certificates, method, name):
    ours = getattr(certificates, name)
    async with bound_stage(tmp_path, provider, certificates, method, ours) as (running, session, upstream):
        status, problem = await answered(running, session)

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_refused")
    assert upstream.thumbprints == []


async def test_none_is_refused_as_nobody_may_ask_like_that(tmp_path, provider):
    client = {"client_id": "key-ES256", "token_endpoint_auth_method": "none"}
    async with stage(tmp_path, provider, client) as (running, session):
        status, problem = await answered(running, session)

    assert (status, problem["type"]) == (502, "urn:gateway:error:token_refused")
