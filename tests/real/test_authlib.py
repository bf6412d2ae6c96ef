"""A second authorization server that nobody here wrote: Authlib's, in this process, behind an HTTP server of ours."""

from __future__ import annotations

import json
import random
import time
from asyncio import get_running_loop
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession, web

from gateway.config import load
from gateway.core.clock import Clock
from gateway.core.probe_report import render_json, render_text
from gateway.oauth.probe import probe
from tests.oauth.fakes import KEY
from tests.oauth.keys import pem, public_pem
from tests.real.gateways import gateway, write_configuration
from tests.real.upstreams import serving

pytest.importorskip("authlib", reason="Authlib is not installed (pip install authlib)")

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc.jwk import import_key

AUDIENCE = "https://login.example.com"
SECRET = "p@ss+w%rd é漢"
BASIC, POST, SIGNING = "client_secret_basic", "client_secret_post", "client_assertion_jwt"


class Client(ClientMixin):
    """Registered for one method of authentication."""

    def __init__(self, client_id: str, method: str, kind: str = "") -> None:
        self.client_id, self.method, self.kind = client_id, method, kind

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return scope

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.method

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


CLIENTS = {
    one.client_id: one
    for one in (
        Client("basic", BASIC),
        Client("post", POST),
        Client("rsa", SIGNING, "rsa"),
        Client("p256", SIGNING, "p256"),
    )
}


class Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = (BASIC, POST, SIGNING)


class Assertion(JWTBearerClientAssertion):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def get_audiences(self):
        return [AUDIENCE]

    def validate_jti(self, claims, jti):
        is_new = jti not in self.seen
        self.seen.add(jti)
        return is_new

    def resolve_client_public_key(self, client):
        return import_key(public_pem(client.kind), "RSA" if client.kind == "rsa" else "EC")


class Request(OAuth2Request):
    def __init__(self, form: dict[str, str], headers) -> None:
        super().__init__("POST", "https://login.example.com/token", headers=headers)
        self.payload = BasicOAuth2Payload(form)
        self._fields = form

    @property
    def form(self):
        return self._fields


class Server(AuthorizationServer):
    """The whole of Authlib's token endpoint; what it leaves open is here."""

    def __init__(self) -> None:
        super().__init__()
        self.assertion = Assertion()
        self.tokens: list[str] = []
        self.register_grant(Grant)
        self.register_client_auth_method(SIGNING, self.assertion)
        self.register_token_generator("default", BearerTokenGenerator(self._next_token))

    def _next_token(self, *_: object, **__: object) -> str:
        self.tokens.append(f"access_token_{len(self.tokens) + 1}")
        return self.tokens[-1]

    def query_client(self, client_id):
        return CLIENTS.get(client_id)

    def save_token(self, token, request):
        pass

    def send_signal(self, name, *args, **kwargs):
        pass

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=dict(headers))

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode()))
        return self.create_token_response(Request(form, request.headers))


async def answer(folder, **keys: object) -> tuple[int, str, Server]:
    """What a caller gets through a gateway whose client is `keys`."""

    async def upstream(request):
        return web.Response(text=request.headers["Authorization"])

    login = Server()
    async with serving(login) as token_port, serving(upstream) as port, ClientSession() as session:
        client = {"token_endpoint": f"http://127.0.0.1:{token_port}/token", "scope": "orders.read"} | keys
        route = {"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}
        document = {"clients": {"crm": client}, "routes": [route]}
        async with gateway(folder, document) as running, session.get(running.url) as got:
            return got.status, await got.text(), login


@pytest.mark.parametrize("kind", ["rsa", "p256"])
async def test_private_key_jwt(tmp_path, kind):
    keys = {
        "client_id": kind,
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": pem(kind),
        "assertion_audience": AUDIENCE,
    }
    status, text, login = await answer(tmp_path, **keys)

    assert (status, text) == (200, "Bearer access_token_1")
    assert len(login.assertion.seen) == 1


async def test_an_assertion_for_another_audience_is_refused(tmp_path):
    keys = {
        "client_id": "rsa",
        "token_endpoint_auth_method": "private_key_jwt",
        "private_key": pem("rsa"),
    }
    status, _, login = await answer(tmp_path, **keys)

    assert (status, login.tokens) == (502, [])


async def test_client_secret_post(tmp_path):
    keys = {"client_id": "post", "client_secret": SECRET, "token_endpoint_auth_method": POST}
    status, text, _ = await answer(tmp_path, **keys)

    assert (status, text) == (200, "Bearer access_token_1")


async def test_client_secret_basic(tmp_path):
    status, text, _ = await answer(tmp_path, client_id="basic", client_secret=SECRET)

    assert (status, text) == (200, "Bearer access_token_1")


@pytest.mark.parametrize(("registered", "configured"), [(POST, BASIC), (BASIC, POST)])
async def test_the_method_that_is_registered_is_found_by_the_doctor(tmp_path, registered, configured):
    async with serving(Server()) as port:
        client = {
            "token_endpoint": f"http://127.0.0.1:{port}/token",
            "client_id": registered.rpartition("_")[2],
            "client_secret": SECRET,
            "token_endpoint_auth_method": configured,
            "scope": "orders.read",
        }
        route = {"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}
        settings = load(write_configuration(tmp_path, {"clients": {"crm": client}, "routes": [route]}), {})
        clock = Clock(get_running_loop().time, time.time, random.random)
        report = await probe(settings.clients["crm"], clock, KEY)

    assert (report.has_token, report.remedy) == (False, f"token_endpoint_auth_method: {registered}")
    assert f"write token_endpoint_auth_method: {registered}" in render_text(report)
    assert SECRET not in render_text(report) + render_json(report) + repr(report)
