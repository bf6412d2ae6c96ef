"""Several secrets of one client: which is tried when, which is remembered, and what is told of it."""

import asyncio
from base64 import b64decode
from dataclasses import replace

import pytest

from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.oauth.credentials import UNREADABLE, unusable
from tests.oauth.authorization_server import (
    FakeAuthorizationServer,
    Recorded,
    authorization_server,
    http,
    http_json,
)
from tests.oauth.fakes import Events
from tests.oauth.test_endpoint import client_at, token_endpoint, unreadable, with_grant


def secret_of(request: Recorded) -> str:
    [value] = request.values(b"authorization")
    return b64decode(value.removeprefix(b"Basic ")).decode().partition(":")[2]


class Keeper:
    """Knows one secret of the client, and answers any other as it is told to.

    A naive fake would take whatever comes, and no test could tell which secret was refused.
    """

    def __init__(self, server: FakeAuthorizationServer, good: str) -> None:
        self._server = server
        self.good = good
        self.refusal = http_json(401, {"error": "invalid_client"}, WWW_Authenticate="Basic")
        server.reply = self.reply

    def reply(self, request: Recorded) -> bytes:
        return self._server.granted() if secret_of(request) == self.good else self.refusal

    def tried(self) -> list[str]:
        tried = [secret_of(request) for request in self._server.requests]
        self._server.requests.clear()
        return tried


def client_with(port: int, *secrets: str) -> ClientSettings:
    return client_at(port, credentials=tuple(lambda text=text: Secret(text) for text in secrets))


async def test_the_second_secret_is_tried_where_the_first_is_refused_and_taken_first_from_then_on():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        assert isinstance(await endpoint.fetch(client), Granted)
        assert keeper.tried() == ["old", "new"]
        assert isinstance(await endpoint.fetch(client), Granted)
        assert keeper.tried() == ["new"]
        assert endpoint.facts(client).secret == 2
    assert events.switched == [(2, 2)]


async def test_where_the_first_one_works_the_second_is_never_sent():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        keeper, client = Keeper(server, "old"), client_with(server.port, "old", "new")
        for _ in range(3):
            assert isinstance(await endpoint.fetch(client), Granted)
        assert keeper.tried() == ["old"] * 3
        assert endpoint.facts(client).secret == 1
    assert events.switched == []


REFUSALS = [
    http_json(401, {"error": "invalid_client"}),
    http_json(400, {"error": "invalid_client"}),
    http_json(401, {"error": "unauthorized_client"}),
    http(401),
    http(403),
    http(400, b"<html>"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_each_way_of_refusing_a_secret_leads_to_the_next(refusal: bytes):
    async with authorization_server() as server, token_endpoint() as endpoint:
        keeper = Keeper(server, "new")
        keeper.refusal = refusal
        assert isinstance(await endpoint.fetch(client_with(server.port, "old", "new")), Granted)
        assert keeper.tried() == ["old", "new"]


@pytest.mark.parametrize(
    "answer",
    [
        http_json(400, {"error": "invalid_scope"}),
        http_json(400, {"error": "unauthorized_client"}),
        http_json(403, {"error": "access_denied"}),
        http_json(500, {"error": "invalid_client"}),
        http_json(429, {"error": "invalid_client"}),
        http(503),
        http(404),
        http(200, b"<html>"),
        b"",
        http_json(400, {"error": "use_dpop_nonce"}),
    ],
)
async def test_no_other_failure_gives_the_next_secret_away(answer: bytes):
    async with authorization_server() as server, token_endpoint() as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        keeper.refusal = answer
        assert isinstance(await endpoint.fetch(client), Failed)
        assert keeper.tried() == ["old"]
        assert isinstance(await endpoint.fetch(client), Failed)
        assert keeper.tried() == ["old"], "and the first one stays the first"


async def test_of_three_the_last_is_reached_by_the_next_question():
    """At most two are tried for one question; the next one goes on where it ended."""
    async with authorization_server() as server, token_endpoint() as endpoint:
        keeper, client = Keeper(server, "none"), client_with(server.port, "a", "b", "c")
        for _ in range(3):
            assert isinstance(await endpoint.fetch(client), Failed)
        assert keeper.tried() == ["a", "b", "b", "c", "c", "a"]


async def test_two_refused_secrets_are_told_as_refused():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        Keeper(server, "none")
        asked = await endpoint.ask(client_with(server.port, "a", "b"))
    assert [attempt.number for attempt in asked.attempts] == [0, 1]
    assert isinstance(asked.outcome, Failed)
    assert (asked.outcome.kind, asked.outcome.code) == (FailureKind.REFUSED, "invalid_client")
    assert events.switched == []


async def test_a_secret_that_works_again_is_told_too():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        for good in ("new", "old", "old", "new"):
            keeper.good = good
            assert isinstance(await endpoint.fetch(client), Granted)
    assert events.switched == [(2, 2), (1, 2), (2, 2)]


async def test_the_secret_that_works_is_shared_by_all_grants_of_a_client():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        await endpoint.fetch(client)
        keeper.tried()
        await endpoint.fetch(with_grant(client, scope=("other",)))
        assert keeper.tried() == ["new"]
        await endpoint.fetch(with_grant(client, client=ClientName("erp")))
        assert keeper.tried() == ["old", "new"], "another client has a choice of its own"


async def test_who_asks_at_once_for_two_grants_is_told_of_one_switch():
    events = Events()
    async with authorization_server() as server, token_endpoint(events) as endpoint:
        Keeper(server, "new")
        client = client_with(server.port, "old", "new")
        other = with_grant(client, scope=("other",))
        await asyncio.gather(endpoint.fetch(client), endpoint.fetch(other))
    assert events.switched == [(2, 2)]


async def test_a_secret_whose_file_is_gone_is_passed_over():
    """The old one's file may be removed first; nothing that runs fails meanwhile."""
    async with authorization_server() as server, token_endpoint() as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        client = replace(client, credentials=(unreadable, client.credentials[1]))
        assert isinstance(await endpoint.fetch(client), Granted)
        assert keeper.tried() == ["new"]


async def test_where_the_other_ones_file_is_gone_the_refusal_is_told():
    async with authorization_server() as server, token_endpoint() as endpoint:
        keeper, client = Keeper(server, "new"), client_with(server.port, "old", "new")
        client = replace(client, credentials=(client.credentials[0], unreadable))
        outcome = await endpoint.fetch(client)
        assert keeper.tried() == ["old"]
    assert isinstance(outcome, Failed)
    assert outcome.code == "invalid_client"


async def test_where_no_secret_can_be_read_nothing_is_sent():
    async with authorization_server() as server, token_endpoint() as endpoint:
        client = replace(client_with(server.port, "a", "b"), credentials=(unreadable, unreadable))
        outcome = await endpoint.fetch(client)
    assert outcome == unusable("client_secret", UNREADABLE)
    assert server.requests == []
