"""nginx in front of the gateway: the reverse proxy that most gateways stand behind."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from tests.real.gateways import gateway
from tests.real.nginx import nginx
from tests.real.programs import free_port, needs
from tests.real.upstreams import echo, serving, values

pytestmark = needs("nginx", "nginx-light")

# What nginx does if it is told nothing: HTTP/1.0 and a new connection for each request.
DEFAULT = ""
KEEPALIVE = 'proxy_http_version 1.1; proxy_set_header Connection "";'
MODES = pytest.mark.parametrize("mode", [DEFAULT, KEEPALIVE], ids=["HTTP/1.0", "HTTP/1.1 keep-alive"])

FRONT = """
    upstream gateway {{ server 127.0.0.1:{gateway}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://gateway;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host $http_host;
            {mode}
        }}
        location /streamed {{
            proxy_pass http://gateway;
            proxy_request_buffering off; proxy_buffering off;
            {mode}
        }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A caller, and where nginx is."""

    url: str
    session: aiohttp.ClientSession

    async def ask(self, method: str = "GET", path: str = "/", **options):
        """Give the status and what the echo told."""
        async with self.session.request(method, self.url + path, **options) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def stage(folder, mode, handler=echo, **keys):
    async with serving(handler) as upstream:
        document = {"routes": [{"path": "/", "upstream": f"http://127.0.0.1:{upstream}"}]} | keys
        port = free_port()
        async with (
            gateway(folder, document) as running,
            nginx(folder, FRONT.format(port=port, gateway=running.port, mode=mode), port),
            aiohttp.ClientSession() as session,
        ):
            yield Stage(f"http://127.0.0.1:{port}", session)


@MODES
async def test_a_trusted_nginx_is_believed_what_it_says_of_its_caller(tmp_path, mode):
    async with stage(tmp_path, mode, trusted_proxies=["127.0.0.1/32"]) as on:
        _, told = await on.ask(headers={"Host": "api.example.test"})

    assert [values(told, name) for name in ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")] == [
        ["127.0.0.1, 127.0.0.1"],
        ["https"],
        ["api.example.test"],
    ]


@MODES
async def test_an_nginx_that_is_not_trusted_is_not_believed(tmp_path, mode):
    async with stage(tmp_path, mode) as on:
        _, told = await on.ask(headers={"X-Forwarded-For": "10.0.0.1"})

    assert [values(told, name) for name in ("x-forwarded-for", "x-forwarded-proto")] == [
        ["127.0.0.1"],
        ["http"],
    ]


@MODES
@pytest.mark.parametrize("path", ["/buffered", "/streamed"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_uploads_arrive_whole(tmp_path, mode, path, is_chunked):
    body = hashlib.sha256(b"upload").digest() * 60_000

    async def parts():
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    async with stage(tmp_path, mode) as on:
        status, told = await on.ask("POST", path, data=parts() if is_chunked else io.BytesIO(body))

    assert (200, hashlib.sha256(body).hexdigest()) == (status, told["sha256"])


@MODES
async def test_hundreds_of_requests_at_once_lose_none(tmp_path, mode):
    async with stage(tmp_path, mode) as on:
        asked = (on.ask("PUT", f"/{number}", data=b"x" * number) for number in range(300))
        answers = await asyncio.gather(*asked)

    assert [(status, told["bytes"]) for status, told in answers] == [(200, number) for number in range(300)]


async def stream(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(200):
        await answer.write(b"%06d" % number * 1000)
    return answer


@MODES
@pytest.mark.parametrize("path", ["/buffered", "/streamed"])
async def test_an_answer_without_length_arrives_whole(tmp_path, mode, path):
    async with stage(tmp_path, mode, stream) as on, on.session.get(on.url + path) as answer:
        body = await answer.read()

    assert b"".join(b"%06d" % number * 1000 for number in range(200)) == body


async def stream_and_break(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"x" * 200_000)
    request.transport.close()
    return answer


@MODES
@pytest.mark.parametrize("path", ["/buffered", "/streamed"])
async def test_an_answer_that_breaks_off_does_not_end_cleanly(tmp_path, mode, path):
    """In HTTP/1.0 the end of a body is the end of the connection: only a reset tells that it broke."""
    async with stage(tmp_path, mode, stream_and_break) as on, on.session.get(on.url + path) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


@MODES
async def test_the_gateways_own_errors_pass_nginx(tmp_path, mode):
    routes = [{"path": "/only", "upstream": "http://127.0.0.1:9"}]
    async with stage(tmp_path, mode, routes=routes) as on, on.session.get(on.url) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["type"]) == (404, "urn:gateway:error:no_route")
    assert "destination_not_found" in answer.headers["Proxy-Status"]
