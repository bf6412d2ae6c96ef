"""What a login does on its connections, and when something of ours is at fault."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Token
from gateway.oauth.makers import Makers
from gateway.tls.trust import Trust
from tests.config.documents import load_text
from tests.oauth.fakes import Events, loop_clock
from tests.wire.messages import ok
from tests.wire.servers import Exchange, FakeServer

TEXT = """
clients:
  erp:
    timeout: 5s
    login:
      steps:
        - url: {url}/form
          take: {csrf: {header: X-CSRF}}
        - url: {url}/login
          headers: {X-CSRF: "${taken:csrf}"}
          form: {password: "${env:SECRET}"}
          take: {token: {cookie: SESSION}}
      logout: {method: POST, url: "{url}/logout"}
routes: [{path: /, upstream: "http://127.0.0.1:1", client: erp}]
"""
FORM = ok(b"", "X-CSRF: c1")
LOGIN = ok(b"", "Set-Cookie: SESSION=s1")


class Stage:
    """A maker before a fake server."""

    def __init__(self, script) -> None:
        self.server = FakeServer(script)
        self.makers = Makers(loop_clock(), Events(), Trust())

    async def __aenter__(self):
        await self.server.start()
        text = TEXT.replace("{url}", f"http://127.0.0.1:{self.server.port}")
        self.client = load_text(text).clients[ClientName("erp")]
        self.maker = self.makers.of(self.client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.makers.close()
        await self.server.close()

    def lines(self) -> list[bytes]:
        return [exchange.line for exchange in self.server.requests]


async def test_a_step_on_a_kept_connection_that_turns_out_dead_is_made_once_more():
    async def script(exchange: Exchange) -> None:
        await exchange.body()
        if exchange.connection == 1 and exchange.target == b"/login":
            exchange.close()  # as a server does that was just about to close it
        else:
            exchange.write(FORM if exchange.target == b"/form" else LOGIN)

    async with Stage(script) as stage:
        outcome = await stage.maker.make()

    assert isinstance(outcome, Granted)
    assert stage.lines() == [b"GET /form HTTP/1.1", b"POST /login HTTP/1.1", b"POST /login HTTP/1.1"]


async def test_each_login_begins_without_the_cookies_of_the_last():
    pages = [ok(b"", "X-CSRF: c1", "Set-Cookie: PRE=p1"), LOGIN] * 2
    async with Stage(pages) as stage:
        await stage.maker.make()
        await stage.maker.make()

    assert [each.head.value("Cookie") for each in stage.server.requests] == [None, b"PRE=p1"] * 2


async def test_a_failure_ends_the_login_and_names_its_step():
    async with Stage(ok(b"", status="503 Oops")) as stage:
        outcome = await stage.maker.make()

    assert outcome == Failed(FailureKind.UNREACHABLE, "step 1 of the login: the server answered 503")
    assert len(stage.server.requests) == 1


async def test_a_server_that_hangs_is_slow_and_one_that_is_gone_cannot_be_reached():
    async def hang(exchange: Exchange) -> None:
        await exchange.gone()

    async with Stage(hang) as stage:
        quick = replace(stage.client, reach=replace(stage.client.reach, timeout_s=0.05))
        slow = await stage.makers.of(quick).make()
        await stage.server.close()
        gone = await stage.maker.make()

    assert slow.kind is FailureKind.SLOW
    assert slow.reason == "step 1 of the login: the authorization server did not answer in time"
    assert gone.kind is FailureKind.UNREACHABLE
    assert gone.reason.startswith("step 1 of the login: ")


async def test_a_secret_that_cannot_be_read_is_an_outage_of_its_client():
    def unreadable():
        raise OSError

    async with Stage([FORM, LOGIN]) as stage:
        blind = replace(stage.client, credentials=(unreadable,))
        maker = stage.makers.of(blind)
        outcome = await maker.make()

    assert outcome.kind is FailureKind.UNSENT
    assert outcome.reason == "login: a secret of step 2 of the login cannot be read, or cannot be sent"
    assert maker.key_of(outcome) == "clients.erp.login"
    assert len(stage.server.requests) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("204 No Content", None),
        ("302 Found", None),
        ("401 Unauthorized", None),
        ("440 Login Time-out", None),
        ("500 Oops", "the server answered 500 to the logout"),
    ],
)
async def test_a_logout_of_a_session_that_is_over_has_not_failed(status, reason):
    token = Token(b"Bearer s1", 0.0, 9.0, 1, "", parts=(("token", "s1"), ("csrf", "c1")))
    async with Stage(ok(b"", status=status)) as stage:
        failed = await stage.maker.retire(token)

    assert (failed.reason if failed is not None else None) == reason
    assert stage.server.requests[0].head.value("Cookie") == b"SESSION=s1"


async def test_a_login_that_is_cancelled_leaves_nothing_behind():
    async def hang(exchange: Exchange) -> None:
        await exchange.gone()

    async with Stage(hang) as stage:
        login = asyncio.ensure_future(stage.maker.make())
        await stage.server.until(lambda: stage.server.requests)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login


async def test_nothing_of_a_maker_is_shown():
    async with Stage([FORM, LOGIN]) as stage:
        asked = await stage.maker.ask()

    assert "hunter2" not in repr((stage.maker, asked, stage.maker.facts(), stage.maker.registration))
    assert "s1" not in repr((stage.maker, asked.outcome))
