"""Fifty callers, and a server that ends all sessions again and again."""

from __future__ import annotations

import asyncio
from collections import Counter
from operator import ge

import pytest

from tests.logins.rig import LoginRig
from tests.logins.test_logins import REFUSED, ROUTE
from tests.wire.messages import ok, request
from tests.wire.servers import Exchange

pytestmark = pytest.mark.time_lapse

CALLERS = 50
KILLS = 6
PACE_S = 1.1  # logins are at least a second apart
LONG = b"x" * 100_000  # more than is kept for a replay

TEXT = """
clients:
  erp:
    login:
      steps:
        - {url: "{login}/form", take: {csrf: {page: _csrf}}}
        - url: {login}/login
          form: {user: svc, csrf: "${taken:csrf}"}
          take: {token: {cookie: SESSION}, csrf: {header: X-CSRF}}
    send: [{cookie: SESSION}, {header: X-CSRF, part: csrf}]
""" + ROUTE  # fmt: skip


class System:
    """Knows one session at a time; its CSRF token belongs to it. It takes its time, so that requests overlap."""

    def __init__(self) -> None:
        self.opened = 0
        self.alive = 0
        self.mixed: list[tuple[bytes | None, bytes | None]] = []

    async def login(self, exchange: Exchange) -> None:
        await exchange.body()
        if exchange.target == b"/form":
            exchange.write(ok(b'<input name="_csrf" value="m">'))
            return
        self.opened += 1
        self.alive = self.opened
        exchange.write(ok(b"", f"Set-Cookie: SESSION=s{self.opened}", f"X-CSRF: c{self.opened}"))

    async def serve(self, exchange: Exchange) -> None:
        await exchange.body()
        await asyncio.sleep(0.02)
        cookie, csrf = exchange.head.value("Cookie"), exchange.head.value("X-CSRF")
        if (cookie or b"")[9:] != (csrf or b"")[1:]:
            self.mixed.append((cookie, csrf))
        exchange.write(ok(b"data") if cookie == b"SESSION=s%d" % self.alive else REFUSED)


async def test_at_most_one_login_for_each_session_and_only_bodies_that_are_gone_fail():
    system, statuses, is_over = System(), Counter[tuple[str, int]](), asyncio.Event()
    answers = [0] * CALLERS
    async with LoginRig(TEXT, system.login, system.serve) as rig:

        async def work(number: int, kind: str, data: bytes) -> None:
            caller = await rig.caller()
            while not is_over.is_set():
                statuses[kind, (await caller.ask(data)).status] += 1
                answers[number] += 1
                rig.upstream.changed()

        async def two_rounds() -> None:
            """Wait until what was under way is over, and each caller has got an answer to what it asked since."""
            enough = [count + 2 for count in answers]
            await rig.upstream.until(lambda: all(map(ge, answers, enough)))

        short = request("POST", "/orders", body=b"an order")
        kinds = [
            ("GET", request("GET", "/orders")),
            ("POST", short),
            ("LONG", request("POST", "/up", body=LONG)),
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(work(number, *kinds[2 if number == 0 else number % 2]))
            for _ in range(KILLS):
                await two_rounds()
                await asyncio.sleep(PACE_S)
                opened, system.alive = system.opened, 0
                await rig.upstream.until(lambda opened=opened: system.opened > opened)
            await two_rounds()
            is_over.set()

    assert system.opened == KILLS + 1
    assert {status for kind, status in statuses if kind != "LONG"} == {200}
    assert {status for kind, status in statuses if kind == "LONG"} <= {200, 401}
    assert min(statuses["GET", 200], statuses["POST", 200]) >= CALLERS
    assert system.mixed == []
