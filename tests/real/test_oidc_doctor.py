"""`gateway token` asks oidc-provider: what is wrong is found, what to write is told, and nothing secret is.

This server takes a secret from header and body alike, whatever is registered; where that is what is wrong is
found with Authlib's (`test_authlib`).
"""

from __future__ import annotations

import json
import random
import time
from asyncio import get_running_loop
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from gateway.config import load
from gateway.core.clock import Clock
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from gateway.doctor.report import Report
from tests.oauth.fakes import KEY
from tests.oauth.keys import jwk, pem
from tests.real.gateways import write_configuration
from tests.real.oidc_provider import Registration
from tests.real.upstreams import serving

pytestmark = pytest.mark.oidc_provider

SECRET = "the-secret-of-the-doctors-patient"
WRONG = "the-secret-that-the-server-forgot"


class Eavesdropper:
    """A forward proxy that reads along, and so knows what may be told to nobody.

    Attributes:
        hidden: secrets, assertions, proofs and tokens that went by, and the parts of those that have any.
    """

    def __init__(self, session: ClientSession) -> None:
        self.hidden: set[str] = set()
        self._session = session

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body, url = await request.read(), URL(request._message.path, encoded=True)
        form = dict(parse_qsl(body.decode()))
        self._hide(
            request.headers.get("Authorization", "").removeprefix("Basic "), request.headers.get("DPoP", "")
        )
        self._hide(*(form.get(name, "") for name in ("client_secret", "client_assertion")))
        async with self._session.request(request.method, url, data=body, headers=request.headers) as answer:
            content = await answer.read()
            self._hide(json.loads(content).get("access_token", ""))
            return web.Response(status=answer.status, body=content, headers=answer.headers)

    def _hide(self, *secrets: str) -> None:
        self.hidden.update(part for secret in secrets if secret for part in (secret, *secret.split(".")))


@pytest.fixture
async def eavesdropper():
    async with ClientSession(skip_auto_headers=("Accept-Encoding",)) as session:
        yield Eavesdropper(session)


@pytest.fixture
def diagnosed(tmp_path, eavesdropper):
    """Gives the report on a client, once it was found to tell no secret in any form."""

    async def report_on(**client: object) -> Report:
        async with serving(eavesdropper) as proxy:
            crm = {"client_id": tmp_path.name, "proxy": f"http://127.0.0.1:{proxy}"} | client
            route = {"path": "/", "upstream": "http://127.0.0.1:9", "client": "crm"}
            file = write_configuration(tmp_path, {"clients": {"crm": crm}, "routes": [route]})
            clock = Clock(get_running_loop().time, time.time, random.random)
            report = await examine(load(file, {}).clients["crm"], clock, KEY)
        for text in (render_text(report), render_json(report), repr(report)):
            assert [one for one in eavesdropper.hidden | {SECRET, WRONG} if one in text] == []
            assert "PRIVATE KEY" not in text
        return report

    return report_on


def registered(provider, folder, method: str, secret: str = SECRET, **further: object) -> None:
    provider.register(Registration(folder.name, secret, method, further=further))


async def test_another_audience_than_the_servers_is_found(tmp_path, provider, diagnosed, eavesdropper):
    registered(
        provider, tmp_path, "private_key_jwt", "", jwks={"keys": [json.loads(jwk("p256", public=True))]}
    )
    report = await diagnosed(
        issuer=provider.issuer,
        token_endpoint_auth_method="private_key_jwt",
        private_key=pem("p256"),
        assertion_audience="https://login.example.com",
    )

    assert not report.has_token
    assert report.remedy == "assertion_audience: token_endpoint"
    assert len(eavesdropper.hidden) == (2 * 4 - 1) + 1, "two assertions that share their head, and a token"


async def test_the_second_of_two_secrets_is_accepted(tmp_path, provider, diagnosed):
    registered(provider, tmp_path, "client_secret_basic")
    report = await diagnosed(token_endpoint=provider.token_endpoint, client_secret=[WRONG, SECRET])

    assert (report.has_token, report.remedy) == (True, "")
    assert [(attempt.secret, attempt.status) for attempt in report.attempts] == [(1, 401), (2, 200)]
    assert "(secret 2 of 2)" in render_text(report)
    assert json.loads(render_json(report))["secret"] == 2


async def test_a_wrong_secret_has_no_remedy(tmp_path, provider, diagnosed):
    registered(provider, tmp_path, "client_secret_basic")
    report = await diagnosed(token_endpoint=provider.token_endpoint, client_secret=WRONG)

    assert (report.has_token, report.remedy) == (False, "")
    assert "hint: check client_id and client_secret" in render_text(report)


async def test_the_places_that_were_looked_at_are_told(tmp_path, provider, diagnosed):
    registered(provider, tmp_path, "client_secret_basic")
    report = await diagnosed(issuer=provider.issuer, client_secret=SECRET)

    assert report.has_token
    lines = render_text(report).splitlines()
    assert f"GET {provider.issuer}/.well-known/oauth-authorization-server: status 200" in lines
    assert f"POST {provider.token_endpoint}" in lines


async def test_an_issuer_with_a_slash_too_many_is_told_with_the_right_one(tmp_path, provider, diagnosed):
    registered(provider, tmp_path, "client_secret_basic")
    report = await diagnosed(issuer=provider.issuer + "/", client_secret=SECRET)

    assert not report.has_token
    assert (
        f"  hint: if that is the right one, write issuer: {provider.issuer}"
        in render_text(report).splitlines()
    )


@pytest.mark.parametrize("resource", [{}, {"resource": "https://api.example.com"}], ids=["opaque", "JWT"])
async def test_a_bound_token_is_told_with_the_demand_for_a_nonce(
    tmp_path, provider, diagnosed, eavesdropper, resource
):
    registered(provider, tmp_path, "client_secret_basic", dpop_requires_nonce=True)
    (tmp_path / "dpop.pem").write_text(pem("p256"))
    report = await diagnosed(
        issuer=provider.issuer,
        client_secret=SECRET,
        dpop_bound_access_tokens=True,
        dpop_private_key=f"${{file:{tmp_path}/dpop.pem}}",
        **resource,
    )

    assert [attempt.status for attempt in report.attempts] == [400, 200]
    assert (report.token.is_bound, "bound to our key" in render_text(report)) == (True, True)
    assert (report.token.claims is not None) == bool(resource)
    assert len(eavesdropper.hidden) >= 1 + (2 * 4 - 1) + 1, "the secret, two proofs and a token"
