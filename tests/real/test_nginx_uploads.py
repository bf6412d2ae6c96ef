"""What callers upload reaches nginx whole, and what nginx says before it has it all reaches the caller."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import io

import pytest

from tests.real.gateways import gateway
from tests.real.nginx import nginx
from tests.real.nginx_stage import SERVER, caller, stage
from tests.real.programs import free_port, needs
from tests.real.upstreams import NumberedTokens, echo, serving

pytestmark = needs("nginx", "nginx-light")

PASSES = """
    location /echo {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; {more} }}
"""


@pytest.mark.parametrize(
    "more", ["", "proxy_request_buffering off; proxy_buffering off;"], ids=["buffered", "streamed"]
)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("expects", [False, True], ids=["at once", "invited"])
async def test_uploads_pass_two_proxies_whole(tmp_path, more, is_chunked, expects):
    body = hashlib.sha256(b"upload").digest() * 30_000

    async def parts():
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    async with (
        serving(echo) as port,
        stage(tmp_path, PASSES.format(port=port, more=more)) as on,
        on.session.post(on.url("/echo"), data=parts() if is_chunked else body, expect100=expects) as answer,
    ):
        told = await answer.json()

    assert (200, hashlib.sha256(body).hexdigest()) == (answer.status, told["sha256"])


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_a_body_that_nginx_finds_too_large_is_answered_413(tmp_path, is_chunked):
    """nginx answers and closes while the body is still coming; the answer must not be lost."""

    async def parts():
        for _ in range(64):
            yield b"x" * 65_536

    async with serving(echo) as port, stage(tmp_path, PASSES.format(port=port, more="")) as on:
        body = parts() if is_chunked else io.BytesIO(b"x" * 64 * 65_536)
        status, _, page = await on.send("POST", "/echo", data=body)

    assert (status, b"413 Request Entity Too Large" in page) == (413, True)


def send_all_then_read(port: int, body: bytes) -> int:
    """http.client looks for an answer only when the last byte of the body is out."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/echo", body)
        return connection.getresponse().status
    finally:
        connection.close()


async def test_a_caller_that_sends_all_before_it_reads_gets_the_413_too(tmp_path):
    body = bytes(16 * 1024 * 1024)
    async with serving(echo) as port, stage(tmp_path, PASSES.format(port=port, more="")) as on:
        assert await asyncio.to_thread(send_all_then_read, on.gateway.port, body) == 413


WANTS_SECOND_TOKEN = """
    location = /api {{
        if ($http_authorization != "Bearer access_token_2") {{ return 401 "no"; }}
        proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1;
    }}
"""


@pytest.mark.parametrize(("length", "status"), [(65_536, 200), (65_537, 401), (900_000, 401)])
async def test_a_refused_token_is_replaced_and_what_can_be_replayed_is(tmp_path, length, status):
    body = hashlib.sha256(b"replay").digest() * 30_000
    crm = {"client_id": "mobile_android", "client_secret": "a-secret-of-ours"}
    async with serving(echo) as echo_port, serving(NumberedTokens()) as token_port:
        crm["token_endpoint"] = f"http://127.0.0.1:{token_port}/token"
        port = free_port()
        settings = SERVER.format(port=port, root=tmp_path, more=WANTS_SECOND_TOKEN.format(port=echo_port))
        routes = [{"path": "/", "upstream": f"http://127.0.0.1:{port}", "client": "crm"}]
        async with (
            nginx(tmp_path, settings, port),
            gateway(tmp_path, {"clients": {"crm": crm}, "routes": routes}) as running,
            caller() as session,
        ):
            await running.has_got("crm", 1)
            async with session.post(running.url + "/api", data=body[:length]) as first:
                told = await first.read()
            await running.has_got("crm", 2)
            async with session.post(running.url + "/api", data=body) as second:
                assert second.status == 200

    assert status == first.status
    assert (hashlib.sha256(body[:length]).hexdigest().encode() in told) == (status == 200)
