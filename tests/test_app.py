"""The composition root: what starts, what is shown of it, and what is left behind."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import Gateway
from gateway.config import load
from gateway.core.oauth.token_events import TokenFailed, TokenObtained, TokenRejected
from gateway.observe.fanout import Fanout
from tests import ways
from tests.processes import write_configuration
from tests.wire.authorization_server import FakeAuthorizationServer
from tests.wire.caller import RawCaller
from tests.wire.messages import ok, request
from tests.wire.servers import Changes

CLIENT_SECRET = "s3cr3t-of-the-client"
TENANT = "s3cr3t-of-the-tenant"
API_KEY = "s3cr3t-of-the-header"
ENVIRON = {"CLIENT_SECRET": CLIENT_SECRET, "TENANT": TENANT, "API_KEY": API_KEY}
PAGES = ("/", "/healthz", "/readyz", "/metrics", "/clients", "/routes")


class Told(Changes, Fanout):
    """An observer that counts the tokens."""

    def __init__(self):
        Changes.__init__(self)
        Fanout.__init__(self, (), ())
        self.obtained = 0

    def told(self, event):
        self.obtained += isinstance(event, TokenObtained)
        if isinstance(event, TokenObtained | TokenFailed | TokenRejected):
            self.changed()


@pytest.fixture
async def authorization_server():
    server = FakeAuthorizationServer()
    server.grants.prefix = "s3cr3t-token-"
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def document(upstream, authorization_server):
    """Every place where a secret may stand."""
    client = {
        "token_endpoint": authorization_server.endpoint,
        "client_id": "mobile_android",
        "client_secret": "${env:CLIENT_SECRET}",
        "scope": "users.read",
        "parameters": {"tenant": "${env:TENANT}"},
    }
    rules = {"set": {"X-Api-Key": "${env:API_KEY}"}, "add": {"X-More": "${env:API_KEY}"}}
    route = {
        "path": "/crm",
        "upstream": f"http://127.0.0.1:{upstream.port}/occ/v2",
        "strip_prefix": True,
        "client": "crm",
        "headers": {"request": rules, "response": rules},
    }
    return {"clients": {"crm": client}, "routes": [route]}


def built(folder, document, told=None):
    made = Gateway(load(write_configuration(folder, document), ENVIRON), told)
    ways.lead(made)
    return made


@asynccontextmanager
async def at_work(folder, document):
    """A gateway that has had its token."""
    told = Told()
    gateway = built(folder, document, told)
    try:
        await gateway.start()
        await told.until(lambda: told.obtained)
        yield gateway
    finally:
        await gateway.close(grace_s=0.0)


async def ask(address, target):
    caller = await RawCaller.connect(address)
    try:
        return await caller.ask(request("GET", target, "Host: localhost", "Connection: close"))
    finally:
        await caller.close()


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────


async def test_no_page_of_the_admin_listener_holds_a_secret(tmp_path, document, upstream):
    async with at_work(tmp_path, document) as gateway:
        await ask(gateway.addresses[0], "/crm/users")
        shown = {path: await ask(gateway.admin_address, path) for path in PAGES}

    assert [path for path, answer in shown.items() if answer.status != 200] == []
    assert [path for path, answer in shown.items() if b"s3cr3t" in answer.head.raw + answer.body] == []
    assert (upstream.tokens, upstream.requests[0].head.value("X-Api-Key")) == (
        ["s3cr3t-token-1"],
        API_KEY.encode(),
    )


async def test_clients_and_routes_are_shown_as_they_are(tmp_path, document, upstream):
    async with at_work(tmp_path, document) as gateway:
        (client,) = json.loads((await ask(gateway.admin_address, "/clients")).body)["clients"]
        (route,) = json.loads((await ask(gateway.admin_address, "/routes")).body)["routes"]

    assert (client["client"], client["scope"], client["is_ready"]) == ("crm", "users.read", True)
    assert (client["token"]["serial"], len(client["token"]["fingerprint"])) == (1, 8)
    assert client["token"]["expires_in_s"] == pytest.approx(3600, abs=60)
    assert route == {
        "route": "/crm",
        "host": None,
        "path": "/crm",
        "methods": None,
        "upstream": f"http://127.0.0.1:{upstream.port}/occ/v2",
        "strip_prefix": True,
        "client": "crm",
        "scope": "users.read",
        "authorization": "replace",
        "recover_on": [401],
        "rewrite": {"location": True, "cookie_path": False, "cookie_domain": "keep"},
        "last_error": None,
    }


async def test_what_happened_is_counted(tmp_path, document):
    async with at_work(tmp_path, document) as gateway:
        await ask(gateway.addresses[0], "/crm/users")
        await ask(gateway.addresses[0], "/nowhere")
        text = (await ask(gateway.admin_address, "/metrics")).body.decode()

    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["gateway_requests_total", "/crm", "200"] == 1
    assert samples["gateway_requests_total", "-", "404"] == 1
    assert samples["gateway_errors_total", "-", "caller", "no_route"] == 1
    assert samples["gateway_token_requests_total", "crm", "first"] == 1
    assert samples["gateway_requests_in_progress", "/crm"] == 0
    assert samples["gateway_ready",] == 1


async def test_it_is_ready_when_every_needed_client_has_had_a_token(tmp_path, document, authorization_server):
    """A client that no route names needs none."""
    document["clients"]["unused"] = document["clients"]["crm"] | {"client_id": "unused"}
    authorization_server.gate.clear()
    told = Told()
    gateway = built(tmp_path, document, told)
    await gateway.start()
    await authorization_server.until(lambda: authorization_server.requests)
    before = gateway.overview.readiness()

    authorization_server.gate.set()
    await told.until(lambda: told.obtained)
    after = gateway.overview.readiness()
    await gateway.close(grace_s=0.0)

    assert [(missing.client, missing.error, missing.retry_in_s) for missing in before.missing] == [
        ("crm", None, None)
    ]
    assert (before.is_ready, after.is_ready, gateway.overview.readiness().is_ready) == (False, True, False)
    assert len(authorization_server.requests) == 1


# ── what is left behind ───────────────────────────────────────────────────────────────────────────


def open_sockets():
    """The sockets of this process, by the numbers that the kernel gave them."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.add(str(descriptor.readlink()))
    return {target for target in found if target.startswith("socket:")}


