"""Source and endpoint together, over real sockets and in real time."""

import asyncio
import logging
from typing import Self

import pytest

from gateway.core.errors import AuthorizationServerError, TokenRefused, TokenTimeout
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.requester import Surroundings
from gateway.oauth.source import GrantSource
from tests.oauth.authorization_server import HANG, authorization_server, http, http_json
from tests.oauth.fakes import (
    CLIENT_SECRET,
    KEY,
    Events,
    client_settings,
    let_live,
    loop_clock,
    new_endpoint,
    sent,
)


class Stage:
    """A source that asks a fake authorization server; closed in the end."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.endpoint = new_endpoint()
        self.events = Events()
        client = client_settings(f"http://127.0.0.1:{port}/token", timeout_s=timeout_s)
        self.source = GrantSource(
            GrantMaker(self.endpoint, client), Surroundings(loop_clock(), self.events, KEY), let_live
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.source.close()
        await self.endpoint.close()

    async def token(self, within_s: float = 10.0):
        return await self.source.token(asyncio.get_running_loop().time() + within_s)


async def test_five_hundred_concurrent_callers_cost_one_request():
    async with authorization_server() as server, Stage(server.port) as stage:
        tokens = await asyncio.gather(*(stage.token() for _ in range(500)))
    assert {sent(token) for token in tokens} == {"Bearer access_token_1"}
    assert len(server.requests) == 1


async def test_half_of_the_callers_leave_and_the_others_are_served():
    async with authorization_server() as server, Stage(server.port) as stage:
        waiting = [asyncio.create_task(stage.token()) for _ in range(100)]
        await server.asked.wait()
        for task in waiting[::2]:
            task.cancel()
        given = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in given[::2]} == {asyncio.CancelledError}
    assert {sent(token) for token in given[1::2]} == {"Bearer access_token_1"}
    assert len(server.requests) == 1


async def test_a_rejected_token_is_replaced_once():
    async with authorization_server() as server, Stage(server.port) as stage:
        first = await stage.token()
        deadline_s = asyncio.get_running_loop().time() + 10.0
        replaced = await asyncio.gather(*(stage.source.replacement(first, deadline_s) for _ in range(50)))
    assert {sent(token) for token in replaced} == {"Bearer access_token_2"}
    assert len(server.requests) == 2


async def test_closing_in_the_middle_of_a_request_leaves_nothing_behind():
    async with authorization_server() as server:
        server.answer = lambda: HANG
        async with Stage(server.port) as stage:
            stage.source.start()
            await server.asked.wait()
        assert {task for task in asyncio.all_tasks() if "token request" in task.get_name()} == set()


async def test_a_hanging_server_is_a_timeout_to_whom_waited():
    async with authorization_server() as server, Stage(server.port, timeout_s=0.05) as stage:
        server.answer = lambda: HANG
        with pytest.raises(TokenTimeout):
            await stage.token()


@pytest.mark.parametrize(
    "answer",
    [
        http_json(400, {"error": "invalid_client", "error_description": f"not {CLIENT_SECRET}"}),
        http_json(200, {"access_token": CLIENT_SECRET + " x", "token_type": "Bearer"}),
        http(200, CLIENT_SECRET.encode()),
        http(302, Location=f"http://127.0.0.1:1/{CLIENT_SECRET}"),
        http(500, CLIENT_SECRET.encode()),
        CLIENT_SECRET.encode() + b"\r\n\r\n",
        f"HTTP/1.1 200 X\r\n{CLIENT_SECRET}\r\n\r\n".encode(),
        f"HTTP/1.1 200 X\r\nSet-Cookie: {CLIENT_SECRET}\r\nContent-Length: 1\r\n\r\n".encode(),
    ],
)
async def test_what_the_server_says_reaches_neither_callers_nor_logs(
    answer: bytes, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with authorization_server() as server, Stage(server.port) as stage:
        server.answer = lambda: answer
        with pytest.raises(AuthorizationServerError) as caught:
            await stage.token()
        told = repr((caught.value, caught.value.detail, stage.source, stage.source.state(), stage.events))
    assert CLIENT_SECRET not in told
    assert CLIENT_SECRET not in caplog.text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_the_refusal_names_the_client_and_the_registered_code():
    async with authorization_server() as server, Stage(server.port) as stage:
        server.answer = lambda: http_json(401, {"error": "invalid_client"})
        with pytest.raises(TokenRefused) as caught:
            await stage.token()
    assert caught.value.detail == "client crm: the authorization server answered 401 invalid_client"
