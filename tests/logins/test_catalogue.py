"""Every shape of the catalogue, through the whole gateway: first call, early renewal, expiry, death, outage."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, quote

import pytest

from gateway.core.text.json_object import texts_in
from tests.logins.catalogue import BASIC, LIFE_S, SHAPES, Shape, form, text
from tests.logins.rig import KEY, PASSWORD, LoginRig
from tests.wire.messages import Answer, ok, request
from tests.wire.servers import Exchange

pytestmark = pytest.mark.skips_time

ALL = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)


class System:
    """A legacy system that is driven by a shape: its login, and the service behind it.

    A naive fake would open a session with each request, and no test could tell a login from a step of one.
    Here the last step of the shape opens it.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.opened = 0
        self.steps = 0
        self.dead: set[str] = set()
        self.is_down = False
        self.rig = LoginRig(shape.configuration(), self._login, self._serve)

    async def _login(self, exchange: Exchange) -> None:
        await exchange.body()
        self.steps += 1
        path = exchange.target.decode().partition("?")[0]
        answer = self.shape.steps.get(path)
        if self.is_down or answer is None:
            exchange.write(self.shape.down)
            return
        said = answer(exchange, self.opened + 1)
        exchange.write(said)
        is_last = path == [each for each in self.shape.steps if "ogout" not in each][-1]
        self.opened += is_last and self._opens(exchange, said)

    def _opens(self, exchange: Exchange, said: bytes) -> bool:
        number = str(self.opened + 1).encode()
        return b"session-" + number in said and not exchange.line.startswith(b"DELETE")

    async def _serve(self, exchange: Exchange) -> None:
        await exchange.body()
        got = self.shape.got(exchange)
        is_known = got in {self.shape.credential(n) for n in range(1, self.opened + 1)} - self.dead
        exchange.write(ok(b"data", "Content-Type: application/json") if is_known else self.shape.dead)

    def kill(self) -> None:
        """End all sessions that are open."""
        self.dead |= {self.shape.credential(number) for number in range(1, self.opened + 1)}

    def seen(self) -> list[str]:
        return [self.shape.got(exchange) for exchange in self.rig.upstream.requests]

    async def ask(self, method: str = "GET", body: bytes = b"") -> Answer:
        """One request on a connection that is closed at once: an open one is looked after ten times a second."""
        caller = await self.rig.caller()
        try:
            return await caller.ask(request(method, "/orders?a=1", body=body))
        finally:
            await caller.close()


def carries_password(exchange: Exchange) -> bool:
    """Whether a request has the password as its server reads it: in Basic, a field, a form or JSON."""
    by_rfc_6749 = b64encode(f"svc:{quote(PASSWORD, safe='')}".encode()).decode()
    if text(exchange, "Authorization") in {BASIC, f"Basic {by_rfc_6749}"} or KEY in str(exchange.head.fields):
        return True
    if PASSWORD in dict(parse_qsl(exchange.target.decode().partition("?")[2])).values():
        return True
    if text(exchange, "Content-Type") == "application/json":
        return PASSWORD in texts_in(json.loads(exchange.content))
    return PASSWORD in form(exchange).values()


@asynccontextmanager
async def at_work(shape: Shape):
    system = System(shape)
    async with system.rig:
        yield system


@ALL
async def test_a_shape_has_the_care_that_tokens_have(shape):
    async with at_work(shape) as system:
        sessions = [shape.credential(number) for number in range(6)]

        # The first call, with the session that was opened at the start.
        answer = await system.ask()
        assert (answer.status, answer.body) == (200, b"data")
        assert system.seen() == [sessions[1]]
        assert any(map(carries_password, system.rig.logins.requests))

        # Early renewal: used in its last fifth, it is replaced before anybody waits.
        await asyncio.sleep(0.75 * LIFE_S)
        assert (await system.ask()).status == 200
        await asyncio.sleep(0.2 * LIFE_S)
        assert system.opened == 2
        assert (await system.ask()).status == 200
        assert system.seen()[-1] == sessions[2]

        # Expiry: it is renewed once more, since it was used, and then not; who comes then waits for a new one.
        await asyncio.sleep(2.1 * LIFE_S)
        assert system.opened == 3
        assert (await system.ask()).status == 200
        opened = system.opened
        assert opened == 4
        assert system.seen()[-1] == shape.credential(opened)

        # Death, told in this system's way: one login, and the POST is replayed.
        await asyncio.sleep(1.5)
        system.kill()
        answer = await system.ask("POST", b"an order")
        assert (answer.status, answer.body) == (200, b"data")
        assert system.opened == opened + 1
        assert system.seen()[-2:] == [shape.credential(opened), shape.credential(opened + 1)]
        assert [each.content for each in system.rig.upstream.requests[-2:]] == [b"an order"] * 2

        # The login is down: a clear error, bounded load; and it recovers by itself.
        await asyncio.sleep(1.5)
        system.kill()
        system.is_down = True
        steps = system.steps
        answer = await system.ask()
        assert (answer.status, answer.code) == (503, "token_unavailable")
        assert int(answer.head.value("Retry-After") or 0) >= 1
        assert [(await system.ask()).status for _ in range(3)] == [503] * 3
        assert system.steps - steps <= 4  # one, unless the machine was slow
        system.is_down = False
        async with asyncio.timeout(120.0):
            while (await system.ask()).status != 200:
                await asyncio.sleep(3.0)


@ALL
async def test_nothing_secret_of_a_shape_is_told(shape, caplog):
    caplog.set_level("DEBUG")
    async with at_work(shape) as system:
        answer = await system.ask()
        told = repr(
            (
                system.rig.settings,
                system.rig.gateway.generation.sources.by_grant,
                list(system.rig.gateway.generation.sources.states()),
                system.rig.told.obtained,
                system.rig.told.records,
            )
        )

    for secret in ("session-1", PASSWORD, repr(PASSWORD)[1:-1], KEY):
        assert secret not in caplog.text
        assert secret not in told
        assert secret.encode() not in answer.head.raw + answer.body


def test_there_are_at_least_twenty_shapes():
    assert len({shape.name for shape in SHAPES}) >= 20
