"""The process: its signals, its end, and its start beside a dead authorization server."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from contextlib import asynccontextmanager

import pytest

from tests.processes import running, write_configuration
from tests.wire.authorization_server import FakeAuthorizationServer
from tests.wire.caller import RawCaller
from tests.wire.messages import Broken, ok, request


class Holding:
    """Answers when it is allowed to; with a fixed pause the tests would depend on the machine's speed."""

    def __init__(self, start=b""):
        self.let = asyncio.Event()
        self.start = start

    async def __call__(self, exchange):
        if self.start:
            await exchange.send(self.start)
        await self.let.wait()
        exchange.write(ok(b"late but whole"))


@pytest.fixture
async def authorization_server():
    server = FakeAuthorizationServer()
    yield server
    await server.close()


def plain(upstream, **more):
    """A route without a client."""
    return {"routes": [{"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}"}], **more}


def with_token(upstream, authorization_server, **more):
    client = {
        "token_endpoint": authorization_server.endpoint,
        "client_id": "mobile_android",
        "client_secret": "${env:SECRET}",
    }
    route = {"path": "/", "upstream": f"http://127.0.0.1:{upstream.port}", "client": "crm"}
    return {"clients": {"crm": client}, "routes": [route], **more}


@asynccontextmanager
async def connected(address):
    caller = await RawCaller.connect(address)
    try:
        yield caller
    finally:
        await caller.close()


async def ask(address, target="/"):
    """One request on a connection of its own."""
    async with connected(address) as caller:
        return await caller.ask(request("GET", target, "Host: localhost", "Connection: close"))


@asynccontextmanager
async def begun(child, upstream):
    """A caller whose request the upstream has and does not answer."""
    async with connected(child.address) as caller:
        await caller.send(request("GET", "/"))
        await upstream.until(lambda: upstream.requests)
        yield caller


async def test_what_runs_at_sigterm_is_answered_while_nothing_new_is_taken(tmp_path, upstream):
    upstream.script = holding = Holding()
    async with running(tmp_path, plain(upstream)) as child, begun(child, upstream) as caller:
        assert (await ask(child.admin, "/readyz")).status == 200

        child.signal(signal.SIGTERM)
        await child.until_told("stopping")
        readiness = await ask(child.admin, "/readyz")
        with pytest.raises(ConnectionRefusedError):
            await RawCaller.connect(child.address)
        holding.let.set()
        answer = await caller.answer()

        assert (readiness.status, json.loads(readiness.body)["draining"]) == (503, True)
        assert (answer.status, answer.body) == (200, b"late but whole")
        assert await caller.rest() == b""
        assert await child.ended() == 0


