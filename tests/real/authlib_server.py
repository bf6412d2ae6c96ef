"""A second authorization server that nobody here wrote: Authlib's, in this process, behind an HTTP server of ours.

Who imports this skips where Authlib is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from tests.oauth.keys import public_pem

pytest.importorskip("authlib", reason="Authlib is not installed (pip install authlib)")

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from joserfc.jwk import import_key

AUDIENCE = "https://login.example.com"
SECRET = "p@ss+w%rd é漢"
BASIC, POST, SIGNING, NONE = "client_secret_basic", "client_secret_post", "client_assertion_jwt", "none"


class Client(ClientMixin):
    """Registered for one method of authentication."""

    def __init__(self, client_id: str, method: str, kind: str = "") -> None:
        self.client_id, self.method, self.kind = client_id, method, kind

    def key(self):
        return import_key(public_pem(self.kind), "RSA" if self.kind == "rsa" else "EC")

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return scope or "orders.read"

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.method

    def check_grant_type(self, grant_type):
        return grant_type in {"client_credentials", JWTBearerGrant.GRANT_TYPE}


CLIENTS = (
    Client("basic", BASIC),
    Client("post", POST),
    Client("rsa", SIGNING, "rsa"),
    Client("p256", SIGNING, "p256"),
)


class Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = (BASIC, POST, SIGNING, NONE)


class AssertionGrant(JWTBearerGrant):
    """The assertion itself is the grant; whoever it is for, it is granted."""

    def get_audiences(self):
        return self.server.audiences

    def resolve_issuer_client(self, issuer):
        return self.server.query_client(issuer)

    def resolve_client_public_key(self, client):
        return client.key()

    def authenticate_user(self, subject):
        return subject

    def has_granted_permission(self, client, user):
        self.server.subjects.append(user)
        return True


class Assertion(JWTBearerClientAssertion):
    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.seen: set[str] = set()

    def get_audiences(self):
        return self.server.audiences

    def validate_jti(self, claims, jti):
        is_new = jti not in self.seen
        self.seen.add(jti)
        return is_new

    def resolve_client_public_key(self, client):
        return client.key()


class Request(OAuth2Request):
    def __init__(self, form: dict[str, str], headers) -> None:
        super().__init__("POST", "https://login.example.com/token", headers=headers)
        self.payload = BasicOAuth2Payload(form)
        self._fields = form

    @property
    def form(self):
        return self._fields


class Server(AuthorizationServer):
    """The whole of Authlib's token endpoint; what it leaves open is here.

    Attributes:
        audiences: whom assertions may be for.
        subjects: whom granted assertions were about.
        headers: of the requests, in their order.
    """

    def __init__(self, clients: Sequence[Client] = CLIENTS) -> None:
        super().__init__()
        self.audiences = [AUDIENCE]
        self.assertion = Assertion(self)
        self.tokens: list[str] = []
        self.subjects: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self._clients = {client.client_id: client for client in clients}
        self.register_grant(Grant)
        self.register_grant(AssertionGrant)
        self.register_client_auth_method(SIGNING, self.assertion)
        self.register_token_generator("default", BearerTokenGenerator(self._next_token))

    def _next_token(self, *_: object, **__: object) -> str:
        self.tokens.append(f"access_token_{len(self.tokens) + 1}")
        return self.tokens[-1]

    def query_client(self, client_id):
        return self._clients.get(client_id)

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
        self.headers.append(request.headers)
        form = dict(parse_qsl((await request.read()).decode()))
        return self.create_token_response(Request(form, request.headers))
