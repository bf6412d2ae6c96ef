"""Nine outages as a newcomer meets them: each is resolved by what log, metrics and admin pages say alone.

The gateway is a process, started as an operator starts it; authorization server and upstream are servers on real
sockets. For each outage all three must name the side at fault, the cause, and the key of `gateway.yaml` to look at.
No answer to a caller is read: whoever is on call has none.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tests.oauth.authorization_server import FakeAuthorizationServer, authorization_server, http_json
from tests.processes import WAIT_S, RunningGateway, running
from tests.real.upstreams import serving
from tests.wire.certificates import Authority, server_context

SECRET = "the-right-secret-of-crm"


@dataclass(frozen=True, slots=True)
class Fault:
    """What must be named, wherever one looks."""

    side: str
    cause: str
    key: str


@dataclass
class Stage:
    """What an outage may change before the gateway starts, and afterwards.

    Attributes:
        client, route: further keys of `gateway.yaml`.
        strike: makes the outage happen while the gateway runs; left out: it is there from the start.
        nobody: holds a port on which nobody listens.
    """

    folder: Path
    authority: Authority
    server: FakeAuthorizationServer
    upstream: int
    client: dict[str, object] = field(default_factory=dict)
    route: dict[str, object] = field(default_factory=dict)
    strike: Callable[[], None] | None = None
    nobody: socket.socket = field(default_factory=socket.socket)

    def port_of_nobody(self) -> int:
        """A port that is bound and not listened on: nobody else can get it meanwhile."""
        self.nobody.bind(("127.0.0.1", 0))
        return self.nobody.getsockname()[1]


def answers(request) -> bytes:
    """An authorization server that knows one client, one secret and two scopes."""
    credentials = base64.b64decode(request.values(b"authorization")[0].split()[1]).decode()
    if credentials != f"mobile_android:{SECRET}":
        return http_json(401, {"error": "invalid_client", "error_description": f"not {credentials}"})
    scope = re.search(rb"scope=([^&]*)", request.body)
    if scope is not None and scope[1] not in {b"customers.read", b"orders.read"}:
        return http_json(400, {"error": "invalid_scope"})
    return http_json(200, {"access_token": "access_token_1", "token_type": "Bearer", "expires_in": 3600})


@asynccontextmanager
async def staged(folder: Path, outage: Outage) -> AsyncIterator[tuple[RunningGateway, Stage]]:
    """Run everything, with the outage in place."""
    authority = Authority.make(folder / "authority")
    certificate = outage.certificate(authority) if outage.certificate else authority.leaf("127.0.0.1")
    (folder / "secret").write_text(SECRET)
    async with (
        authority_server(outage, authority) as server,
        serving(outage.upstream, server_context(certificate) if outage.certificate else None) as upstream,
    ):
        stage = Stage(folder, authority, server, upstream)
        outage.prepare(stage)
        scheme = "https" if outage.certificate else "http"
        client = {
            "token_endpoint": f"{server.origin}/token",
            "client_id": "mobile_android",
            "client_secret": "${file:secret}",
            "scope": "customers.read",
        }
        route = {"path": "/crm", "upstream": f"{scheme}://127.0.0.1:{upstream}", "client": "crm"}
        document = {"clients": {"crm": client | stage.client}, "routes": [route | stage.route]}
        async with running(folder, document) as child:
            if stage.strike is not None:
                await until(lambda: json_of(child, "/clients")["clients"][0]["has_token"])
                stage.strike()
            with stage.nobody:
                yield child, stage


@asynccontextmanager
async def authority_server(outage: Outage, authority: Authority) -> AsyncIterator[FakeAuthorizationServer]:
    tls = server_context(authority.leaf("127.0.0.1")) if outage.has_tls else None
    async with authorization_server(tls) as server:
        server.reply = answers
        yield server


# ── looking ───────────────────────────────────────────────────────────────────────────────────────


def fetched(child: RunningGateway, path: str) -> str:
    with urllib.request.urlopen(f"http://{child.admin}{path}", timeout=WAIT_S) as answer:
        return answer.read().decode()


def json_of(child: RunningGateway, path: str):
    return json.loads(fetched(child, path))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


async def called(child: RunningGateway) -> None:
    """Somebody uses the route; what they are answered is not looked at."""

    def call() -> None:
        try:
            urllib.request.urlopen(f"http://{child.address}/crm/users", timeout=WAIT_S).close()
        except urllib.error.HTTPError as error:
            error.close()

    await asyncio.to_thread(call)


def in_log(line: str) -> Fault:
    record = json.loads(line)
    assert record["level"] == "warning"
    return Fault(record["side"], record["cause"], record["key"])


def in_metrics(text: str) -> list[Fault]:
    found = []
    for line in re.findall(r"^gateway_\w+_trouble\{(.*)\} 1\.0$", text, re.MULTILINE):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        found.append(Fault(labels["side"].replace("_", " "), labels["cause"], labels["key"]))
    return found


def in_clients(child: RunningGateway) -> list[Fault]:
    (client,) = json_of(child, "/clients")["clients"]
    files = [Fault(each["side"], each["cause"], each["key"]) for each in client["file_troubles"]]
    return [Fault(client["last_side"], client["last_cause"], client["last_key"]), *files]


def in_routes(child: RunningGateway) -> list[Fault]:
    (route,) = json_of(child, "/routes")["routes"]
    last = route["last_error"]
    return [Fault(last["side"], last["cause"], last["key"])] if last else []


# ── the outages ───────────────────────────────────────────────────────────────────────────────────


async def well(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="well")


async def refusing(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})


def nothing(_: Stage) -> None: ...


def down(stage: Stage) -> None:
    stage.client["token_endpoint"] = f"http://127.0.0.1:{stage.port_of_nobody()}/token"


def unresolved(stage: Stage) -> None:
    stage.client["token_endpoint"] = "https://login.invalid/token"


def wrong_secret(stage: Stage) -> None:
    (stage.folder / "secret").write_text("the-wrong-secret-of-crm")


def refused_scope(stage: Stage) -> None:
    stage.client["scope"] = "everything.write"


def upstream_down(stage: Stage) -> None:
    stage.route["upstream"] = f"http://127.0.0.1:{stage.port_of_nobody()}"


def trusted(stage: Stage) -> None:
    stage.route["tls"] = {"ca": stage.authority.ca_file}


def secret_gone(stage: Stage) -> None:
    stage.strike = (stage.folder / "secret").unlink


def ca_missing(stage: Stage) -> None:
    stage.client["tls"] = {"ca": "no-such-bundle.pem"}


@dataclass(frozen=True, slots=True)
class Outage:
    """One way to be woken at 3 a.m.

    Attributes:
        prepare: what is wrong.
        fault: what must be told.
        page: where it is seen.
        is_called: it shows only when somebody uses the route.
        certificate: of an upstream with TLS.
    """

    prepare: Callable[[Stage], None]
    fault: Fault
    page: Callable[[RunningGateway], list[Fault]] = in_clients
    is_called: bool = False
    has_tls: bool = False
    upstream: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = well
    certificate: Callable[[Authority], object] | None = None


SERVER, UPSTREAM, OURS = "authorization server", "upstream", "gateway"
OUTAGES = {
    "the authorization server is down": Outage(
        down, Fault(SERVER, "connection_refused", "clients.crm.token_endpoint")
    ),
    "its name does not resolve": Outage(
        unresolved, Fault(SERVER, "name_unresolved", "clients.crm.token_endpoint")
    ),
    "its authority is unknown": Outage(
        nothing, Fault(SERVER, "unknown_authority", "clients.crm.tls.ca"), has_tls=True
    ),
    "the secret is wrong": Outage(
        wrong_secret, Fault(SERVER, "credentials_refused", "clients.crm.client_secret")
    ),
    "the scope is refused": Outage(refused_scope, Fault(SERVER, "scope_refused", "clients.crm.scope")),
    "the upstream is down": Outage(
        upstream_down, Fault(UPSTREAM, "connection_refused", "routes[0].upstream"), in_routes, is_called=True
    ),
    "its certificate has expired": Outage(
        trusted,
        Fault(UPSTREAM, "certificate_expired", "routes[0].upstream"),
        in_routes,
        is_called=True,
        certificate=lambda authority: authority.leaf("127.0.0.1", days=-1),
    ),
    "its certificate is for another name": Outage(
        trusted,
        Fault(UPSTREAM, "certificate_of_other_name", "routes[0].tls.server_name"),
        in_routes,
        is_called=True,
        certificate=lambda authority: authority.leaf("crm.example.com"),
    ),
    "it refuses living tokens": Outage(
        nothing,
        Fault(UPSTREAM, "tokens_refused", "clients.crm.scope, clients.crm.audience"),
        in_routes,
        is_called=True,
        upstream=refusing,
    ),
    "the file of the secret is gone": Outage(
        secret_gone, Fault(OURS, "file_unusable", "clients.crm.client_secret")
    ),
    "the file of authorities is missing": Outage(
        ca_missing, Fault(OURS, "file_unusable", "clients.crm.tls.ca"), has_tls=True
    ),
}


@pytest.mark.parametrize("name", OUTAGES)
async def test_side_cause_and_key_are_named_in_log_metrics_and_admin_pages(tmp_path, name):
    outage = OUTAGES[name]
    async with staged(tmp_path, outage) as (child, _):
        if outage.is_called:
            await until(lambda: json_of(child, "/clients")["clients"][0]["has_token"])
            await called(child)
        line = await child.until_told(f'"cause": "{outage.fault.cause}"')
        metrics = await asyncio.to_thread(fetched, child, "/metrics")
        shown = await asyncio.to_thread(outage.page, child)
        everything = f"{child.told}{metrics}{shown}"

    assert in_log(line) == outage.fault
    assert outage.fault in in_metrics(metrics)
    assert outage.fault in shown
    assert SECRET not in everything
    assert "access_token_1" not in everything


@pytest.mark.parametrize("name", ["the upstream is down", "the file of the secret is gone"])
async def test_what_was_repaired_is_told_as_that(tmp_path, name):
    """Who repairs something sees in the same three places that it is over."""
    async with staged(tmp_path, OUTAGES[name]) as (child, stage):
        if name == "the upstream is down":
            port = int(json_of(child, "/routes")["routes"][0]["upstream"].rpartition(":")[2])
            await called(child)
            await child.until_told('"cause": "connection_refused"')
            stage.nobody.close()
            server = await asyncio.start_server(_well, "127.0.0.1", port)
            await called(child)
            assert "answers again" in await child.until_told('"logger": "gateway.route"')
            assert json_of(child, "/routes")["routes"][0]["last_error"]["is_over"]
            server.close()
        else:
            await child.until_told('"cause": "file_unusable"')
            (tmp_path / "secret").write_text(SECRET)
            assert "was read anew" in await child.until_told('"logger": "gateway.file"')
            assert json_of(child, "/clients")["clients"][0]["file_troubles"] == []
            assert in_metrics(fetched(child, "/metrics")) == []


def test_the_documented_outages_are_these():
    """docs/operations.md, "Whose fault is it?"."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| .+ \| (.+) \| `(\w+)` \| `(.+)` \|$", text, re.MULTILINE)
    assert [Fault(*row) for row in rows] == [outage.fault for outage in OUTAGES.values()]


async def _well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()
