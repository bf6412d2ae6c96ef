"""A kept connection that turns out dead, and one on which a server speaks unasked. Over real sockets.

A naive fake would answer a second request or close before it came; this one reads it and closes, resets, or says
a part of an answer first, which is what a server does that closes an idle connection at the wrong instant.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, Granted
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod
from gateway.core.settings.signing_settings import AssertionSettings
from gateway.oauth.transport import KEEPALIVE_S, ServerRequest
from tests.oauth.authorization_server import OAUTH, Recorded, http_json
from tests.oauth.fakes import client_settings
from tests.oauth.test_discovery import discovered
from tests.oauth.test_endpoint import token_endpoint, with_grant
from tests.oauth.test_transport import transport

GRANTED = http_json(200, {"access_token": "t", "token_type": "Bearer"})


@dataclass
class Leaving:
    """Keeps connections, and dies under the later requests of each: says `last`, then closes or resets.

    Attributes:
        serves: how many requests of a connection are answered.
        ended: a connection came to its end.
    """

    port: int = 0
    serves: int = 1
    last: bytes = b""
    resets: bool = False
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        for number in range(self.serves + 1):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            request = Recorded(head.removesuffix(b"\r\n\r\n"), b"")
            request.body = await reader.readexactly(int((request.values(b"content-length") or [b"0"])[0]))
            self.requests.append(request)
            writer.write(self.answer(request) if number < self.serves else self.last)
            await writer.drain()
        self.ended.set()
        if self.resets:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()
        writer.close()

    def answer(self, request: Recorded) -> bytes:
        if request.target == OAUTH:
            return http_json(
                200,
                {
                    "issuer": self.origin,
                    "token_endpoint": f"{self.origin}/token",
                    "revocation_endpoint": f"{self.origin}/revoke",
                },
            )
        return GRANTED


@asynccontextmanager
async def leaving(**members: object) -> AsyncIterator[Leaving]:
    server, tasks = Leaving(**members), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            writer.transport.abort()
        await asyncio.gather(*tasks)


def client_of(server: Leaving, **members: object):
    return client_settings(f"{server.origin}/token", **members)


# ── dead ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("resets", [False, True])
async def test_a_token_request_on_a_dead_connection_is_made_again_at_once(resets: bool):
    async with leaving(resets=resets) as server, token_endpoint() as endpoint:
        for _ in range(2):
            assert isinstance(await endpoint.fetch(client_of(server)), Granted)
    assert (len(server.requests), server.connections) == (3, 2)


async def test_it_is_made_again_on_a_fresh_connection_though_others_are_kept():
    """The next kept one may be as dead as the first."""
    async with leaving() as server, token_endpoint() as endpoint:
        await asyncio.gather(*(endpoint.fetch(client_of(server)) for _ in range(4)))
        assert server.connections == 4
        assert isinstance(await endpoint.fetch(client_of(server)), Granted)
    assert (len(server.requests), server.connections) == (6, 5)


async def test_a_fresh_connection_that_dies_is_a_failure():
    async with leaving(serves=0) as server, token_endpoint() as endpoint:
        outcome = await endpoint.fetch(client_of(server))
    assert isinstance(outcome, Failed)
    assert (len(server.requests), server.connections) == (1, 1)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize(
    "last", [b"H", b"HTTP/1.1 200 X\r\nContent-", b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_where_a_byte_of_an_answer_came_nothing_is_sent_again(last: bytes, resets: bool):
    async with leaving(last=last, resets=resets) as server, token_endpoint() as endpoint:
        assert isinstance(await endpoint.fetch(client_of(server)), Granted)
        assert isinstance(await endpoint.fetch(client_of(server)), Failed)
    assert len(server.requests) == 2


async def test_a_server_that_is_slow_on_a_kept_connection_is_not_asked_again():
    async with leaving(serves=9) as server, transport() as made:
        request = ServerRequest(f"{server.origin}/token", {}, b"a=b")
        assert isinstance(await made.send(client_settings(), request), ServerAnswer)
        server.answer = lambda _: b""
        assert isinstance(await made.send(client_settings(timeout_s=0.1), request), Failed)
    assert len(server.requests) == 2


async def test_each_assertion_goes_out_once():
    async with leaving() as server, token_endpoint() as endpoint:
        client = with_grant(
            client_of(server), method=AuthMethod.CLIENT_SECRET_JWT, assertion=AssertionSettings(None)
        )
        client = replace(client, credentials=(lambda: Secret("s" * 64),))
        for _ in range(2):
            assert isinstance(await endpoint.fetch(client), Granted)
    assert len({request.form["client_assertion"] for request in server.requests}) == 3


async def test_metadata_is_asked_again_too():
    async with leaving() as server, transport() as made:
        place = ServerRequest(f"{server.origin}{OAUTH}", {})
        for _ in range(2):
            answer = await made.send(client_settings(), place)
            assert isinstance(answer, ServerAnswer)
            assert json.loads(answer.body)["issuer"] == server.origin


async def test_metadata_is_asked_again_on_a_fresh_connection_though_all_that_are_kept_are_dead():
    """aiohttp repeats a GET by itself, once, on another kept connection."""
    async with leaving() as server, transport() as made:
        place = ServerRequest(f"{server.origin}{OAUTH}", {})
        await asyncio.gather(*(made.send(client_settings(), place) for _ in range(4)))
        assert server.connections == 4
        assert isinstance(await made.send(client_settings(), place), ServerAnswer)
        assert server.connections == 5


async def test_a_revocation_is_made_again_too():
    async with leaving(serves=2) as server, token_endpoint() as endpoint:
        client = replace(discovered(server.origin), revokes=True)
        assert isinstance(await endpoint.fetch(client), Granted)
        assert await endpoint.revoke(client, Secret("t")) is None
    assert [request.target for request in server.requests] == [OAUTH, "/token", "/revoke", "/revoke"]


# ── unasked ───────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next():
    async with leaving(serves=9) as server, token_endpoint() as endpoint:
        assert isinstance(await endpoint.fetch(client_of(server)), Granted)
        [writer] = server.writers
        began_s = asyncio.get_running_loop().time()
        writer.write(http_json(200, {"access_token": "another's", "token_type": "Bearer"}))
        await writer.drain()
        await asyncio.wait_for(server.ended.wait(), 5)
        assert asyncio.get_running_loop().time() - began_s < KEEPALIVE_S, "it is not closed for its age"
        outcome = await endpoint.fetch(client_of(server))
    assert isinstance(outcome, Granted)
    assert outcome.access_token.reveal() == "t"
    assert server.connections == 2
