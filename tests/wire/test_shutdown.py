"""The end: nothing new is taken, what runs may finish within the grace, and nothing is left."""

import asyncio

import pytest

from tests.wire.caller import RawCaller
from tests.wire.messages import Broken, Nothing, ok, request
from tests.wire.rig import Rig


async def slow(exchange):
    await exchange.body()
    await asyncio.sleep(0.2)
    exchange.write(ok(b"finished"))


async def test_a_request_that_runs_is_finished():
    async with Rig(slow) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        closing = asyncio.create_task(rig.gateway.close(5.0))
        answer = await caller.answer()
        await closing

        assert (answer.status, answer.body) == (200, b"finished")
        assert await caller.rest() == b""


async def test_a_download_that_runs_is_finished():
    async def drip(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for byte in b"hello":
            await asyncio.sleep(0.03)
            await exchange.send(bytes([byte]))

    async with Rig(drip) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        head = await caller.head()
        closing = asyncio.create_task(rig.gateway.close(5.0))

        assert (await caller.body_of(head)).body == b"hello"
        await closing


async def test_an_upload_that_runs_is_finished():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 6") + b"abc")
        await rig.upstream.until(lambda: rig.upstream.requests)
        closing = asyncio.create_task(rig.gateway.close(5.0))
        await asyncio.sleep(0.05)
        answer = await caller.ask(b"def")
        await closing

        assert answer.status == 200
        assert rig.upstream.requests[0].content == b"abcdef"


async def test_an_idle_connection_is_closed_at_once():
    async with Rig() as rig:
        idle = await rig.caller()
        assert (await idle.ask(request("GET", "/"))).status == 200
        fresh = await rig.caller()
        async with asyncio.timeout(2.0):
            await rig.gateway.close(30.0)
            assert await idle.rest() == b""
            assert await fresh.rest() == b""


async def test_a_new_connection_is_refused():
    async with Rig() as rig:
        await rig.gateway.close(0.0)

        with pytest.raises((ConnectionError, Broken)):
            await (await RawCaller.connect(rig.address)).ask(request("GET", "/"))


async def test_what_takes_longer_than_the_grace_is_cut_off():
    async def hang(exchange):
        await exchange.gone()

    async with Rig(hang) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        async with asyncio.timeout(3.0):
            await rig.gateway.close(0.2)
        with pytest.raises(Nothing):
            await caller.answer()
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_a_half_sent_head_does_not_hold_the_end_up():
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(b"GET / HTTP/1.1\r\nHo")
        await asyncio.sleep(0.02)
        async with asyncio.timeout(2.0):
            await rig.gateway.close(30.0)


async def test_a_token_request_that_runs_does_not_hold_the_end_up():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        async with asyncio.timeout(3.0):
            await rig.gateway.close(0.1)


async def test_closing_twice_is_no_fault():
    async with Rig() as rig:
        await rig.gateway.close(0.0)
        await rig.gateway.close(0.0)
