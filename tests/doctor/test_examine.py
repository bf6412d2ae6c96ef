"""`gateway token CLIENT`: one request for real, told without a secret."""

import base64
import json
from dataclasses import replace

import pytest

from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from tests.oauth.authorization_server import OPENID, authorization_server, http, http_json
from tests.oauth.fakes import CLIENT_SECRET, KEY, WALL_S, client_settings, loop_clock


async def examined(answer: bytes, *, method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC):
    async with authorization_server() as server:
        server.answer = lambda: answer
        client = client_settings(f"http://127.0.0.1:{server.port}/token?key=hidden")
        client = replace(
            client, grant=replace(client.grant, method=method, parameters=(("pin", "hidden-too"),))
        )
        report = await examine(client, loop_clock(), KEY, tries_remedies=False)
        assert len(server.requests) == 1
        return report


def jwt(**claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "signature"])


async def test_a_token_is_told_by_its_shape_only():
    token = jwt(sub="mobile_android", exp=WALL_S + 600)
    document = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "a"}
    report = await examined(http_json(200, document, Cache_Control="no-store"))
    assert report.has_token
    told = render_text(report)
    assert f"a JWT, {len(token)} characters" in told
    assert "lifetime: 600 s (as stated)" in told
    assert "claim sub: mobile_android" in told
    assert "scope: a (requested: a b)" in told
    assert "b missing" in told
    assert json.loads(render_json(report))["token"]["claims"]["sub"] == "mobile_android"
    for shown in (told, render_json(report), repr(report)):
        for hidden in (token, "signature", CLIENT_SECRET, "hidden"):
            assert hidden not in shown


@pytest.mark.parametrize(
    ("userinfo", "echoed"),
    [
        ("me:pr0xy-pass", "pr0xy-pass"),
        ("me:pr0xy%40pass", "pr0xy@pass"),
        ("me:pr0xy%40pass", "pr0xy%40pass"),
        ("me:pr0xy%C3%A9pass", "pr0xyépass"),
        ("me:pr0xy-pass", base64.b64encode(b"me:pr0xy-pass").decode()),
        ("me:pr0xy%C3%A9", base64.b64encode("me:pr0xyé".encode()).decode()),
        ("pr0xy-pass-alone", "pr0xy-pass-alone"),
    ],
)
async def test_what_a_proxy_writes_back_of_its_password_is_masked(userinfo: str, echoed: str):
    async with authorization_server() as proxy:
        document = {"error": "invalid_client", "error_description": f"you said {echoed}"}
        proxy.answer = lambda: http_json(407, document)
        client = client_settings(
            "http://login.invalid/token", proxy=f"http://{userinfo}@127.0.0.1:{proxy.port}"
        )
        report = await examine(client, loop_clock(), KEY, tries_remedies=False)
    assert "you said" in render_text(report)
    for shown in (render_text(report), render_json(report), repr(report)):
        assert echoed not in shown
        assert userinfo.partition(":")[2] not in shown or not userinfo.partition(":")[2]


async def test_json_stays_json_whatever_numbers_a_token_holds():
    claims = '{"a": 1e999, "b": -1e999, "c": [1e999, {"d": NaN}], "e": Infinity, "f": 1e300}'
    encoded = base64.urlsafe_b64encode(claims.encode()).rstrip(b"=").decode()
    body = f'{{"access_token": "h.{encoded}.s", "token_type": "Bearer", "expires_in": 1e999}}'
    report = await examined(http(200, body.encode()))
    assert report.has_token

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    shown = json.loads(render_json(report), parse_constant=refuse)["token"]["claims"]
    assert (shown["a"], shown["b"], shown["e"], shown["f"]) == (None, None, None, 1e300)
    assert "Infinity" not in render_json(report) + render_text(report)


