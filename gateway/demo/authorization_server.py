"""The demo's authorization server: the client credentials grant of RFC 6749 sections 4.4 and 5.

========================  ===========================================================================
``POST /oauth/token``     issues a token; `demo_lifetime` in the form sets its lifetime
``GET /jwks.json``        the key that signs JWTs
``GET /.well-known/...``  its metadata (RFC 8414), for clients that name it as their `issuer`
``POST /revoke-all``      revokes every token issued so far, without notice
``POST /down``, ``/up``   makes the token endpoint answer 503, until it is up again
``GET /``                 its counters
========================  ===========================================================================

It never issues a refresh token (section 4.4.3).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from aiohttp import web

from gateway.demo.registrations import Denial, Form, Registration, authenticated, parse_form
from gateway.demo.serving import DemoServer, bounded_number
from gateway.demo.tokens import JwtMint, TokenBook, TokenFormat, opaque_token

LONGEST_LIFETIME_S: Final = 24 * 60 * 60
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 section 5.1


@dataclass(frozen=True, slots=True)
class AuthorizationServerSettings:
    """The clients of the demo's authorization server, and the tokens it issues. Port 0: any free port."""

    clients: tuple[Registration, ...]
    token_format: TokenFormat = TokenFormat.JWT
    lifetime_s: int = 300
    port: int = 0


@dataclass(slots=True)
class Counters:
    """Counts of token requests, by outcome."""

    requests: int = 0
    issued: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    unavailable: int = 0


class DemoAuthorizationServer(DemoServer):
    """``async with DemoAuthorizationServer(settings) as server``: serves at `server.url`.

    `lifetime_s` and `is_down` may be changed while it runs.
    """

    def __init__(self, settings: AuthorizationServerSettings) -> None:
        super().__init__(settings.port)
        self.lifetime_s = settings.lifetime_s
        self.is_down = False
        self.counters = Counters()
        self._clients: Mapping[str, Registration] = {client.client_id: client for client in settings.clients}
        # `self.url` has its port by the time a token is minted.
        self._jwt_mint = JwtMint(lambda: self.url) if settings.token_format is TokenFormat.JWT else None
        self.book = TokenBook(self._jwt_mint or opaque_token, time.time)

    @property
    def token_endpoint(self) -> str:
        """The URL to request tokens at."""
        return f"{self.url}/oauth/token"

    def application(self) -> web.Application:
        """Return the application with the routes of the module's docstring."""
        application = web.Application(client_max_size=64 * 1024)
        application.add_routes(
            [
                web.post("/oauth/token", self._token),
                web.get("/jwks.json", self._jwks),
                web.get("/.well-known/oauth-authorization-server", self._metadata),
                web.post("/revoke-all", self._revoke_all),
                web.post("/down", self._go_down),
                web.post("/up", self._come_up),
                web.get("/", self._state),
            ]
        )
        return application

    async def _token(self, request: web.Request) -> web.Response:
        self.counters.requests += 1
        if self.is_down:
            self.counters.unavailable += 1
            return web.json_response({"error": "temporarily_unavailable"}, status=503, headers=_NO_STORE)
        try:
            form = parse_form(request.content_type, await request.text())
            client = authenticated(request.headers.get("Authorization"), form, self._clients)
            answer = self._granted(client, form)
        except Denial as refusal:
            self.counters.refused[refusal.code] = self.counters.refused.get(refusal.code, 0) + 1
            return _refused(refusal)
        self.counters.issued += 1
        return web.json_response(answer, headers=_NO_STORE)

    def _granted(self, client: Registration, form: Form) -> dict[str, object]:
        _demand_grant_type(form)
        scope = _scope(client, form)
        lifetime_s = _lifetime_s(form, self.lifetime_s)
        audience = form.get("audience") or form.get("resource") or "legacy"
        token = self.book.issue(client.client_id, scope, audience, lifetime_s)
        answer: dict[str, object] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s}
        return answer | ({"scope": scope} if scope else {})

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(self._jwt_mint.jwks() if self._jwt_mint else {"keys": []})

    async def _metadata(self, _: web.Request) -> web.Response:
        """Serve metadata (RFC 8414 section 2); no authorization endpoint means no response types."""
        metadata = {
            "issuer": self.url,
            "token_endpoint": self.token_endpoint,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "jwks_uri": f"{self.url}/jwks.json",
        }
        return web.json_response(metadata, headers={"Cache-Control": "max-age=3600"})

    async def _revoke_all(self, _: web.Request) -> web.Response:
        return web.json_response({"revoked": self.book.revoke_all()})

    async def _go_down(self, _: web.Request) -> web.Response:
        self.is_down = True
        return web.json_response({"down": True})

    async def _come_up(self, _: web.Request) -> web.Response:
        self.is_down = False
        return web.json_response({"down": False})

    async def _state(self, _: web.Request) -> web.Response:
        state = {"down": self.is_down, "lifetime_s": self.lifetime_s}
        return web.json_response(asdict(self.counters) | state)


def _demand_grant_type(form: Form) -> None:
    if "grant_type" not in form:
        raise Denial("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise Denial("unsupported_grant_type", "only client_credentials is supported")


def _scope(client: Registration, form: Form) -> str:
    asked = form.get("scope", "").split()
    if client.scopes is not None and not client.scopes.issuperset(asked):
        raise Denial("invalid_scope", "the client may not request this scope")
    return " ".join(asked)


def _lifetime_s(form: Form, default_s: int) -> int:
    if "demo_lifetime" not in form:
        return default_s
    lifetime_s = bounded_number(form["demo_lifetime"], LONGEST_LIFETIME_S)
    if not lifetime_s:
        raise Denial("invalid_request", f"demo_lifetime must be 1 to {LONGEST_LIFETIME_S} seconds")
    return lifetime_s


def _refused(refusal: Denial) -> web.Response:
    headers = dict(_NO_STORE)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="demo"'
    answer = {"error": refusal.code, "error_description": refusal.description}
    return web.json_response(answer, status=refusal.status, headers=headers)