async def test_an_idle_connection_does_not_use_up_the_grace(tmp_path, upstream):
    async with running(tmp_path, plain(upstream, grace="1h")) as child, connected(child.address) as idle:
        await idle.ask(request("GET", "/"))

        child.signal(signal.SIGINT)

        assert await idle.rest() == b""
        assert await child.ended() == 0


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_what_exceeds_the_grace_is_broken_off(tmp_path, upstream, start):
    upstream.script = Holding(start)
    document = plain(upstream, grace="100ms")
    async with running(tmp_path, document) as child, begun(child, upstream) as caller:
        if start:
            await caller.head()

        child.signal(signal.SIGTERM)

        assert await caller.rest() == start.partition(b"\r\n\r\n")[2]
        assert await child.ended() == 0
        assert "Traceback" not in "".join(child.told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(tmp_path, upstream, number):
    upstream.script = Holding()
    document = plain(upstream, grace="1h")
    async with running(tmp_path, document) as child, begun(child, upstream) as caller:
        child.signal(number)
        await child.until_told("stopping")
        child.signal(number)

        assert await child.ended() == -number
        assert "Traceback" not in "".join(child.told)
        with pytest.raises(Broken):
            await caller.answer()


async def records(path, count):
    """The paths of the access log's records, once there are so many; they are written in batches."""
    async with asyncio.timeout(10):
        while not path.exists() or len(lines := path.read_text().splitlines()) < count:
            await asyncio.sleep(0.02)
    return [json.loads(line)["path"] for line in lines]


async def test_a_rotated_access_log_goes_on_in_a_new_file(tmp_path, upstream):
    log = tmp_path / "access.log"
    async with running(tmp_path, plain(upstream, log={"access": str(log)})) as child:
        for number in (signal.SIGHUP, signal.SIGUSR1):
            await ask(child.address, f"/before/{number}")
            assert await records(log, 1) == [f"/before/{number}"]

            rotated = log.rename(tmp_path / f"access.log.{number}")
            child.signal(number)
            async with asyncio.timeout(10):
                while not log.exists():
                    await asyncio.sleep(0.02)
            await ask(child.address, f"/after/{number}")

            assert await records(log, 1) == [f"/after/{number}"]
            assert await records(rotated, 1) == [f"/before/{number}"]
            log.write_text("")


async def test_a_hangup_reloads_and_a_broken_file_changes_nothing(tmp_path, upstream):
    async with running(tmp_path, plain(upstream)) as child:
        assert (await ask(child.address, "/new")).status == 200
        document = plain(upstream)
        document["routes"][0]["path"] = "/new"
        write_configuration(tmp_path, document)
        child.signal(signal.SIGHUP)
        await child.until_told("reloaded: the new configuration is in use")
        assert (await ask(child.address, "/")).status == 404
        (tmp_path / "gateway.yaml").write_text("routes: 7")
        child.signal(signal.SIGHUP)
        await child.until_told("gateway.yaml:1:9: routes")
        await child.until_told("not reloaded: the configuration of before stays in use")

        assert (await ask(child.address, "/new")).status == 200


async def test_a_secret_of_the_environment_is_still_known_at_a_reload(
    tmp_path, upstream, authorization_server
):
    await authorization_server.start()
    document = with_token(upstream, authorization_server)
    async with running(tmp_path, document, {"SECRET": "s3cr3t"}) as child:
        assert (await ask(child.address, "/")).status == 200
        document["routes"][0]["path"] = "/new"
        write_configuration(tmp_path, document)
        child.signal(signal.SIGHUP)
        await child.until_told("reloaded: the new configuration is in use")
        assert (await ask(child.address, "/new")).status == 200

    assert len(authorization_server.requests) == 1


async def test_records_of_the_last_requests_are_written_before_the_end(tmp_path, upstream):
    log = tmp_path / "access.log"
    async with running(tmp_path, plain(upstream, log={"access": str(log)})) as child:
        await ask(child.address, "/last")
        child.signal(signal.SIGTERM)
        await child.ended()

    assert await records(log, 1) == ["/last"]


async def test_it_starts_without_the_authorization_server_and_recovers_with_it(
    tmp_path, upstream, authorization_server
):
    """The port is bound but not listened on: connections are refused, and nobody else can take it."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        authorization_server.port = reserved.getsockname()[1]
        document = with_token(upstream, authorization_server)
        async with running(tmp_path, document, {"SECRET": "s3cr3t-text"}) as child:
            await child.until_told("retry_in_s")
            readiness, answer = await ask(child.admin, "/readyz"), await ask(child.address)
            assert (readiness.status, answer.status, answer.code) == (503, 503, "token_unavailable")
            assert answer.head.value("Retry-After") is not None
            assert [missing["client"] for missing in json.loads(readiness.body)["missing"]] == ["crm"]
            assert upstream.saw_nothing

            await authorization_server.start()
            await child.until_told("obtained, valid for")

            assert [(await ask(child.admin, "/readyz")).status, (await ask(child.address)).status] == [
                200,
                200,
            ]
            assert upstream.tokens == ["token_1"]


HANGING = """
import os, socket, time

known = socket.getaddrinfo

def getaddrinfo(host, *args, **members):
    if not str(host).endswith(".test"):
        return known(host, *args, **members)
    os.write(2, f"looking {host} up\\n".encode())
    time.sleep(600)

socket.getaddrinfo = getaddrinfo
"""


async def test_it_ends_at_once_while_names_are_being_looked_up(tmp_path):
    """Of an upstream and of an authorization server; the look-ups would take ten minutes."""
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    client = {"token_endpoint": "https://login.test/token", "client_id": "a", "client_secret": "s"}
    routes = [
        {"path": "/", "upstream": "http://api.test"},
        {"path": "/crm", "upstream": "http://127.0.0.1:1", "client": "crm"},
    ]
    document = {"clients": {"crm": client}, "routes": routes, "grace": "1ms"}
    async with running(tmp_path, document, {"PYTHONPATH": str(tmp_path)}) as child:
        if not any("login.test" in line for line in child.told):
            await child.until_told("looking login.test up")
        async with connected(child.address) as caller:
            await caller.send(request("GET", "/", "Host: localhost"))
            await child.until_told("looking api.test up")
            child.signal(signal.SIGTERM)
            assert await child.ended() == 0


async def test_an_end_during_a_reload_is_an_end_like_any_other(tmp_path, upstream):
    upstream.script = holding = Holding()
    async with running(tmp_path, plain(upstream)) as child, begun(child, upstream) as caller:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            child.signal(number)
        await child.until_told("stopping")
        child.signal(signal.SIGHUP)
        holding.let.set()

        assert (await caller.answer()).body == b"late but whole"
        assert await child.ended() == 0
    assert not any("Traceback" in line for line in child.told)


TELLING = """
import atexit, os, sys

if "run" in sys.argv:
    atexit.register(lambda: open("modules", "w").write("\\n".join(sys.modules)))
"""
NEVER_LOADED = {
    "pydantic": "the reader of the configuration",
    "ruamel": "the same",
    "gateway.config": "the same",
    "jwt": "signatures: no client signs, no caller is verified",
    "cryptography": "the same",
    "prometheus_client": "the metrics, which nobody has asked for",
    "gateway.oauth.login_maker": "logins",
    "gateway.access.api_keys": "callers' keys",
    "gateway.doctor": "other commands",
    "gateway.demo": "the same",
    "click": "command lines that are not plain",
    "aiohttp.web_app": "a framework",
    "frozenlist._frozenlist": "the library of C++",
}


async def test_an_idle_gateway_holds_nothing_that_it_does_not_need(tmp_path, upstream, authorization_server):
    """Memory itself is measured by `make bench`. A token was requested, and the configuration read twice."""
    (tmp_path / "sitecustomize.py").write_text(TELLING)
    await authorization_server.start()
    document = with_token(upstream, authorization_server)
    environ = {"SECRET": "s3cr3t-text", "PYTHONPATH": str(tmp_path)}
    async with running(tmp_path, document, environ) as child:
        assert (await ask(child.address)).status == 200
        child.signal(signal.SIGHUP)
        await child.until_told("reloaded: the new configuration is in use")
        child.signal(signal.SIGTERM)
        assert await child.ended() == 0

    loaded = (tmp_path / "modules").read_text().split()
    assert "gateway.server" in loaded
    assert [name for name in loaded if any(f"{name}.".startswith(f"{each}.") for each in NEVER_LOADED)] == []
