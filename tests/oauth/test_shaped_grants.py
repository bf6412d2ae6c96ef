"""Token requests of other shapes, from `gateway.yaml` over real sockets to the token that upstreams get.

The table is the fake: what the server wants, byte for byte, and what it answers. A fake that understood the
shapes would answer what the gateway expects, whatever went out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from gateway.core.errors import AuthorizationServerError, ClientFileUnusable, TokenAnswerInvalid, TokenRefused
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings, Referenced, Section
from gateway.core.token import Token
from gateway.doctor.examine import examine
from gateway.doctor.rendering import render_json, render_text
from gateway.oauth.makers import Makers
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.tls.trust import Trust
from tests.config.documents import load_text
from tests.oauth.authorization_server import FakeAuthorizationServer, authorization_server, http, http_json
from tests.oauth.fakes import KEY, WALL_S, Events, let_live, loop_clock

SECRET: Final = "hunter2-hunter2"
DATE: Final = "Tue, 14 Nov 2023 22:13:20 GMT"  # WALL_S


def client_of(server: FakeAuthorizationServer, keys: str) -> ClientSettings:
    """The client with these keys in flow style, as `gateway.yaml` has it."""
    is_nobody = "token_endpoint_auth_method: none" in keys
    known = "" if is_nobody else "client_id: app, client_secret: '${env:SECRET}', "
    text = f"clients: {{crm: {{token_endpoint: '{server.origin}/token', {known}{keys}}}}}\n"
    route = "routes: [{path: /, upstream: 'http://127.0.0.1:1', client: crm}]\n"
    return load_text(text + route).clients[ClientName("crm")]


@asynccontextmanager
async def source_of(client: ClientSettings) -> AsyncIterator[GrantSource]:
    clock, events = loop_clock(), Events()
    makers = Makers(clock, events, Trust())
    source = GrantSource(makers.of(client), Surroundings(clock, events, KEY), let_live)
    try:
        yield source
    finally:
        await source.close()
        await makers.close()


async def token_of(source: GrantSource) -> Token:
    return await source.token(asyncio.get_running_loop().time() + 10.0)


@dataclass(frozen=True)
class Shape:
    """What a service wants and what it answers."""

    keys: str
    wants: bytes
    answer: bytes
    token: str
    lifetime_s: float = 300.0
    target: str = "/token"
    method: str = "POST"
    content_type: bytes = b"application/x-www-form-urlencoded"
    parts: tuple[tuple[str, str], ...] = ()


POST = "token_endpoint_auth_method: client_secret_post"
SHAPES: Final = {
    "the grant of a user": Shape(
        f"grant_type: password, parameters: {{username: svc, password: 'p&w ${{env:SECRET}}'}}, {POST}",
        b"grant_type=password&client_id=app&client_secret=hunter2-hunter2&username=svc&password=p%26w%20hunter2-hunter2",
        http_json(200, {"access_token": "t", "token_type": "bearer", "expires_in": 60}),
        "t",
        60.0,
    ),
    "a user of a server that knows no clients": Shape(
        "grant_type: password, token_endpoint_auth_method: none, parameters: {username: svc, password: '${env:SECRET}'},"
        " answer: {lifetime: {json: /.expires, unit: instant}}",
        b"grant_type=password&username=svc&password=hunter2-hunter2",
        http_json(
            200,
            {"access_token": "t", "token_type": "bearer", ".expires": "Tue, 14 Nov 2023 22:15:00 GMT"},
            Date=DATE,
        ),
        "t",
        100.0,
    ),
    "a vendor's grant": Shape(
        "grant_type: account_credentials, parameters: {account_id: a1}",
        b"grant_type=account_credentials&account_id=a1",
        http_json(200, {"access_token": "t", "token_type": "bearer", "expires_in": 3599}),
        "t",
        3599.0,
    ),
    "a grant by its URN": Shape(
        "grant_type: 'urn:ietf:params:oauth:grant-type:saml2-bearer', parameters: {assertion: 'PD94+/='}",
        b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&assertion=PD94%2B%2F%3D",
        http_json(200, {"access_token": "t"}),
        "t",
    ),
    "JSON in and out, names of its own, milliseconds": Shape(
        f"{POST}, request: {{format: json, rename: {{client_id: appKey, client_secret: appSecret}}, omit: grant_type}},"
        " answer: {token: /data/accessToken, lifetime: {json: /data/expiresIn, unit: ms}, success: {json: {/code: 0}}}",
        b'{"appKey": "app", "appSecret": "hunter2-hunter2"}',
        http_json(200, {"code": 0, "data": {"accessToken": "t", "expiresIn": 7_200_000}}),
        "t",
        7200.0,
        content_type=b"application/json",
    ),
    "a GET with all in the query, minutes": Shape(
        f"{POST}, request: {{method: GET, query: {{v: '2'}}, rename: {{client_id: corpid, client_secret: corpsecret}},"
        " omit: [grant_type]}, answer: {lifetime: {json: /minutes, unit: m}}",
        b"",
        http_json(200, {"errcode": 0, "access_token": "t", "minutes": 120}),
        "t",
        7200.0,
        "/token?v=2&corpid=app&corpsecret=hunter2-hunter2",
        "GET",
        b"",
    ),
    "a GET with Basic, the token as the whole body": Shape(
        "request: {method: GET, omit: [grant_type]}, answer: {token: {body: true}, lifetime: 20m}",
        b"",
        http(200, b"plain-token\r\n", Content_Type="text/plain"),
        "plain-token",
        1200.0,
        "/token",
        "GET",
        b"",
    ),
    "a PUT with a key in the query": Shape(
        "request: {method: PUT, query: {key: '${env:SECRET}'}}, answer: {token: /token/id, lifetime: {json: /token/ends, unit: instant}}",
        b"grant_type=client_credentials",
        http_json(200, {"token": {"id": 4711, "ends": int(WALL_S * 1000) + 90_000}}, Date=DATE),
        "4711",
        90.0,
        "/token?key=hunter2-hunter2",
        "PUT",
    ),
    "the time of the end in RFC 3339": Shape(
        "answer: {token: /token, lifetime: {json: /expires_at, unit: instant}}",
        b"grant_type=client_credentials",
        http_json(200, {"token": "t", "expires_at": "2023-11-14T23:14:20+01:00"}, Date=DATE),
        "t",
        60.0,
    ),
    "an ID token": Shape(
        "scope: openid, answer: {token: /id_token}",
        b"grant_type=client_credentials&scope=openid",
        http_json(200, {"access_token": "a", "id_token": "i", "token_type": "Bearer", "expires_in": 60}),
        "i",
        60.0,
    ),
    "a header field": Shape(
        "answer: {token: {header: X-Auth-Token}, lifetime: {header: X-Auth-Ttl}}",
        b"grant_type=client_credentials",
        http(204, X_Auth_Token="h", X_Auth_Ttl="30"),
        "h",
        30.0,
    ),
    "a cookie and a token against forgery": Shape(
        "answer: {token: {cookie: SID}, take: {csrf: /csrf}}",
        b"grant_type=client_credentials",
        http_json(200, {"csrf": "c"}, Set_Cookie="SID=s; Max-Age=600; HttpOnly"),
        "s",
        600.0,
        parts=(("csrf", "c"),),
    ),
    "a form as the answer": Shape(
        "answer: {token: {form: oauth_token}, lifetime: {form: ttl}}",
        b"grant_type=client_credentials",
        http(200, b"oauth_token=a%2Bb&ttl=40"),
        "a+b",
        40.0,
    ),
    "lines of text": Shape(
        "answer: {token: {line: Auth}}",
        b"grant_type=client_credentials",
        http(200, b"SID=x\nAuth=y=\n", Content_Type="text/plain"),
        "y=",
    ),
    "a JSON text alone": Shape(
        "answer: {token: {json: ''}}",
        b"grant_type=client_credentials",
        http(200, b'"alone"', Content_Type="application/json"),
        "alone",
    ),
    "a type of its own": Shape(
        "token_type: bearer, answer: {token: /t, type: /kind}",
        b"grant_type=client_credentials",
        http_json(200, {"t": "t", "kind": "SessionToken"}),
        "t",
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_a_token_is_requested_and_read_in_the_shape_of_its_service(shape: Shape):
    async with authorization_server() as server:
        server.issues_to_get, server.answer = True, lambda: shape.answer
        async with source_of(client_of(server, shape.keys)) as source:
            token = await token_of(source)
    [request] = server.requests
    assert (request.method, request.target, request.body) == (shape.method, shape.target, shape.wants)
    assert request.values(b"content-type") == ([shape.content_type] if shape.content_type else [])
    assert token.field_value == b"Bearer " + shape.token.encode()
    assert token.parts == (("token", shape.token), *shape.parts)
    assert token.expires_at_s - token.sent_at_s == pytest.approx(shape.lifetime_s)


@pytest.mark.parametrize(
    ("keys", "answer", "error", "said"),
    [
        (
            "answer: {success: {json: {/errcode: 0}}}",
            http_json(200, {"errcode": 40013, "errmsg": "invalid appid"}),
            TokenRefused,
            "answered 200, but /errcode is not as expected",
        ),
        (
            "answer: {token: /data/accessToken}",
            http_json(200, {"data": {"code": 7}}),
            TokenAnswerInvalid,
            "issued no token: /data/accessToken was not found",
        ),
        (
            "grant_type: password, parameters: {username: svc, password: x}",
            http_json(400, {"error": "invalid_grant"}),
            TokenRefused,
            "answered 400 invalid_grant",
        ),
    ],
)
async def test_what_is_no_token_fails_for_a_reason(
    keys: str, answer: bytes, error: type[AuthorizationServerError], said: str
):
    async with authorization_server() as server:
        server.answer = lambda: answer
        async with source_of(client_of(server, keys)) as source:
            with pytest.raises(error, match=said) as caught:
                await token_of(source)
            state = source.state()
    assert caught.value.key == ("clients.crm.parameters" if "password" in keys else state.last_key)


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


async def test_a_replaced_file_is_read_for_the_next_token_request_wherever_its_text_goes(tmp_path: Path):
    for name in ("password", "header", "query"):
        (tmp_path / name).write_text(f"{name}-one\n")
    keys = (
        f"grant_type: password, parameters: {{password: '${{file:{tmp_path}/password}}'}}, "
        f"headers: {{X-Key: 'a ${{file:{tmp_path}/header}}'}}, request: {{query: {{key: '${{file:{tmp_path}/query}}'}}}}"
    )
    async with authorization_server() as server:
        client = client_of(server, keys)
        async with source_of(client) as source:
            first = await token_of(source)
            for name in ("password", "header", "query"):
                (tmp_path / name).write_text(f"{name}-number-two\n")
            await source.replacement(first, asyncio.get_running_loop().time() + 10.0)
    sent = [(r.target, r.body, r.values(b"x-key")) for r in server.requests]
    assert sent == [
        ("/token?key=query-one", b"grant_type=password&password=password-one", [b"a header-one"]),
        (
            "/token?key=query-number-two",
            b"grant_type=password&password=password-number-two",
            [b"a header-number-two"],
        ),
    ]


async def test_a_value_that_a_route_overrides_is_the_routes():
    async with authorization_server() as server:
        text = (
            f"clients: {{crm: {{token_endpoint: '{server.origin}/token', client_id: a, client_secret: b,"
            " parameters: {tenant: '${env:SECRET}', pin: '${env:SECRET}'}}}\n"
            "routes: [{path: /, upstream: 'http://127.0.0.1:1', client: crm, parameters: {tenant: theirs}}]\n"
        )
        settings = load_text(text)
        grant = settings.routes[0].grant
        assert grant is not None
        client = settings.clients[ClientName("crm")]
        makers = Makers(loop_clock(), Events(), Trust())
        await makers.of(replace(client, grant=grant)).make()
        await makers.close()
    assert server.requests[0].form == {
        "grant_type": "client_credentials",
        "tenant": "theirs",
        "pin": "hunter2-hunter2",
    }


async def test_a_get_on_a_connection_that_turns_out_dead_is_made_anew_with_a_proof_of_its_own():
    async with authorization_server() as server:
        bound = http_json(200, {"access_token": "t", "token_type": "DPoP"})
        server.issues_to_get, server.answer = True, lambda: b"" if len(server.requests) == 2 else bound
        client = client_of(server, f"{POST}, request: {{method: GET}}, dpop_bound_access_tokens: true")
        makers = Makers(loop_clock(), Events(), Trust())
        outcomes = [await makers.of(client).make() for _ in range(2)]
        await makers.close()
    assert [isinstance(outcome, Granted) for outcome in outcomes] == [True, True]
    assert len({request.proof["jti"] for request in server.requests}) == len(server.requests) == 3
    assert {(request.proof["htm"], request.proof["htu"]) for request in server.requests} == {
        ("GET", f"{server.origin}/token")
    }


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────

SHOWN: Final = (
    (
        f"{POST}, request: {{method: GET, query: {{key: '${{env:SECRET}}'}}}}, answer: {{token: /data/accessToken}}",
        http_json(200, {"data": {"code": SECRET, "msg": SECRET}, "error_description": SECRET}),
    ),
    (
        f"grant_type: password, {POST}, parameters: {{password: '${{env:SECRET}}'}}, request: {{format: json}}",
        http_json(400, {"error": "invalid_grant", "error_description": f"{SECRET} is wrong"}),
    ),
    ("answer: {token: {cookie: SID}}", http(200, Set_Cookie=f"SID2={SECRET}")),
    (
        "answer: {token: {cookie: SID}, success: {location: /home}}",
        http(302, Location=f"/login?{SECRET}", Set_Cookie=f"SID={SECRET}-2"),
    ),
)


@pytest.mark.parametrize(("keys", "answer"), SHOWN)
async def test_no_secret_shows_in_a_report_a_log_an_error_or_a_state(
    keys: str, answer: bytes, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with authorization_server() as server:
        server.issues_to_get, server.answer = True, lambda: answer
        client = client_of(server, keys)
        report = await examine(client, loop_clock(), KEY)
        async with source_of(client) as source:
            with pytest.raises(AuthorizationServerError) as caught:
                await token_of(source)
            told = [
                render_text(report),
                render_json(report),
                repr(report),
                repr(client),
                repr(source.state()),
            ]
            told += [repr(source), repr(caught.value), caught.value.detail, caplog.text]
    assert SECRET not in "".join(told)
    assert server.requests, "and it was sent"


async def test_the_doctor_says_which_pointer_found_nothing_and_what_was_there_instead():
    async with authorization_server() as server:
        server.answer = lambda: http_json(200, {"data": {"code": 7, "msg": "geheim-geheim"}})
        client = client_of(server, "answer: {token: /data/accessToken, lifetime: {json: /data/ttl, unit: m}}")
        report = await examine(client, loop_clock(), KEY)
    text = render_text(report)
    assert (
        "  ! /data/accessToken was not found: /data is an object with the members code, msg"
        in text.splitlines()
    )
    assert "geheim" not in text
    [attempt] = json.loads(render_json(report))["attempts"]
    assert attempt["not_found"] == [
        "/data/accessToken was not found: /data is an object with the members code, msg"
    ]


async def test_the_doctor_points_to_answer_where_the_rfcs_member_is_missing():
    async with authorization_server() as server:
        server.answer = lambda: http_json(200, {"token": "geheim-geheim"})
        report = await examine(client_of(server, "scope: a"), loop_clock(), KEY)
    text = render_text(report)
    assert "  ! /access_token was not found: the document is an object with the members token" in text
    assert "answer: {token: /data/accessToken}" in report.advice
    assert "geheim" not in text


async def test_the_doctor_shows_a_get_and_all_that_it_had_masked():
    async with authorization_server() as server:
        server.issues_to_get = True
        keys = f"{POST}, request: {{method: GET, query: {{key: abc}}, rename: {{client_secret: pin}}}}"
        report = await examine(client_of(server, keys), loop_clock(), KEY)
    assert f"GET {server.origin}/token" in render_text(report).splitlines()
    assert report.attempts[0].sent == (
        ("key", "••••"),
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("pin", "••••"),
    )


async def test_a_lifetime_in_another_unit_is_found_by_the_doctor():
    async with authorization_server() as server:
        server.answer = lambda: http_json(200, {"access_token": "t", "ttl": 99_000_000_000})
        report = await examine(client_of(server, "answer: {lifetime: /ttl}"), loop_clock(), KEY)
    [found] = report.deviations
    assert (found.what, "unit" in found.hint) == ("/ttl gives a lifetime that is not plausible", True)


async def test_a_file_that_cannot_be_read_is_named_by_its_key():
    def read() -> Secret:
        raise OSError

    async with authorization_server() as server:
        client = client_of(server, "parameters: {pin: x}")
        client = replace(client, referenced=(Referenced(Section.PARAMETERS, "pin", "x", read),))
        async with source_of(client) as source:
            with pytest.raises(ClientFileUnusable) as caught:
                await token_of(source)
    assert caught.value.detail == "clients.crm.parameters.pin: it cannot be read"
    assert server.requests == []