async def settled():
    """What was closed is gone after a few turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_closing_twice_is_harmless(tmp_path, document):
    gateway = built(tmp_path, document)
    await gateway.start()
    await ask(gateway.addresses[0], "/crm/users")

    await gateway.close(grace_s=0.0)
    await gateway.close(grace_s=0.0)


async def test_closing_what_never_started_is_harmless(tmp_path, document):
    await built(tmp_path, document).close()


async def test_nothing_is_left_behind(tmp_path, document):
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    async with at_work(tmp_path, document) as gateway:
        await ask(gateway.addresses[0], "/crm/users")
        assert open_sockets() > sockets
    await settled()

    # The fakes keep their own until their fixtures end.
    assert [task for task in asyncio.all_tasks() - tasks if "gateway/" in repr(task)] == []


async def test_a_second_listener_that_cannot_be_had_ends_the_first_too(
    tmp_path, document, authorization_server
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = tmp_path / "first.sock"
        document["listen"] = [f"unix:{first}", f"127.0.0.1:{taken.getsockname()[1]}"]
        gateway = built(tmp_path, document)
        tasks, sockets = asyncio.all_tasks(), open_sockets()

        with pytest.raises(OSError, match="in use"):
            await gateway.start()
        await settled()
        left = open_sockets() - sockets, asyncio.all_tasks() - tasks
        await gateway.close(grace_s=0.0)

        assert left == (set(), set())
        with pytest.raises(OSError):
            await asyncio.open_unix_connection(first)
        assert authorization_server.saw_nothing


async def test_a_gateway_that_could_not_start_does_so_when_the_port_is_free(tmp_path, document):
    """A restart by the supervisor: the same settings, a moment later."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        document["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="in use"):
            async with at_work(tmp_path, document):
                pass

    async with at_work(tmp_path, document) as gateway:
        assert (await ask(gateway.addresses[0], "/crm/users")).status == 200


# ── unix sockets ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def at_unix_socket(tmp_path, document):
    document["listen"] = f"unix:{tmp_path}/gateway.sock"
    return document


async def test_a_socket_file_that_a_dead_process_left_is_replaced(tmp_path, at_unix_socket):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "gateway.sock"))

    async with at_work(tmp_path, at_unix_socket) as gateway:
        assert (await ask(gateway.addresses[0], "/crm/users")).status == 200


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path, at_unix_socket):
    file = tmp_path / "gateway.sock"
    file.write_text("somebody's own")

    with pytest.raises(OSError, match=r"gateway\.sock.* in use"):
        async with at_work(tmp_path, at_unix_socket):
            pass
    assert file.read_text() == "somebody's own"


async def test_the_socket_of_a_living_gateway_is_not_taken_away(tmp_path, at_unix_socket):
    """As with a port, the second one says that the address is in use, and the first one goes on."""
    async with at_work(tmp_path, at_unix_socket) as first:
        with pytest.raises(OSError, match="in use"):
            async with at_work(tmp_path, at_unix_socket):
                pass

        assert (await ask(first.addresses[0], "/crm/users")).status == 200
        assert stat.S_ISSOCK((tmp_path / "gateway.sock").stat().st_mode)


# ── pools ─────────────────────────────────────────────────────────────────────────────────────────


async def test_routes_to_one_upstream_share_its_connections(tmp_path, document, upstream):
    (route,) = document["routes"]
    document["routes"].append(route | {"path": "/other"})
    upstream.script = ok(b"same")
    async with at_work(tmp_path, document) as gateway:
        for path in ("/crm", "/other", "/crm/again"):
            await ask(gateway.addresses[0], path)

    assert [exchange.connection for exchange in upstream.requests] == [1, 1, 1]
