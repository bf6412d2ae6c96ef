"""One issuer, many clients: it is asked once for all of them. On a loop whose time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.core.cause import Cause
from gateway.core.oauth.backoff import Rest
from gateway.core.oauth.client_facts import ClientFacts
from gateway.core.oauth.metadata import ServerMetadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted, Outcome
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings, TlsFiles
from gateway.oauth.discovery import LONGEST_PAUSE_S, Discovery
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from gateway.oauth.transport import ServerRequest
from tests.oauth.fakes import DOWN, KEY, Events, client_settings, let_live, loop_clock
from tests.oauth.virtual_time import in_virtual_time

ISSUER = "https://login.example.com"
GOOD = b'{"issuer": "%b", "token_endpoint": "%b/token"}' % (ISSUER.encode(), ISSUER.encode())
CLIENTS = 200


@dataclass
class Issuer:
    """A transport that remembers who asked, and when; each question takes a tenth of a second."""

    answer: Callable[[ClientSettings], ServerAnswer | Failed] = lambda _: DOWN
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def send(self, client: ClientSettings, request: ServerRequest, **_: Any) -> ServerAnswer | Failed:
        self.asked.append((asyncio.get_running_loop().time(), client.name))
        await asyncio.sleep(0.1)
        return self.answer(client)


class Endpoint:
    """Gives a token to whoever knows where to ask for it."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    async def fetch(self, client: ClientSettings) -> Outcome:
        found = await self._discovery.metadata(client)
        return Granted(Secret("t"), 3600.0, ("a",)) if isinstance(found, ServerMetadata) else found

    def credentials_mark(self, client: ClientSettings) -> str:
        return ""

    def certificate_mark(self, client: ClientSettings) -> str:
        return ""

    def issuer_rest(self, client: ClientSettings) -> Rest:
        return self._discovery.rest(client)

    def facts(self, client: ClientSettings) -> ClientFacts:
        return ClientFacts("", 1, 1, ())


def clients(count: int = CLIENTS, **grant: object) -> list[ClientSettings]:
    known = client_settings()
    return [
        replace(
            known,
            grant=replace(
                known.grant,
                client=ClientName(f"c{each}"),
                client_id=f"id-{each}",
                token_endpoint=None,
                issuer=ISSUER,
                **grant,
            ),
        )
        for each in range(count)
    ]


def certified(count: int) -> list[ClientSettings]:
    return [
        replace(each, grant=replace(each.grant, certificate=TlsFiles(f"{number}.pem", f"{number}.key")))
        for number, each in enumerate(clients(count))
    ]


@asynccontextmanager
async def sources(all_clients: list[ClientSettings], issuer: Issuer, events: Events):
    clock = replace(loop_clock(), jitter=Random(7).random)
    discovery = Discovery(issuer, clock, events)
    around = Surroundings(clock, events, KEY)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(discovery.close)
        made = [GrantSource(GrantMaker(Endpoint(discovery), each), around, let_live) for each in all_clients]
        for each in made:
            stack.push_async_callback(each.close)
            each.start()
        yield made


@pytest.mark.parametrize("make", [clients, certified])
def test_an_issuer_that_is_down_is_asked_once_for_all_its_clients_and_all_go_on_when_it_is_back(make):
    """326 requests a second for 200 clients, and 37 s from its repair to the last token."""

    @in_virtual_time
    async def run() -> None:
        issuer, events = Issuer(), Events()
        async with sources(make(CLIENTS), issuer, events) as made:
            await asyncio.sleep(300.0)
            questions = len(issuer.asked)
            assert questions < 120, "one in five seconds on average, once the pauses have grown"
            began_s = asyncio.get_running_loop().time()
            issuer.answer = lambda _: ServerAnswer(200, {}, GOOD)
            while not all(each.has_had_token for each in made):
                await asyncio.sleep(0.1)
            assert len(issuer.asked) == questions + 1, "success is shared too"
            assert asyncio.get_running_loop().time() - began_s <= LONGEST_PAUSE_S + 3.0

    run()


@in_virtual_time
async def test_time_that_it_asks_for_is_given_by_all():
    issuer = Issuer(lambda _: ServerAnswer(503, {"retry-after": "100"}, b""))
    async with sources(clients(), issuer, Events()):
        await asyncio.sleep(99.0)
        assert len(issuer.asked) == 2, "both of its places, once"


@in_virtual_time
async def test_a_failure_of_one_clients_certificate_is_its_own():
    """The server refuses the first one's in the handshake, and knows all others."""
    refused = Failed(FailureKind.UNREACHABLE, "it refused ours", cause=Cause.OWN_CERTIFICATE_REFUSED)
    issuer = Issuer(lambda client: refused if client.name == "c0" else ServerAnswer(200, {}, GOOD))
    async with sources(certified(20), issuer, Events()) as made:
        await asyncio.sleep(0.5)
        assert all(each.has_had_token for each in made[1:])
        assert [name for _, name in issuer.asked] == ["c0", "c1"]
        await asyncio.sleep(5.0)
        assert made[0].has_had_token, "what the issuer says of itself is no secret"


@in_virtual_time
async def test_clients_whose_certificates_all_fail_rest_each_for_itself():
    unusable = Failed(FailureKind.UNSENT, "tls.key: x cannot be read", key="tls.key")
    issuer = Issuer(lambda _: unusable)
    async with sources(certified(20), issuer, Events()) as made:
        await asyncio.sleep(60.0)
        per_client = {
            each: [name for _, name in issuer.asked].count(each) for each in {n for _, n in issuer.asked}
        }
        assert len(per_client) == 20
        assert max(per_client.values()) < 30
        assert not any(each.has_had_token for each in made)


@in_virtual_time
async def test_who_reaches_it_another_way_asks_for_itself():
    issuer = Issuer(lambda client: DOWN if client.reach.proxy else ServerAnswer(200, {}, GOOD))
    one, other = clients(2)
    proxied = replace(one, reach=replace(one.reach, proxy="http://127.0.0.1:1"))
    async with sources([proxied, other], issuer, Events()) as made:
        await asyncio.sleep(1.0)
        assert [each.has_had_token for each in made] == [False, True]


def test_a_pause_ends_when_the_file_of_authorities_is_replaced(tmp_path: Path):
    ca = tmp_path / "ca.pem"
    ca.write_text("old")

    @in_virtual_time
    async def run() -> None:
        issuer = Issuer()
        one, *others = [replace(each, reach=replace(each.reach, ca_file=str(ca))) for each in clients(3)]
        discovery = Discovery(issuer, loop_clock(0.9), Events())
        failed = await discovery.metadata(one)
        assert await discovery.metadata(others[0]) is failed
        issuer.answer = lambda _: ServerAnswer(200, {}, GOOD)
        ca.write_text("renewed")
        assert isinstance(await discovery.metadata(others[1]), ServerMetadata)
        await discovery.close()

    run()
