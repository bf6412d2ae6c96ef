"""Nothing that a client proves itself with occurs in anything that is written, whatever servers write back.

Threat "secrets in logs": keys, second secrets, values of fields and parameters, assertions and proofs, in a run
where the authorization server echoes in its refusals all that it was sent.
"""

import json
import time
from base64 import b64decode, urlsafe_b64decode
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from gateway.core.clock import Clock
from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import LogFormat, LogSettings
from gateway.core.settings.client_settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    GrantType,
    Reach,
)
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from tests.oauth.keys import pem
from tests.wire.messages import ok, request
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.test_secrets import answers_of, captured_logs, every_repr, line_with, shown_by_admin

pytestmark = pytest.mark.time_lapse

FIRST, SECOND = "the-first-secret-91 é", "the-second-secret-92+"
FIELD, PARAMETER, CLAIM = "the-value-of-a-field-93", "the-value-of-a-parameter-94", "the-value-of-a-claim-95"
FINISHED = "head.claims-of-somebody-else.the-signature-of-somebody-else-96"
QUERY = "the-key-in-the-query-97"
METADATA = "/.well-known/oauth-authorization-server"


class EchoingServer:
    """Refuses as it is told, and writes back all that was sent: in its description, and in its header.

    A naive fake would answer with constants, and nothing could leak.
    """

    def __init__(self) -> None:
        self.proofs: set[str] = set()
        self.granted = 0

    async def __call__(self, exchange) -> None:
        body = (await exchange.body()).decode()
        exchange.write(self._answer(exchange, dict(parse_qsl(body)), body))

    def _answer(self, exchange, form, body):
        origin = f"http://{(exchange.head.value('Host') or b'').decode()}"
        if exchange.line.startswith(b"GET"):
            names = ["token_endpoint", "revocation_endpoint"]
            document = {name: f"{origin}/basic/{name}" for name in names} | {"issuer": origin}
            document["token_endpoint_auth_methods_supported"] = ["none"]
            return ok(json.dumps(document).encode(), "Content-Type: application/json")
        sent = {name: (exchange.head.value(name) or b"").decode() for name in ("Authorization", "DPoP")}
        self._remember(sent, form)
        echo = " ".join([*sent.values(), *form.values(), body])
        if sent["DPoP"] and "nonce" not in payload_of(sent["DPoP"]):
            return self._refusal("400 Bad", "use_dpop_nonce", echo, "DPoP-Nonce: n-1")
        is_good = exchange.target.startswith((b"/signing", b"/bearer")) or self._has_second(sent)
        if exchange.target.endswith(b"revocation_endpoint") or not is_good:
            return self._refusal("401 No", "invalid_client", echo)
        self.granted += 1
        token = f"the-token-98-{self.granted}"
        kind = "DPoP" if sent["DPoP"] else "Bearer"
        document = {"access_token": token, "token_type": kind, "expires_in": 60, "scope": "orders"}
        return ok(json.dumps(document).encode(), "Content-Type: application/json")

    def _remember(self, sent, form):
        self.proofs |= {sent["DPoP"].rpartition(".")[2], sent["Authorization"].removeprefix("Basic ")}
        names = ("client_assertion", "assertion")
        self.proofs |= {form.get(name, "").rpartition(".")[2] for name in names}
        self.proofs.discard("")

    def _has_second(self, sent):
        return "second" in b64decode(sent["Authorization"].removeprefix("Basic ")).decode()

    def _refusal(self, status, error, echo, *fields):
        document = {"error": error, "error_description": echo}
        challenge = f'WWW-Authenticate: Basic realm="{echo}"'
        return ok(json.dumps(document).encode(), challenge, *fields, status=status)


def payload_of(proof):
    return json.loads(urlsafe_b64decode(proof.split(".")[1] + "=="))


