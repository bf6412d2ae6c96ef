"""The caller leaves: at every stage the exchange ends with it, and what others need goes on."""

import asyncio

import pytest

from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from tests.wire.messages import ok, request
from tests.wire.rig import Rig
from tests.wire.servers import full_backlog


async def told_gone(rig):
    """The one record of a caller who left."""
    await rig.told.until(lambda: rig.told.records)
    record = rig.told.records[-1]
    assert (record.status, record.error) == (499, "caller_gone")
    return record


async def hang(exchange):
    await exchange.gone()


async def test_a_caller_who_leaves_while_the_upstream_thinks_ends_the_exchange():
    async with Rig(hang) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        caller.leave()
        await rig.upstream.until(lambda: not rig.upstream.open)

        record = await told_gone(rig)
        assert record.upstream_status == 0


async def test_a_caller_who_leaves_while_connecting_ends_the_attempt():
    with full_backlog() as port:
        settings = UpstreamSettings(Scheme.HTTP, "127.0.0.1", port)
        routes = lambda rig: [rig.route(upstream=settings, timeouts=Timeouts(connect_s=30.0))]  # noqa: E731
        async with Rig(routes=routes) as rig:
            caller = await rig.caller()
            await caller.send(request("GET", "/"))
            await asyncio.sleep(0.05)
            caller.leave()

            await told_gone(rig)


async def test_a_caller_who_leaves_while_waiting_for_a_token_leaves_the_token_request_alone():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        leaving, staying = await rig.caller(), await rig.caller()
        await leaving.send(request("GET", "/leaving"))
        await staying.send(request("GET", "/staying"))
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        leaving.leave()
        await told_gone(rig)
        rig.authorization_server.gate.set()

        assert (await staying.answer()).status == 200
        assert [each.target for each in rig.upstream.requests] == [b"/staying"]
        assert len(rig.authorization_server.requests) == 1


async def test_when_everybody_leaves_the_token_request_still_ends_in_a_token():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.gate.clear()
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.authorization_server.until(lambda: rig.authorization_server.requests)
        caller.leave()
        await told_gone(rig)
        rig.authorization_server.gate.set()
        await rig.told.until(lambda: rig.told.obtained)

        assert (await rig.get()).status == 200
        assert len(rig.authorization_server.requests) == 1


async def test_a_caller_who_leaves_in_the_middle_of_an_upload_ends_the_exchange():
    """The upstream must see a broken request, not a short one that ended."""
    ended_cleanly = []

    async def read(exchange):
        await exchange.body()
        ended_cleanly.append(exchange)

    async with Rig(read) as rig:
        for framing in ("Content-Length: 100", "Transfer-Encoding: chunked"):
            caller = await rig.caller()
            await caller.send(request("POST", "/", framing) + b"5\r\nhello\r\n")
            await rig.upstream.until(lambda: rig.upstream.open)
            caller.leave()
            await rig.upstream.until(lambda: not rig.upstream.open)

        await rig.told.until(lambda: len(rig.told.records) == 2)
        assert ended_cleanly == []


async def test_a_caller_who_closes_in_the_middle_of_an_upload_ends_the_exchange():
    """A FIN instead of a reset: what came before it is still no whole request."""
    async with Rig() as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        await rig.upstream.until(lambda: rig.upstream.requests)
        await caller.close()
        await rig.upstream.until(lambda: not rig.upstream.open)

        assert not rig.upstream.requests[0].raw_body
        await told_gone(rig)


async def test_a_caller_who_leaves_in_the_middle_of_a_download_ends_the_exchange():
    async def endless(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"5\r\nhello\r\n")
            await asyncio.sleep(0.001)

    async with Rig(endless) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await caller.head()
        caller.leave()
        await rig.upstream.until(lambda: not rig.upstream.open)

        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].error == "caller_gone"
        assert rig.told.records[0].upstream_status == 200


async def test_a_caller_who_leaves_while_nobody_reads_ends_the_exchange():
    """The gateway is stuck in writing; the end of the connection must wake it."""

    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(500):
            await exchange.send(b"x" * 100_000)

    async with Rig(flood) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await caller.head()
        await asyncio.sleep(0.1)
        caller.leave()
        await rig.upstream.until(lambda: not rig.upstream.open)

        await rig.told.until(lambda: rig.told.records)


@pytest.mark.time_lapse
async def test_a_caller_who_leaves_during_a_recovery_leaves_the_others_theirs():
    async with Rig() as rig:
        rig.upstream.demand("token_2")
        leaving, staying = await rig.caller(), await rig.caller()
        await leaving.send(request("GET", "/leaving"))
        await staying.send(request("GET", "/staying"))
        await rig.told.until(lambda: rig.told.rejected)
        await rig.upstream.until(lambda: len(rig.upstream.requests) == 2)
        leaving.leave()

        assert (await staying.answer()).status == 200
        assert rig.authorization_server.granted == 2
        assert (rig.upstream.tokens[2:], rig.upstream.requests[-1].target) == (["token_2"], b"/staying")


async def test_pipelined_requests_of_a_caller_who_left_are_not_sent():
    async with Rig(hang) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/") * 20)
        await rig.upstream.until(lambda: rig.upstream.requests)
        caller.leave()
        await rig.upstream.until(lambda: not rig.upstream.open)
        await told_gone(rig)

        assert len(rig.upstream.requests) == 1


async def test_a_connection_that_its_caller_left_is_not_used_for_another():
    """The first answer arrives late: on a connection used again, the second caller would get it."""

    async def handler(exchange):
        if exchange.target == b"/left":
            await late.wait()
            exchange.write(ok(b"of the caller who left"))
        else:
            exchange.write(ok(b"mine"))

    late = asyncio.Event()
    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/left"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        caller.leave()
        await told_gone(rig)
        late.set()

        assert [(await rig.get("/mine")).body for _ in range(3)] == [b"mine"] * 3
