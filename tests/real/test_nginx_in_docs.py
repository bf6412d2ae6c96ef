"""nginx and `gateway.yaml` as `docs/operations.md` has them: only addresses, files and the upstream are replaced."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.config import load
from tests.docs.pages import ROOT, blocks
from tests.real.gateways import Running, gateway_of
from tests.real.nginx import nginx
from tests.real.programs import free_port, needs
from tests.real.upstreams import NumberedTokens, echo, serving, values
from tests.wire.rig import Told

pytestmark = needs("nginx", "nginx-light")

PAGE = ROOT / "docs" / "operations.md"
(BLOCK,) = (block.text for block in blocks(PAGE, "nginx"))
(CONFIGURATION,) = (block.text for block in blocks(PAGE, "yaml") if "trusted_proxies" in block.text)
SOCKET = "/run/gateway/gateway.sock"
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;proto=gopher",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A caller of nginx, and what the gateway told of its requests."""

    url: str
    session: aiohttp.ClientSession
    told: Told
    socket: Path
    running: Running

    async def ask(self, **headers: str):
        """Give the status and what the upstream got."""
        headers = {"Host": "crm.example.com"} | {
            name.replace("_", "-"): each for name, each in headers.items()
        }
        async with self.session.get(f"{self.url}/crm/users", headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
def folder():
    """A short one, for the sake of the socket's path."""
    path = Path(tempfile.mkdtemp())
    yield path
    shutil.rmtree(path)


def group() -> str:
    return grp.getgrgid(os.getgid()).gr_name


@asynccontextmanager
async def stage(folder: Path, authority, *, over: str) -> AsyncIterator[Stage]:
    """What the page says; `over` is the way between nginx and the gateway: ``unix`` or ``tcp``."""
    port, told = free_port(), Told()
    async with serving(NumberedTokens()) as issuer, serving(echo) as upstream:
        text = CONFIGURATION.replace("https://login.example.com", f"http://127.0.0.1:{issuer}")
        text = text.replace("https://api.example.com", f"http://127.0.0.1:{upstream}")
        text = text.replace("www-data", group()).replace(SOCKET, f"{folder}/gateway.sock")
        text += "admin: off\nlog: {access: off}\n"
        if over == "tcp":
            text = re.sub(r"listen: .*", "listen: 127.0.0.1:0", text).replace("[unix]", "[127.0.0.1]")
            text = text.replace("path: /crm,", "path: /crm, host: crm.example.com,")
        file = folder / "gateway.yaml"
        file.write_text(text)
        async with gateway_of(load(file, {"CRM_SECRET": "s3cr3t"}), told) as running:
            await told.until(lambda: told.obtained)
            address = running.gateway.addresses[0]
            server = f"unix:{address.path}" if over == "unix" else str(address)
            pair = authority.server
            http = BLOCK.replace(f"unix:{SOCKET}", server).replace("listen 443", f"listen 127.0.0.1:{port}")
            for name, own in (("pem", pair.certificate), ("key", pair.key)):
                http = http.replace(f"/etc/nginx/crm.{name}", str(own))
            async with nginx(folder, http, port), authority.caller() as session:
                yield Stage(f"https://127.0.0.1:{port}", session, told, folder / "gateway.sock", running)


@pytest.mark.parametrize("over", ["unix", "tcp"])
async def test_the_caller_its_scheme_and_its_host_arrive_and_no_forgery_does(folder, authority, over):
    async with stage(folder, authority, over=over) as on:
        status, told = await on.ask(**FORGED)

    assert status == 200
    hops = ["127.0.0.1"] if over == "unix" else ["127.0.0.1, 127.0.0.1"]
    assert values(told, "x-forwarded-for") == hops
    assert values(told, "x-forwarded-proto") == ["https"]
    assert values(told, "x-forwarded-host") == ["crm.example.com"]
    assert values(told, "x-forwarded-port") == [on.url.rpartition(":")[2]]
    assert values(told, "x-real-ip") == ["127.0.0.1"]
    assert values(told, "forwarded") == []
    assert values(told, "authorization") == ["Bearer access_token_1"]
    assert "6.6.6.6" not in json.dumps(told)
    (record,) = on.told.records
    assert (record.caller, record.forwarded_for) == ("unix" if over == "unix" else "127.0.0.1", "127.0.0.1")


async def test_the_socket_is_for_the_group_and_is_gone_afterwards(folder, authority):
    async with stage(folder, authority, over="unix") as on:
        found = on.socket.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert found.st_gid == os.getgid()

    assert not on.socket.exists()


async def test_connections_are_kept(folder, authority):
    async with stage(folder, authority, over="unix") as on:
        for _ in range(20):
            assert (await on.ask())[0] == 200
            assert on.running.gateway.metrics.gauges.connections().open == 1
        asked = await asyncio.gather(*(on.ask() for _ in range(50)))

    assert {status for status, _ in asked} == {200}


async def test_what_the_page_warns_of_is_so(folder, authority, monkeypatch):
    """With `$proxy_add_x_forwarded_for` a caller chooses the first address of the list."""
    careless = BLOCK.replace("X-Forwarded-For   $remote_addr", "X-Forwarded-For $proxy_add_x_forwarded_for")
    assert careless != BLOCK
    monkeypatch.setattr("tests.real.test_nginx_in_docs.BLOCK", careless)
    async with stage(folder, authority, over="unix") as on:
        _, told = await on.ask(**FORGED)

    assert values(told, "x-forwarded-for") == ["6.6.6.6, 127.0.0.1"]
