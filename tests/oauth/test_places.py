"""Places at authorization servers: no server that hangs takes them from the clients of another one."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from gateway.core.cause import Cause
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.oauth.places import MOST_AT_ONCE, NO_PLACE
from gateway.oauth.transport import ServerRequest, Transport
from gateway.tls.trust import Trust
from tests.oauth.authorization_server import HANG, authorization_server
from tests.oauth.certificates import asking_context, pair_in
from tests.oauth.fakes import client_settings


@asynccontextmanager
async def hanging(count: int):
    """Servers that take every request and answer none."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(authorization_server()) for _ in range(count)]
        for server in servers:
            server.answer = lambda: HANG
        yield servers


@asynccontextmanager
async def transport():
    made = Transport(Trust())
    try:
        yield made
    finally:
        await made.close()


def post(origin: str) -> ServerRequest:
    return ServerRequest(f"{origin}/token", {}, b"a=b")


async def end(tasks: list[asyncio.Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(10.0):
        while not condition():
            await asyncio.sleep(0.001)


async def test_servers_that_hang_delay_nobody_who_asks_another_one():
    """Four of them with 16 clients each took all 64 places of the process."""
    async with hanging(4) as servers, authorization_server() as healthy, transport() as made:
        client = client_settings(connect_timeout_s=0.2)
        waiting = [
            asyncio.create_task(made.send(client_settings(timeout_s=60.0), post(server.origin)))
            for server in servers
            for _ in range(MOST_AT_ONCE + 4)
        ]
        await until(lambda: sum(len(server.requests) for server in servers) == 4 * MOST_AT_ONCE)
        for _ in range(3):
            assert isinstance(await made.send(client, post(healthy.origin)), ServerAnswer)
        assert [len(server.requests) for server in servers] == [MOST_AT_ONCE] * 4
        assert not any(task.done() for task in waiting)
        await end(waiting)


async def test_clients_with_different_certificates_share_the_places_of_their_server(tmp_path):
    """Else one hanging server had 16 for each of them."""
    theirs, *ours = (pair_in(tmp_path / name) for name in ("theirs", "a", "b", "c"))
    async with authorization_server(asking_context(theirs, *ours)) as hung, transport() as made:
        hung.answer = lambda: HANG
        clients = [client_settings(ca_file=theirs.certificate, timeout_s=60.0) for _ in ours]
        clients = [with_certificate(each, pair) for each, pair in zip(clients, ours, strict=True)]
        waiting = [
            asyncio.create_task(made.send(each, post(hung.origin)))
            for each in clients
            for _ in range(MOST_AT_ONCE)
        ]
        await until(lambda: len(hung.requests) == MOST_AT_ONCE)
        await asyncio.sleep(0.05)
        assert len(hung.requests) == hung.connections == MOST_AT_ONCE
        await end(waiting)


async def test_a_proxy_that_hangs_takes_no_place_from_who_asks_without_it():
    async with hanging(1) as [proxy], authorization_server() as healthy, transport() as made:
        proxied = client_settings(proxy=proxy.origin, timeout_s=60.0)
        waiting = [asyncio.create_task(made.send(proxied, post(healthy.origin))) for _ in range(MOST_AT_ONCE)]
        await until(lambda: len(proxy.requests) == MOST_AT_ONCE)
        assert isinstance(await made.send(client_settings(), post(healthy.origin)), ServerAnswer)
        await end(waiting)


async def test_who_waits_in_vain_is_told_so_and_blames_no_connection():
    async with hanging(1) as [server], transport() as made:
        waiting = [
            asyncio.create_task(made.send(client_settings(timeout_s=60.0), post(server.origin)))
            for _ in range(MOST_AT_ONCE)
        ]
        await until(lambda: len(server.requests) == MOST_AT_ONCE)
        failed = await made.send(client_settings(timeout_s=0.05, connect_timeout_s=0.01), post(server.origin))
        assert failed is NO_PLACE
        assert (failed.kind, failed.cause, failed.was_sent) == (
            FailureKind.UNREACHABLE,
            Cause.SERVER_BUSY,
            False,
        )
        await end(waiting)


async def test_the_wait_is_no_part_of_the_time_to_connect_or_to_answer():
    """Who waited for a place has all of its time left when it gets one."""
    async with authorization_server() as server, transport() as made:
        server.gate.clear()
        first = [
            asyncio.create_task(made.send(client_settings(), post(server.origin)))
            for _ in range(MOST_AT_ONCE)
        ]
        await until(lambda: len(server.requests) == MOST_AT_ONCE)
        late = asyncio.create_task(
            made.send(client_settings(timeout_s=1.0, connect_timeout_s=0.01), post(server.origin))
        )
        await asyncio.sleep(0.05)
        assert not late.done()
        server.gate.set()
        assert isinstance(await late, ServerAnswer)
        assert all(isinstance(each, ServerAnswer) for each in await asyncio.gather(*first))


async def test_a_place_comes_free_however_its_request_ended():
    async with authorization_server() as server, transport() as made:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
            for _ in range(MOST_AT_ONCE + 1):
                failed = await made.send(client_settings(timeout_s=5.0), post(nowhere))
                assert isinstance(failed, Failed)
                assert failed is not NO_PLACE
        server.answer = lambda: HANG
        for _ in range(MOST_AT_ONCE + 1):
            asking = asyncio.create_task(made.send(client_settings(), post(server.origin)))
            before = len(server.requests)
            await until(lambda before=before: len(server.requests) > before)
            await end([asking])
        server.answer = None
        assert isinstance(await made.send(client_settings(timeout_s=5.0), post(server.origin)), ServerAnswer)


def with_certificate(client, pair):
    return replace(client, grant=replace(client.grant, certificate=pair))
