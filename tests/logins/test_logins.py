"""Logins through the whole gateway, over sockets: what goes to the server, to the upstream and to the caller."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl

import pytest

from tests.logins.rig import PASSWORD, LoginRig
from tests.wire.messages import ok, request
from tests.wire.servers import Exchange

pytestmark = pytest.mark.skips_time

REFUSED = ok(b"no", status="401 Unauthorized")
ROUTE = 'routes: [{path: /, upstream: "{upstream}", client: erp}]\n'
COOKIE = """
clients:
  erp:
    login:
      steps:
        - url: {login}/login
          form: {user: svc, password: "${env:PASSWORD}"}
          take: {token: {cookie: SESSION}}
      lifetime: 1m
      LOGIN
""" + ROUTE  # fmt: skip
TWO_STEPS = """
clients:
  erp:
    login:
      steps:
        - url: {login}/form
          take: {csrf: {page: _csrf}}
        - url: {login}/login
          headers: {X-CSRF: "${taken:csrf}"}
          form: {user: svc, password: "${env:PASSWORD}", _csrf: "${taken:csrf}"}
          success: {status: 302, location: /home}
          take: {token: {cookie: SESSION}, csrf: {header: X-CSRF}}
    send: [{cookie: SESSION}, {header: X-CSRF, part: csrf}]
""" + ROUTE  # fmt: skip


class Sessions:
    """Sets SESSION=s1, s2, ... at each login, and takes logouts."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields
        self.opened = 0
        self.closed: list[bytes | None] = []
        self.status = "200 OK"

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target == b"/logout":
            self.closed.append(exchange.head.value("Cookie"))
            exchange.write(ok(b""))
        elif self.status != "200 OK":
            exchange.write(ok(b"", status=self.status))
        else:
            self.opened += 1
            exchange.write(ok(b"welcome", f"Set-Cookie: SESSION=s{self.opened}; HttpOnly", *self.fields))


class Guarded:
    """An upstream that refuses every session but the newest, in its own words."""

    def __init__(self, sessions: Sessions, refusal: bytes = REFUSED) -> None:
        self.sessions = sessions
        self.refusal = refusal
        self.dead: set[bytes] = set()

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.body()
        cookie = exchange.head.value("Cookie") or b""
        exchange.write(self.refusal if cookie in self.dead else ok(b"data"))


def cookie_login(more: str = "") -> str:
    return COOKIE.replace("LOGIN", more)


def cookies(rig: LoginRig) -> list[bytes | None]:
    return [each.head.value("Cookie") for each in rig.upstream.requests]


async def test_a_cookie_that_was_taken_is_sent_as_that_cookie_and_not_as_a_token():
    async with LoginRig(cookie_login(), Sessions(), ok()) as rig:
        answer = await rig.get("/orders", "Cookie: theme=dark; SESSION=forged", "Authorization: Basic abc")

    assert answer.status == 200
    assert cookies(rig) == [b"SESSION=s1; theme=dark"]
    assert rig.upstream.requests[0].head.value("Authorization") == b"Basic abc"
    (login,) = rig.logins.requests
    assert login.line == b"POST /login HTTP/1.1"
    assert parse_qsl(login.content.decode()) == [("user", "svc"), ("password", PASSWORD)]


