"""HAProxy in front of the gateway, with health checks, connection reuse and no buffering of bodies."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.real.gateways import gateway
from tests.real.programs import find, free_port, needs, running
from tests.real.upstreams import echo, serving, until, values

pytestmark = needs("haproxy", "haproxy")

SETTINGS = """\
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    option forwardfor
    option http-keep-alive
    http-reuse always
frontend callers
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-Proto https
    default_backend gateways
backend gateways
    option httpchk GET /readyz
    server only 127.0.0.1:{gateway} check port {admin} inter 100ms
"""


@asynccontextmanager
async def stage(folder, **keys):
    port = free_port()
    async with serving(echo) as upstream:
        document = {
            "admin": "127.0.0.1:0",
            "routes": [{"path": "/", "upstream": f"http://127.0.0.1:{upstream}"}],
            "trusted_proxies": ["127.0.0.1/32"],
        } | keys
        async with gateway(folder, document) as behind:
            settings = folder / "haproxy.cfg"
            settings.write_text(
                SETTINGS.format(port=port, gateway=behind.port, admin=behind.gateway.admin_address.port)
            )
            command = [find("haproxy", "haproxy"), "-db", "-f", settings]
            async with running(command, folder / "haproxy.log", port), aiohttp.ClientSession() as session:
                yield f"http://127.0.0.1:{port}", session


async def test_haproxy_is_believed_and_its_check_passes(tmp_path):
    async with stage(tmp_path) as (url, session), session.get(url + "/users?a=b") as answer:
        told = await answer.json()

    assert (
        told["target"],
        values(told, "x-forwarded-for"),
        values(told, "x-forwarded-proto"),
    ) == ("/users?a=b", ["127.0.0.1, 127.0.0.1"], ["https"])


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_uploads_at_once_arrive_whole(tmp_path, is_chunked):
    body = hashlib.sha256(b"upload").digest() * 10_000

    async def parts():
        for start in range(0, len(body), 70_000):
            yield body[start : start + 70_000]

    async with stage(tmp_path) as (url, session):

        async def upload():
            async with session.post(url, data=parts() if is_chunked else io.BytesIO(body)) as answer:
                return (await answer.json())["sha256"]

        told = await asyncio.gather(*(upload() for _ in range(50)))

    assert {hashlib.sha256(body).hexdigest()} == set(told)


async def test_a_gateway_without_its_token_gets_no_callers(tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    crm = {"token_endpoint": nowhere + "/token", "client_id": "x", "client_secret": "a-secret-of-ours"}
    routes = [{"path": "/", "upstream": nowhere, "client": "crm"}]
    async with stage(tmp_path, clients={"crm": crm}, routes=routes) as (url, session):

        async def is_taken_out():
            async with session.get(url) as answer:
                return answer.status == 503 and b"No server is available" in await answer.read()

        await until(is_taken_out)
