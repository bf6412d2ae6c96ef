import asyncio
import io
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.core.oauth.token_events import Reason, TokenRequested
from gateway.core.settings.client_settings import ClientName
from gateway.demo.run import CLIENTS, DemoCannotStart, DemoOptions, run_demo

FREE_PORTS = DemoOptions(authorization_server_port=0, legacy_service_port=0)


class FakeGateway:
    """Stands for the gateway: keeps what it is given, and notes whether it was stopped."""

    def __init__(self):
        self.environ = None
        self.started = asyncio.Event()
        self.is_stopped = False

    @asynccontextmanager
    async def __call__(self, environ, observer):
        self.environ = dict(environ)
        observer.told(TokenRequested(ClientName("crm"), Reason.FIRST))
        self.started.set()
        yield
        self.is_stopped = True


@asynccontextmanager
async def running(gateway, out, options=FREE_PORTS):
    stopped = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_demo(gateway, options, out, stopped))
        await gateway.started.wait()
        yield
        stopped.set()


def url_of(out, before):
    """The URL that follows some words of the banner."""
    return out.getvalue().partition(before)[2].split()[0]


async def test_everything_runs_until_it_is_stopped():
    gateway, out = FakeGateway(), io.StringIO()
    async with running(gateway, out):
        service = url_of(out, "the legacy service")
        async with aiohttp.ClientSession() as session, session.get(f"{service}/occ/v2/users") as answer:
            assert answer.status == 401

    assert gateway.is_stopped
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(service)


async def test_the_gateways_secrets_open_the_authorization_server():
    gateway, out = FakeGateway(), io.StringIO()
    async with running(gateway, out), aiohttp.ClientSession() as session:
        endpoint = url_of(out, "the authorization server") + "/oauth/token"
        for client_id, name in CLIENTS.items():
            headers = {"Authorization": aiohttp.encode_basic_auth(client_id, gateway.environ[name])}
            form = {"grant_type": "client_credentials"}
            async with session.post(endpoint, data=form, headers=headers) as answer:
                assert (answer.status, (await answer.json())["expires_in"]) == (200, 15)


async def test_secrets_are_made_anew_and_never_printed():
    secrets = []
    for _ in range(2):
        gateway, out = FakeGateway(), io.StringIO()
        async with running(gateway, out):
            pass
        secrets += gateway.environ.values()
        assert not [secret for secret in secrets if secret in out.getvalue()]

    assert 2 * len(CLIENTS) == len(set(secrets))


async def test_nothing_is_to_be_pasted_before_the_gateway_listens():
    out = io.StringIO()
    async with running(FakeGateway(), out):
        pass

    assert out.getvalue().index("token requested for client crm") < out.getvalue().index("curl -i")


@pytest.mark.parametrize(
    ("place", "name"),
    [("authorization_server_port", "authorization server"), ("legacy_service_port", "legacy service")],
)
async def test_a_port_that_is_taken_is_named_in_one_line(place, name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"authorization_server_port": 0, "legacy_service_port": 0, place: port}
        with pytest.raises(DemoCannotStart) as error:
            await run_demo(FakeGateway(), DemoOptions(**ports), io.StringIO(), asyncio.Event())

    assert f"the demo's {name} cannot listen on http://127.0.0.1:{port}: Address already in use" == str(
        error.value
    )


async def test_a_gateway_that_cannot_start_ends_the_demo():
    @asynccontextmanager
    async def failing(_environ, _observer):
        raise RuntimeError("no gateway")
        yield

    with pytest.raises(RuntimeError, match="no gateway"):
        await run_demo(failing, FREE_PORTS, io.StringIO(), asyncio.Event())