async def test_later_steps_have_the_cookies_and_the_findings_of_earlier_ones():
    async def server(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target == b"/form":
            page = b'<form><input type="hidden" name="_csrf" value="c&quot;1&amp;"></form>'
            exchange.write(ok(page, "Set-Cookie: PRE=p1", "Set-Cookie: SESSION=anonymous"))
        else:
            moved = ("Location: http://x/home?a", "Set-Cookie: SESSION=s1", "X-CSRF: c2")
            exchange.write(ok(b"", *moved, status="302 Found"))

    async with LoginRig(TWO_STEPS, server, ok()) as rig:
        await rig.get("/orders", "X-CSRF: forged")

    form, login = rig.logins.requests
    assert (form.line, form.head.value("Cookie")) == (b"GET /form HTTP/1.1", None)
    assert login.head.value("Cookie") == b"PRE=p1; SESSION=anonymous"
    assert login.head.value("X-CSRF") == b'c"1&'
    assert dict(parse_qsl(login.content.decode()))["_csrf"] == 'c"1&'
    (seen,) = rig.upstream.requests
    assert (seen.head.value("Cookie"), seen.head.value("X-CSRF")) == (b"SESSION=s1", b"c2")


async def test_a_dead_session_is_replaced_once_and_the_post_replayed():
    sessions = Sessions()
    upstream = Guarded(sessions)
    async with LoginRig(cookie_login(), sessions, upstream) as rig:
        await rig.get("/")
        upstream.dead.add(b"SESSION=s1")
        answer = await rig.ask(request("POST", "/orders", body=b"an order"))

    assert (answer.status, answer.body) == (200, b"data")
    assert cookies(rig) == [b"SESSION=s1", b"SESSION=s1", b"SESSION=s2"]
    assert rig.upstream.requests[-1].content == b"an order"
    assert sessions.opened == 2


async def test_the_session_of_the_gateway_never_reaches_a_caller():
    refreshed = ok(b"data", "Set-Cookie: SESSION=s9; Path=/", "Set-Cookie: theme=dark")
    async with LoginRig(cookie_login(), Sessions(), refreshed) as rig:
        answer = await rig.get("/")

    assert answer.head.values("Set-Cookie") == [b"theme=dark"]
    assert b"SESSION" not in answer.head.raw


async def test_logout_ends_what_was_replaced_and_what_is_left_at_the_end():
    sessions = Sessions()
    async with LoginRig(cookie_login('logout: {method: POST, url: "{login}/logout"}'), sessions, ok()) as rig:
        await rig.get("/")
        await asyncio.sleep(55.0)
        await rig.get("/")
        await asyncio.sleep(15.0)
        assert sessions.closed == [b"SESSION=s1"]

    assert sessions.closed == [b"SESSION=s1", b"SESSION=s2"]


async def test_a_server_that_is_down_costs_bounded_logins_and_nobody_who_has_a_session():
    sessions = Sessions()
    async with LoginRig(cookie_login(), sessions, ok()) as rig:
        await rig.get("/")
        sessions.status = "503 Service Unavailable"
        await asyncio.sleep(55.0)
        assert (await rig.get("/")).status == 200
        await asyncio.sleep(10.0)
        answer = await rig.get("/")

    assert (answer.status, answer.code) == (503, "token_unavailable")
    assert answer.head.value("Retry-After") is not None
    assert len(rig.logins.requests) <= 20


async def test_a_refused_password_pauses_for_long_since_servers_lock_accounts():
    sessions = Sessions()
    sessions.status = "401 Unauthorized"
    async with LoginRig(cookie_login(), sessions, ok(), is_warm=False) as rig:
        answer = await rig.get("/")
        await asyncio.sleep(60.0)

    assert (answer.status, answer.code) == (502, "token_refused")
    assert len(rig.logins.requests) <= 5
    assert {error.detail for error in rig.told.failed} == {
        "client erp: step 1 of the login: the server answered 401"
    }
    assert {error.key for error in rig.told.failed} == {"clients.erp.login"}


async def test_no_more_logins_than_the_owner_allows():
    sessions = Sessions()
    upstream = Guarded(sessions)
    async with LoginRig(cookie_login("max_logins: 2/m"), sessions, upstream) as rig:
        await rig.get("/")
        upstream.dead |= {b"SESSION=s1", b"SESSION=s2"}
        first = await rig.get("/a")
        upstream.dead.add(b"SESSION=s2")
        await asyncio.sleep(2.0)
        second = await rig.get("/b")
        assert sessions.opened == 2
        await asyncio.sleep(60.0)
        third = await rig.get("/c")

    assert [first.status, second.status, third.status] == [401, 503, 200]
    assert sessions.opened == 3


async def test_a_json_login_sends_json_and_its_token_as_a_bearer_token():
    text = """
clients:
  erp:
    login:
      steps:
        - url: {login}/login
          json: {user: svc, password: "${env:PASSWORD}", tenant: 7, flags: [true]}
          success: {json: {/code: 0}}
          take: {token: /data/token}
      lifetime: {json: /data/minutes, unit: m}
""" + ROUTE  # fmt: skip
    document = {"code": "0", "data": {"token": "abc", "minutes": 30}}
    async with LoginRig(text, ok(json.dumps(document).encode()), ok()) as rig:
        await rig.get("/")

    assert json.loads(rig.logins.requests[0].content) == {
        "user": "svc",
        "password": PASSWORD,
        "tenant": 7,
        "flags": [True],
    }
    assert rig.upstream.tokens == ["abc"]
    assert round(rig.told.obtained[0].left_s(rig.told.obtained[0].sent_at_s)) == 1800