def clients_at(origin: str) -> list[ClientSettings]:
    """One for each thing that proves who we are."""
    base = {
        "token_endpoint": None,
        "client_id": "me",
        "method": AuthMethod.CLIENT_SECRET_BASIC,
        "scope": ("orders", "more"),
        "headers": (("X-Key", FIELD),),
        "parameters": (("pin", PARAMETER),),
    }

    def made(name, *credentials, dpop_key=None, **members):
        if "issuer" not in members:
            members["token_endpoint"] = f"{origin}/{name}/token?key={QUERY}"
        grant = Grant(client=ClientName(name), **(base | members))
        readers = tuple(lambda text=text: Secret(text) for text in credentials)
        return ClientSettings(grant, readers, Reach(), dpop_key=dpop_key, revokes=True)

    signing = {"method": AuthMethod.PRIVATE_KEY_JWT, "assertion_type": JWT_BEARER}
    return [
        made("basic", FIRST, SECOND, issuer=origin),
        made("post", FIRST, method=AuthMethod.CLIENT_SECRET_POST),
        made(
            "signing",
            pem("p384"),
            assertion=AssertionSettings(None),
            dpop=DpopSettings(),
            dpop_key=lambda: Secret(pem("p256")),
            **signing,
        ),
        made(
            "bearer",
            pem("ed25519"),
            method=AuthMethod.NONE,
            grant_type=GrantType.JWT_BEARER,
            assertion=AssertionSettings(None, claims=(("x", CLAIM),)),
        ),
        made("vouched", FINISHED, method=AuthMethod.CLIENT_ASSERTION, assertion_type=JWT_BEARER),
        made("secret-jwt", FIRST * 4, assertion=AssertionSettings(None), **signing),
    ]


class ManyClients(Rig):
    """A rig with a route for each client."""

    def _all_settings(self):
        settings = super()._all_settings()
        clients = clients_at(f"http://127.0.0.1:{self.authorization_server.port}")
        routes = tuple(replace(self.route(f"/{client.name}"), grant=client.grant) for client in clients)
        return replace(settings, clients={client.name: client for client in clients}, routes=routes)


def secrets_of(server: EchoingServer) -> list[str]:
    keys = [line for kind in ("p256", "p384", "ed25519") for line in pem(kind).splitlines()[1:-1]]
    texts = [FIRST, SECOND, FIELD, PARAMETER, CLAIM, FINISHED, QUERY, "the-token-98"]
    encoded = ["the-first-secret-91", "the-second-secret-92", "the-signature-of-somebody-else"]
    return [*keys, *texts, *encoded, *server.proofs]


@pytest.mark.parametrize("style", [LogFormat.JSON, LogFormat.TEXT])
async def test_nothing_that_proves_who_we_are_is_written(style):
    server = EchoingServer()
    with captured_logs(style) as stream:
        rig = ManyClients(is_warm=False, admin=LOOPBACK, log=LogSettings("debug", style, None))
        rig.authorization_server.script = server
        async with rig:
            names = list(rig.settings.clients)
            written = [await answers_of(rig, request("GET", f"/{name}")) for name in names]
            await rig.told.until(lambda: len(rig.told.obtained) >= 3 and len(rig.told.failed) >= 3)
            shown = await shown_by_admin(rig.gateway.admin_address)
            shown += every_repr(rig)
            shown += [repr(each) + str(each) for each in (*rig.told.records, *rig.told.failed)]
            told = [await doctored(client) for client in rig.settings.clients.values()]
        shown += [repr(rig.told.revoked), repr(rig.told.switched)]

    assert rig.told.switched == [(2, 2)]
    assert rig.told.revoked, "a token was to be revoked at the end"
    everything = {
        "answers": b"".join(written).decode("latin-1"),
        "admin and reprs": "\n".join(shown),
        "log": stream.getvalue(),
        "the doctor's words": "\n".join(told),
    }
    assert len(server.proofs) > 8
    for place, text in everything.items():
        assert text, f"nothing was written to {place}"
        for secret in secrets_of(server):
            assert secret not in text, f"{secret} stands in {place}: {line_with(secret, text)}"


async def doctored(client: ClientSettings) -> str:
    """All that `gateway token` can write of one client."""
    clock = Clock(time.monotonic, time.time, lambda: 0.0)
    report = await examine(client, clock, b"k" * 32)
    return "\n".join([render_text(report), render_json(report), repr(report)])
