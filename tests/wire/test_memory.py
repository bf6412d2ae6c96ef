"""What a connection holds is bounded, whatever its shape, and so is what all hold together.

Measured when nothing moves any more, in what the gateway's objects hold: the resident memory of a process
would measure malloc's habits too (`bench/shapes.py` does, run by hand). Threat "amplification".
"""

import asyncio
import socket
import sys
from math import inf

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import Timeouts
from gateway.core.settings.sizes import MIB
from gateway.proxy.buffers import Buffers
from gateway.proxy.census import Excess
from gateway.proxy.request_reader import MOST_QUEUED
from tests.wire.messages import request
from tests.wire.rig import Rig

READ = 256_000  # what uvloop reads at once
PATIENT = Timeouts(response_s=60.0, idle_s=60.0)
LONG = "Content-Length: 900000000"
BIG_HEAD = [f"X-{number}: {'v' * 2900}" for number in range(20)]
ODD_HEAD = [b"X-%d: %b" % (number, b"\xff" * 2900) for number in range(20)]


def routes(rig):
    return [rig.route("/", has_token=False, timeouts=PATIENT)]


async def silent(exchange):
    await asyncio.sleep(1000.0)


async def flood(exchange):
    exchange.write(b"HTTP/1.1 200 OK\r\n" + LONG.encode() + b"\r\n\r\n")
    while True:
        await exchange.send(b"x" * 200_000)


async def flood_of_crumbs(exchange):
    exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"2\r\nab\r\n" * 30_000)


CRUMBS = request("POST", "/", "Transfer-Encoding: chunked") + b"2\r\nab\r\n" * 600_000
SHAPES = {
    "slow reader": (flood, request("GET", "/")),
    "crumbs that nobody reads": (flood_of_crumbs, request("GET", "/")),
    "upload that nobody reads": (silent, request("POST", "/", LONG) + b"x" * 8_000_000),
    "upload of crumbs that nobody reads": (silent, CRUMBS),
    "both": (flood, request("POST", "/", LONG) + b"x" * 8_000_000),
    "pipelined heads": (silent, request("GET", "/", *BIG_HEAD) * 60),
    "pipelined heads beyond ASCII": (silent, request("GET", "/", *ODD_HEAD) * 60),
    "pipelined heads of many fields": (silent, request("GET", "/", *(f"a{n}: b" for n in range(120))) * 2000),
    "pipelined small heads": (silent, request("GET", "/") * 20_000),
}


