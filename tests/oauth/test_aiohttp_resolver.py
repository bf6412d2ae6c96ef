"""Names of authorization servers, over real sockets: looked up by the process's resolver, raced, moved."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest

from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.resolution import REPEAT_S
from gateway.net.race import DELAY_S
from gateway.net.resolver import Resolver
from gateway.oauth.aiohttp_resolver import Addresses
from gateway.oauth.transport import ServerRequest, Transport
from gateway.tls.trust import Trust
from tests.net.look_ups import Zone
from tests.net.test_race import HOLE, NOBODY, OTHER, WELL, black_hole
from tests.oauth.authorization_server import authorization_server
from tests.oauth.fakes import client_settings


class Scene(Zone):
    """A zone, and a transport that looks names up there; its clock stands still."""

    def __init__(self, server, **records):
        super().__init__(**records)
        self.server = server
        self.now_s = time.monotonic()
        self.resolver = Resolver(None, self, lambda: self.now_s)
        self.transport = Transport(Trust(), self.resolver)

    def request(self, host="login.test"):
        return ServerRequest(f"http://{host}:{self.server.port}/token", {}, b"a=b")

    async def ask(self, host="login.test", *, is_fresh=True, **members):
        return await self.transport.send(client_settings(**members), self.request(host), is_fresh=is_fresh)


@asynccontextmanager
async def scene(**records):
    async with authorization_server() as server:
        with Scene(server, **records) as made:
            try:
                yield made
            finally:
                await made.transport.close()
                made.resolver.close()


async def test_a_name_is_looked_up_once_and_its_answer_serves_both_kinds_of_connections():
    async with scene(login_test=[WELL]) as at:
        for is_fresh in (False, True, False, True):
            assert isinstance(await at.ask(is_fresh=is_fresh), ServerAnswer)
        assert at.asked == ["login.test"]
        assert at.server.requests[0].values(b"host") == [b"login.test:%d" % at.server.port]


async def test_an_address_never_touches_the_resolver():
    async with scene() as at:
        assert isinstance(await at.ask(WELL), ServerAnswer)
        assert (at.asked, at.resolver._names) == ([], {})


async def test_the_name_of_a_proxy_is_looked_up_and_not_the_servers():
    async with scene(proxy_test=[WELL]) as at:
        answer = await at.ask(proxy=f"http://proxy.test:{at.server.port}")
        assert isinstance(answer, ServerAnswer)
        assert at.asked == ["proxy.test"]


async def test_a_name_whose_look_up_hangs_delays_no_other_server():
    async with scene(well_test=[WELL]) as at:
        at.hold("sick.test")
        sick = [
            asyncio.create_task(at.ask("sick.test", timeout_s=0.5, connect_timeout_s=0.5)) for _ in range(8)
        ]
        await at.until(lambda: at.asked)
        assert isinstance(await at.ask("well.test"), ServerAnswer)
        outcomes = await asyncio.gather(*sick)
        assert {type(each) for each in outcomes} == {Failed}
        assert at.asked == ["sick.test", "well.test"]


async def test_a_black_hole_costs_a_delay_once():
    async with scene(login_test=[HOLE, WELL]) as at:
        with black_hole(HOLE, at.server.port):
            took_s = []
            for _ in range(3):
                began_s = time.monotonic()
                assert isinstance(await at.ask(), ServerAnswer)
                took_s.append(time.monotonic() - began_s)
    assert took_s[0] >= DELAY_S - 0.01
    assert max(took_s[1:]) < DELAY_S


async def test_a_server_that_is_at_none_of_its_addresses_is_looked_up_anew_first():
    async with scene(login_test=[OTHER, NOBODY]) as at:
        await at.resolver.name("login.test").find()
        at.records["login.test"] = [WELL]
        at.now_s += REPEAT_S
        assert isinstance(await at.ask(), ServerAnswer)
        assert at.asked == ["login.test"] * 2


async def test_a_server_that_is_down_is_told_as_that():
    async with scene(login_test=[OTHER, NOBODY]) as at:
        outcome = await at.ask()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.reason) == (
        FailureKind.UNREACHABLE,
        "no connection to the authorization server: Connection refused",
    )


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_AGAIN])
async def test_a_name_that_does_not_resolve_says_so(code):
    async with scene() as at:
        at.records["login.test"] = socket.gaierror(code, "whatever")
        outcome = await at.ask()
    assert isinstance(outcome, Failed)
    assert outcome.reason == "the authorization server's name does not resolve"


async def test_who_leaves_does_not_end_the_look_up():
    async with scene(login_test=[WELL]) as at:
        at.hold("login.test")
        leaves = asyncio.create_task(at.ask())
        await at.until(lambda: at.asked)
        leaves.cancel()
        await asyncio.wait((leaves,))
        at.let_go("login.test")
        assert isinstance(await at.ask(), ServerAnswer)
        assert at.asked == ["login.test"]


async def test_aiohttp_is_given_every_address_with_its_family():
    async with scene(login_test=["::1", WELL]) as at:
        found = await Addresses(at.resolver).resolve("login.test", 443)
    assert [(each["host"], each["port"], each["family"]) for each in found] == [
        ("::1", 443, socket.AF_INET6),
        (WELL, 443, socket.AF_INET),
    ]