async def test_what_the_server_writes_back_of_the_secret_is_masked():
    report = await examined(
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
    report = await examined(http(302, Location="https://login.example.com/token/"))
    assert "< location: https://login.example.com/token/" in render_text(report)
    assert "a redirect" in render_text(report)


async def test_a_server_that_cannot_be_reached_is_told():
    report = await examine(client_settings("http://127.0.0.1:1/token"), loop_clock(), KEY)
    assert report.attempts[-1].status is None
    assert "no connection, nothing sent" in render_text(report)
    assert "  > " not in render_text(report)
    assert report.problem == "no connection to the authorization server: Connection refused"
    assert (report.cause, report.key) == ("connection_refused", "clients.crm.token_endpoint")


async def test_a_file_of_ours_that_is_missing_is_told_as_ours(tmp_path):
    client = client_settings("https://127.0.0.1:1/token", ca_file=str(tmp_path / "ca.pem"))
    report = await examine(client, loop_clock(), KEY)
    told = f"no token: clients.crm.tls.ca: {tmp_path}/ca.pem cannot be read: No such file or directory"
    assert told in render_text(report).splitlines()
    assert "  > " not in render_text(report)
    assert json.loads(render_json(report))["status"] is None


async def test_a_secret_that_cannot_be_read_is_told():
    def unreadable() -> Secret:
        raise FileNotFoundError("/run/secrets/crm")

    report = await examine(client_settings(credentials=(unreadable,)), loop_clock(), KEY)
    assert report.problem == "clients.crm.client_secret: it cannot be read"


# ── what else is tried ────────────────────────────────────────────────────────────────────────────


class Picky:
    """Knows the secret and reads it in one place only, in one way only.

    A naive fake would grant whatever holds the secret, and no remedy would be told from another.
    """

    def __init__(self, server, place: str) -> None:
        self._server = server
        self._place = place
        server.reply = self.reply

    def reply(self, request) -> bytes:
        value = (request.values(b"authorization") or [b""])[0].removeprefix(b"Basic ")
        pair = base64.b64decode(value).decode()
        secret = request.form.get("client_secret", "")
        good = {"unencoded": pair == "mobile_android:p w", "post": secret == "p w", "basic": "p%20w" in pair}
        if good[self._place]:
            return self._server.granted()
        return http_json(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")


@pytest.mark.parametrize(
    ("method", "place", "remedy", "requests"),
    [
        (AuthMethod.CLIENT_SECRET_BASIC, "unencoded", "legacy_unencoded: true", 2),
        (AuthMethod.CLIENT_SECRET_BASIC, "post", "token_endpoint_auth_method: client_secret_post", 3),
        (AuthMethod.CLIENT_SECRET_POST, "basic", "token_endpoint_auth_method: client_secret_basic", 2),
        (AuthMethod.CLIENT_SECRET_POST, "unencoded", "", 2),
        (AuthMethod.CLIENT_SECRET_BASIC, "basic", "", 1),
    ],
)
async def test_a_refused_client_is_tried_in_the_other_ways(
    method: AuthMethod, place: str, remedy: str, requests: int
):
    async with authorization_server() as server:
        Picky(server, place)
        client = client_settings(f"{server.origin}/token", credentials=(lambda: Secret("p w"),))
        report = await examine(replace(client, grant=replace(client.grant, method=method)), loop_clock(), KEY)
        assert len(server.requests) == requests
    assert report.remedy == remedy
    assert len(report.attempts) == 1, "what was tried afterwards is told by its setting alone"
    assert report.has_token == (place == "basic" and method is AuthMethod.CLIENT_SECRET_BASIC)
    assert "p w" not in render_text(report)


@pytest.mark.parametrize("answer", [http(503), http_json(400, {"error": "invalid_scope"}), b""])
async def test_nothing_else_is_tried_where_the_secret_is_not_to_blame(answer: bytes):
    async with authorization_server() as server:
        server.answer = lambda: answer
        report = await examine(client_settings(f"{server.origin}/token"), loop_clock(), KEY)
        assert len(server.requests) == 1
    assert report.remedy == ""


async def test_nothing_else_is_tried_once_the_operator_says_so():
    async with authorization_server() as server:
        Picky(server, "post")
        client = client_settings(f"{server.origin}/token", credentials=(lambda: Secret("p w"),))
        report = await examine(client, loop_clock(), KEY, tries_remedies=False)
        assert len(server.requests) == 1
    assert report.remedy == ""


async def test_what_the_metadata_says_against_a_trial_is_not_told_of_the_settings():
    """A server that takes Basic alone: `client_secret_post`, which was only tried, is nobody's setting."""
    async with authorization_server() as server:
        server.publish(OPENID, token_endpoint_auth_methods_supported=["client_secret_basic"])
        server.reply = lambda request: http_json(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")
        client = client_settings()
        client = replace(client, grant=replace(client.grant, token_endpoint=None, issuer=server.origin))
        report = await examine(client, loop_clock(), KEY)
    assert report.tried == ("token_endpoint_auth_method: client_secret_post",)
    assert report.objections == ()


async def test_secrets_that_are_seldom_meant_are_named_by_kind_and_length():
    async with authorization_server() as server:
        server.answer = lambda: http_json(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")
        credentials = (lambda: Secret("hunter2 "), lambda: Secret("$HUNTER2"))
        client = client_settings(f"{server.origin}/token", credentials=credentials)
        report = await examine(client, loop_clock(), KEY, tries_remedies=False)
    assert report.oddities == (
        "client_secret 1 of 2 ends with white space (8 characters in all)",
        "client_secret 2 of 2 looks like a reference that was never replaced (8 characters in all)",
    )
    assert "unter2" not in render_text(report).lower()


async def test_a_secret_that_works_is_not_odd():
    async with authorization_server() as server:
        client = client_settings(f"{server.origin}/token", credentials=(lambda: Secret("hunter2 "),))
        report = await examine(client, loop_clock(), KEY)
    assert report.has_token
    assert report.oddities == ()


async def test_discovery_and_each_secret_are_told():
    async with authorization_server() as server:
        server.publish(OPENID, token_endpoint_auth_methods_supported=["none"])
        server.reply = lambda request: (
            server.granted() if len(server.posts) == 2 else http_json(401, {"error": "invalid_client"})
        )
        client = client_settings(credentials=(lambda: Secret("first-one"), lambda: Secret("second-one")))
        client = replace(client, grant=replace(client.grant, token_endpoint=None, issuer=server.origin))
        report = await examine(client, loop_clock(), KEY)
    told = render_text(report)
    assert [look.status for look in report.looks] == [404, 200]
    assert f"POST {server.origin}/token (secret 2 of 2)" in told
    assert "metadata: token_endpoint_auth_methods_supported does not list client_secret_basic" in told
    assert json.loads(render_json(report))["secret"] == 2
    assert "-one" not in told
