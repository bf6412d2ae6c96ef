"""`rolling: true`: an upstream renews the session cookie in its responses."""

from __future__ import annotations

import asyncio

import pytest

from tests.logins.rig import LoginRig
from tests.logins.test_logins import REFUSED, ROUTE, Sessions
from tests.wire.messages import ok
from tests.wire.servers import Exchange

pytestmark = pytest.mark.skips_time

TEXT = """
clients:
  erp:
    login:
      steps:
        - url: {login}/login
          form: {user: svc}
          take: {token: {cookie: SESSION}}
      rolling: true
      lifetime: 20s
      logout: {method: POST, url: "{login}/logout"}
""" + ROUTE.replace("client: erp", "client: erp, recover_on: [401, {status: 302, location: /login}]")  # fmt: skip


def cookies(rig: LoginRig) -> list[bytes | None]:
    return [each.head.value("Cookie") for each in rig.upstream.requests]


async def test_the_new_value_is_used_from_then_on_and_reaches_no_caller():
    answers = [ok(b"1", "Set-Cookie: SESSION=r1; Path=/", "Set-Cookie: theme=dark"), ok(b"2")]
    async with LoginRig(TEXT, Sessions(), answers) as rig:
        first = await rig.get("/")
        await rig.get("/")

    assert cookies(rig) == [b"SESSION=s1", b"SESSION=r1"]
    assert first.head.values("Set-Cookie") == [b"theme=dark"]


async def test_a_session_that_is_renewed_needs_no_other_login():
    sessions = Sessions()

    async def upstream(exchange: Exchange) -> None:
        exchange.write(ok(b"data", f"Set-Cookie: SESSION=r{len(rig.upstream.requests)}"))

    async with LoginRig(TEXT, sessions, upstream) as rig:
        for _ in range(12):
            await rig.get("/")
            await asyncio.sleep(10.0)

    assert sessions.opened == 1
    assert cookies(rig)[-1] == b"SESSION=r11"


async def test_the_same_value_again_renews_a_session_too():
    sessions = Sessions()
    async with LoginRig(TEXT, sessions, ok(b"data", "Set-Cookie: SESSION=s1")) as rig:
        for _ in range(12):
            await rig.get("/")
            await asyncio.sleep(10.0)

    assert sessions.opened == 1


@pytest.mark.parametrize(
    "fields",
    [
        ["Set-Cookie: session=x"],
        ["Set-Cookie: OTHER=x"],
        ["Set-Cookie: SESSION="],
        ["Set-Cookie: SESSION=x; Max-Age=0"],
        ["Set-Cookie: SESSION=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    ],
)
async def test_only_a_new_value_of_that_very_name_is_taken(fields):
    async with LoginRig(TEXT, Sessions(), ok(b"data", *fields)) as rig:
        await rig.get("/")
        await rig.get("/")

    assert cookies(rig) == [b"SESSION=s1", b"SESSION=s1"]


@pytest.mark.parametrize("status", ["302 Found", "401 Unauthorized", "404 Not Found", "500 Oops"])
async def test_a_response_that_accepts_nothing_renews_nothing(status):
    """On a dead session, servers set the cookie of a new one that nobody has logged in to."""
    sessions = Sessions()
    refusal = ok(b"", "Location: /login", "Set-Cookie: SESSION=anonymous", status=status)
    async with LoginRig(TEXT, sessions, [ok(b"data"), refusal, ok(b"data")]) as rig:
        await rig.get("/")
        await rig.get("/")
        await rig.get("/")

    assert b"SESSION=anonymous" not in cookies(rig)


async def test_without_rolling_nothing_is_taken_and_nothing_passes():
    text = TEXT.replace("rolling: true", "rolling: false")
    async with LoginRig(text, Sessions(), ok(b"data", "Set-Cookie: SESSION=r1")) as rig:
        answer = await rig.get("/")
        await rig.get("/")

    assert cookies(rig) == [b"SESSION=s1", b"SESSION=s1"]
    assert answer.head.values("Set-Cookie") == []


async def test_a_late_response_of_an_earlier_session_changes_nothing():
    late = asyncio.Event()

    async def upstream(exchange: Exchange) -> None:
        if exchange.target == b"/slow":
            await late.wait()
            exchange.write(ok(b"data", "Set-Cookie: SESSION=of-the-first"))
        else:
            exchange.write(REFUSED if exchange.head.value("Cookie") == b"SESSION=s1" else ok(b"data"))

    async with LoginRig(TEXT, Sessions(), upstream) as rig:
        slow = asyncio.ensure_future(rig.get("/slow"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        await rig.get("/a")
        late.set()
        await slow
        await rig.get("/b")

    assert cookies(rig)[-1] == b"SESSION=s2"


async def test_whoever_is_refused_with_an_earlier_value_of_a_dead_session_gets_a_new_session():
    late, sessions = asyncio.Event(), Sessions()

    async def upstream(exchange: Exchange) -> None:
        cookie = exchange.head.value("Cookie")
        if exchange.target == b"/slow" and cookie == b"SESSION=s1":
            await late.wait()
            exchange.write(REFUSED)
        elif cookie == b"SESSION=s1":
            exchange.write(ok(b"data", "Set-Cookie: SESSION=r1"))
        else:
            exchange.write(REFUSED if cookie == b"SESSION=r1" else ok(b"data"))

    async with LoginRig(TEXT, sessions, upstream) as rig:
        slow = asyncio.ensure_future(rig.get("/slow"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        await rig.get("/")
        late.set()
        answer = await slow

    assert answer.status == 200
    assert cookies(rig) == [b"SESSION=s1", b"SESSION=s1", b"SESSION=s2"]
    assert sessions.opened == 2


async def test_the_newest_value_is_logged_out():
    sessions = Sessions()
    async with LoginRig(TEXT, sessions, ok(b"1", "Set-Cookie: SESSION=r1")) as rig:
        await rig.get("/")

    assert sessions.closed == [b"SESSION=r1"]