def hostile(rig):
    """A caller whose kernel takes next to nothing for it, and which reads nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    sock.connect_ex((rig.address.host, rig.address.port))
    return sock


async def send_all(sock, data):
    await asyncio.get_running_loop().sock_sendall(sock, data)


def weight(connection):
    """What the objects of a connection weigh that grow with what its caller and its upstream send."""
    payloads = [payload for _, payload in connection._messages]
    messages = [message for message, _ in connection._messages]
    total = connection.held_bytes()
    if connection._call is not None:
        payloads.append(connection._call.payload)
        if connection._call.plain_head is None:
            messages.append(connection._call.message)
        else:
            total += sum(map(sys.getsizeof, connection._call.plain_head.lines))
    for payload in payloads:
        buffer = getattr(payload, "_buffer", ())
        total += sum(map(sys.getsizeof, buffer)) - sum(map(len, buffer)) + 8 * len(buffer)
        total += 40 * len(getattr(payload, "_http_chunk_splits", None) or ())
    for message in messages:
        for name, value in message.raw_headers:
            total += sys.getsizeof(name) + sys.getsizeof(value) + 56
        total += sum(sys.getsizeof(value) + 60 for value in message.headers.values())
    upstream = connection._upstream
    if upstream is not None and upstream.answer is not None:
        total += sum(sys.getsizeof(chunk) - len(chunk) + 8 for chunk in upstream.answer.chunks)
    return total


async def at_rest(rig, claim=lambda: True):
    """Wait until what the connections hold no longer changes."""
    last, same = None, 0
    async with asyncio.timeout(60.0):
        while same < 5 or not claim():
            now = [weight(each) for each in rig.gateway.doors.listeners()[0].connections]
            same = same + 1 if now == last and now else 0
            last = now
            await asyncio.sleep(0.05)
    return last


@pytest.mark.parametrize(("script", "data"), SHAPES.values(), ids=SHAPES)
async def test_a_connection_holds_at_most_a_mebibyte(script, data):
    async with Rig(script, routes=routes) as rig:
        sock = hostile(rig)
        sending = asyncio.create_task(send_all(sock, data))
        await rig.upstream.until(lambda: rig.upstream.requests)
        (held,) = await at_rest(rig)
        (connection,) = rig.gateway.doors.listeners()[0].connections
        queued = len(connection._messages)
        sending.cancel()
        sock.close()
        await rig.upstream.close()

        assert 0 < held <= MIB
        assert queued <= MOST_QUEUED + 1


async def test_the_parts_of_a_replay_are_put_together():
    """Dripped, each byte would cost fifty."""
    async with Rig(silent) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", LONG.replace("900000000", "9000")))
        for number in range(300):
            await caller.send(b"ab")
            await asyncio.sleep(0)
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        (connection,) = rig.gateway.doors.listeners()[0].connections
        async with asyncio.timeout(20.0):
            while connection._call is None or connection._call.body.received_bytes < 600:
                await asyncio.sleep(0.01)

        assert len(connection._call.body._kept) <= 65
        assert b"".join(connection._call.body._kept) == b"ab" * 300
        caller.leave()
        await rig.upstream.close()


async def test_an_upstream_that_sends_informational_answers_without_end_is_502():
    async def informing(exchange):
        while True:
            await exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000)

    async with Rig(informing, routes=routes) as rig:
        answer = await rig.get("/")

        assert (answer.status, answer.code) == (502, "upstream_answer_invalid")
        await rig.upstream.close()


async def test_those_that_are_stuck_longest_make_room_for_the_others():
    limits = Limits(buffers_bytes=1 * MIB)
    async with Rig(flood, routes=routes, limits=limits) as rig:
        census, stuck = rig.gateway.census, []
        for number in range(8):
            stuck.append(hostile(rig))
            await send_all(stuck[-1], request("GET", f"/{number}"))
            await rig.upstream.until(lambda: len(rig.upstream.requests) > len(stuck) - 1)
        async with asyncio.timeout(20.0):
            while not census.refused[Excess.MEMORY]:
                await asyncio.sleep(0.05)
        held = await at_rest(rig)
        closed = [record.path for record in rig.told.records]

        assert sum(held) <= 1 * MIB
        assert closed
        assert sorted(closed) == [f"/{number}" for number in range(len(closed))], "the oldest are closed"
        for sock in stuck:
            sock.close()
        await rig.upstream.close()


async def test_an_upload_that_moves_is_not_closed_for_those_that_are_stuck():
    """Though it began before them, was stuck before them, and waits at this instant."""
    size, part = 32_000_000, 12_000_000  # more than the kernel takes for a gateway that stops
    goes_on, ends = asyncio.Event(), asyncio.Event()

    async def halting_or_flood(exchange):
        if exchange.line.startswith(b"GET"):
            await flood(exchange)
        left = size
        await goes_on.wait()
        while left > size - part:
            left -= len(await exchange.some(READ))
        await ends.wait()
        while left:
            left -= len(await exchange.some(READ))
        exchange.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with Rig(halting_or_flood, routes=routes) as rig:
        listener = rig.gateway.doors.listeners()[0]
        caller = await rig.caller()
        sending = asyncio.create_task(
            caller.send(request("POST", "/up", f"Content-Length: {size}") + bytes(size))
        )
        await rig.upstream.until(lambda: rig.upstream.requests)
        (upload,) = listener.connections
        await is_true(lambda: upload.stuck_since_s() < inf)
        stuck = [hostile(rig) for _ in range(8)]
        for sock in stuck:
            await send_all(sock, request("GET", "/"))
        await at_rest(rig, lambda: sum(each.stuck_since_s() < inf for each in listener.connections) == 9)
        floods = [each for each in listener.connections if each is not upload]
        goes_on.set()
        await is_true(lambda: inf > upload.stuck_since_s() > max(each.stuck_since_s() for each in floods))

        Buffers(upload.held_bytes(), rig.gateway.census).look([listener], rig.gateway._loop.time())
        await is_true(lambda: listener.connections == [upload])
        ends.set()
        assert (await caller.answer("POST")).status == 204
        assert rig.gateway.census.refused[Excess.MEMORY] == len(floods)
        await sending
        for sock in stuck:
            sock.close()
        await rig.upstream.close()


async def is_true(claim):
    async with asyncio.timeout(60.0):
        while not claim():
            await asyncio.sleep(0.005)


async def test_nobody_is_closed_who_takes_what_comes():
    size = 3_000_000

    async def answer(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(30):
            await exchange.send(b"x" * (size // 30))

    async with Rig(answer, routes=routes, limits=Limits(buffers_bytes=8 * MIB)) as rig:
        answers = await asyncio.gather(*(rig.get("/") for _ in range(20)))

        assert [len(each.body) for each in answers] == [size] * 20
        assert not rig.gateway.census.refused[Excess.MEMORY]
