"""Callers of the standard library and of aiohttp, and the standard library's own server as upstream."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import io
import json
import sys
import urllib.request
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.real.gateways import Running, gateway, gateway_with_token
from tests.real.programs import ended
from tests.real.upstreams import echo, values


@pytest.fixture
async def running(tmp_path):
    async with gateway_with_token(tmp_path, echo) as running:
        yield running


def body_of(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest() * (number * 300)


async def parts_of(body: bytes):
    for start in range(0, len(body), 40_000):
        yield body[start : start + 40_000]


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("expects", [False, True], ids=["at once", "invited"])
async def test_a_hundred_uploads_at_once_arrive_whole(running: Running, is_chunked, expects):
    async with aiohttp.ClientSession() as session:

        async def upload(number):
            body = body_of(number)
            data = parts_of(body) if is_chunked else io.BytesIO(body)
            async with session.post(f"{running.url}/{number}", data=data, expect100=expects) as answer:
                told = await answer.json()
            return (told["target"], told["bytes"], told["sha256"], values(told, "authorization"))

        told = await asyncio.gather(*(upload(number) for number in range(100)))

    assert told == [
        (
            f"/{number}",
            len(body_of(number)),
            hashlib.sha256(body_of(number)).hexdigest(),
            ["Bearer access_token_1"],
        )
        for number in range(100)
    ]


def in_turn(port: int) -> list[object]:
    """One connection of http.client: every method, bodies by length and in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    seen: list[object] = []
    for method, body in [
        ("GET", None),
        ("HEAD", None),
        ("POST", b"x" * 70_000),
        ("DELETE", None),
        ("PUT", b""),
    ]:
        connection.request(method, "/users", body)
        answer = connection.getresponse()
        told = answer.read()
        seen.append((answer.status, json.loads(told)["bytes"] if told else None))
    connection.request("POST", "/users", iter([b"a" * 10, b"b" * 100_000]), encode_chunked=True)
    seen.append(json.loads(connection.getresponse().read())["bytes"])
    connection.close()
    return seen


async def test_one_connection_of_http_client_serves_every_method(running: Running):
    seen = await asyncio.to_thread(in_turn, running.port)

    assert seen == [(200, 0), (200, None), (200, 70_000), (200, 0), (200, 0), 100_010]


async def test_urllib_gets_an_answer(running: Running):
    def ask():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(running.url + "/users", data=b"a=b", timeout=10) as answer:
            return json.load(answer)["bytes"]

    assert await asyncio.to_thread(ask) == 3


async def test_cookies_redirects_and_packing_stay_the_callers_business(tmp_path):
    async def upstream(request):
        if request.path == "/login":
            answer = web.Response(status=303, headers={"Location": "/home"})
            answer.set_cookie("session", "of-caller")
            return answer
        answer = web.json_response({"cookie": request.headers.get("Cookie"), "path": request.path})
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        gateway_with_token(tmp_path, upstream) as running,
        aiohttp.ClientSession(cookie_jar=jar) as session,
        session.post(running.url + "/login", data={"user": "é"}) as answer,
    ):
        told = await answer.json()

    assert (
        told,
        answer.headers["Content-Encoding"],
    ) == ({"cookie": "session=of-caller", "path": "/home"}, "gzip")


async def test_an_answer_can_be_read_while_it_is_made(tmp_path):
    """Each part is made only after the caller has the one before: whoever buffers hangs here."""
    turns = asyncio.Semaphore(1)

    async def upstream(request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(20):
            await turns.acquire()
            await answer.write(b"%d\n" % number)
        return answer

    got = []
    async with (
        asyncio.timeout(10),
        gateway_with_token(tmp_path, upstream) as running,
        aiohttp.ClientSession() as session,
        session.get(running.url) as answer,
    ):
        async for line in answer.content:
            got.append(int(line))
            turns.release()

    assert list(range(20)) == got


async def test_callers_that_leave_leave_the_others_alone(tmp_path):
    left = asyncio.Semaphore(0)

    async def upstream(request):
        if request.path != "/slow":
            return web.Response(text=request.path)
        try:
            await asyncio.Event().wait()
        finally:
            left.release()

    async with gateway_with_token(tmp_path, upstream) as running, aiohttp.ClientSession() as session:

        async def ask(path):
            async with session.get(running.url + path) as answer:
                return await answer.text()

        leaving = [asyncio.create_task(ask("/slow")) for _ in range(20)]
        assert await asyncio.gather(*(ask("/quick") for _ in range(20))) == ["/quick"] * 20
        for task in leaving:
            task.cancel()
        async with asyncio.timeout(10):
            for _ in leaving:
                await left.acquire()
        assert await ask("/quick") == "/quick"


@asynccontextmanager
async def http_server(folder):
    """`python -m http.server`: HTTP/1.0, a connection for each request, a thread for each connection."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        told = await process.stdout.readline()
        yield int(told.split(b" port ")[1].split()[0])
    finally:
        await ended(process)


async def test_an_upstream_that_speaks_http_1_0_is_served_from(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "page").write_bytes(body_of(50))
    async with http_server(root) as port:
        routes = [{"path": "/", "upstream": f"http://127.0.0.1:{port}"}]
        async with gateway(tmp_path, {"routes": routes}) as running, aiohttp.ClientSession() as session:

            async def ask():
                async with session.get(running.url + "/page") as answer:
                    return await answer.read()

            assert {body_of(50)} == set(await asyncio.gather(*(ask() for _ in range(5))))
