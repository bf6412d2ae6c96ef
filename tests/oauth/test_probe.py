"""`gateway token CLIENT`: one request for real, told without a secret."""

import base64
import json
from dataclasses import replace

from gateway.core.probe_report import render_json, render_text
from gateway.core.secret import Secret
from gateway.core.settings import AuthMethod
from gateway.oauth.probe import probe
from tests.oauth.authorization_server import authorization_server, http, http_json
from tests.oauth.fakes import CLIENT_SECRET, KEY, WALL_S, client_settings, loop_clock


async def probed(answer: bytes, *, method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC):
    async with authorization_server() as server:
        server.answer = lambda: answer
        client = client_settings(f"http://127.0.0.1:{server.port}/token?key=hidden")
        client = replace(
            client, grant=replace(client.grant, method=method, parameters=(("pin", "hidden-too"),))
        )
        report = await probe(client, loop_clock(), KEY, tries_remedies=False)
        assert len(server.requests) == 1
        return report


def jwt(**claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "signature"])


async def test_a_token_is_told_by_its_shape_only():
    token = jwt(sub="mobile_android", exp=WALL_S + 600)
    document = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "a"}
    report = await probed(http_json(200, document, Cache_Control="no-store"))
    assert report.has_token
    told = render_text(report)
    assert f"a JWT, {len(token)} characters" in told
    assert "lifetime: 600 s (as stated)" in told
    assert "claim sub: mobile_android" in told
    assert "scope: a (asked: a b)" in told
    assert "without b" in told
    assert json.loads(render_json(report))["token"]["claims"]["sub"] == "mobile_android"
    for shown in (told, render_json(report), repr(report)):
        for hidden in (token, "signature", CLIENT_SECRET, "hidden"):
            assert hidden not in shown


async def test_what_the_server_writes_back_of_the_secret_is_masked():
    report = await probed(
        http_json(
            400,
            {
                "error": "invalid_client",
                "error_description": "x" * 190 + f"{CLIENT_SECRET}\x1b[2J is wrong",
            },
            WWW_Authenticate=f'Basic realm="{CLIENT_SECRET}"',
        ),
        method=AuthMethod.CLIENT_SECRET_POST,
    )
    assert not report.has_token
    for shown in (render_text(report), render_json(report), repr(report)):
        assert CLIENT_SECRET[:8] not in shown
        assert "\x1b" not in shown
    assert "no token: the authorization server answered 400 invalid_client" in render_text(report)
    assert "hint: check client_id and client_secret" in render_text(report)


async def test_a_redirect_is_told_with_its_place_and_not_followed():
    report = await probed(http(302, Location="https://login.example.com/token/"))
    assert "< location: https://login.example.com/token/" in render_text(report)
    assert "it redirects" in render_text(report)


async def test_a_server_that_cannot_be_reached_is_told():
    report = await probe(client_settings("http://127.0.0.1:1/token"), loop_clock(), KEY)
    assert report.attempts[-1].status is None
    assert "no answer after" in render_text(report)
    assert json.loads(render_json(report))["status"] is None


async def test_a_secret_that_cannot_be_read_is_told():
    def unreadable() -> Secret:
        raise FileNotFoundError("/run/secrets/crm")

    report = await probe(client_settings(credentials=(unreadable,)), loop_clock(), KEY)
    assert report.problem == "the client's secret cannot be read"
