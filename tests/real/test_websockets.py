"""WebSocket between programs that nobody here wrote: PyPI's websockets, and npm's ws.

What they send is what a browser sends: masked, deflated, in fragments, with pings in between. A second part
writes frames by hand, the odd ones above all (RFC 6455 section 5), to the echo server directly and through the
gateway: no case may differ by a byte.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from tests.real.gateways import gateway
from tests.real.oidc_provider import FOLDER
from tests.real.programs import find

MIB = 1024 * 1024
MOST_S = 20.0
MASK = b"\x11\x22\x33\x44"


async def echo(socket):
    """What it gets, back; at some paths something else."""
    match socket.request.path:
        case "/close":
            await socket.close(4001, "of its own accord")
        case "/cut":
            socket.transport.abort()
        case _:
            try:
                async for message in socket:
                    await socket.send(message)
            except ConnectionClosed:
                pass


@asynccontextmanager
async def of_python():
    async with serve(echo, "127.0.0.1", 0, max_size=64 * MIB) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def of_node(folder):
    process = subprocess.Popen(
        [find("node", "nodejs"), "ws_echo.mjs"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(await asyncio.to_thread(process.stdout.readline))
    finally:
        process.stdin.close()
        await asyncio.to_thread(process.wait, MOST_S)
        process.stdout.close()


@pytest.fixture(params=["python", "node"])
async def ports(request, tmp_path):
    """The port of an echo server, and that of a gateway in front of it."""
    if request.param == "node":
        request.getfixturevalue("oidc_folder")
    async with of_python() if request.param == "python" else of_node(FOLDER) as upstream:
        routes = [{"path": "/", "upstream": f"http://127.0.0.1:{upstream}"}]
        async with gateway(tmp_path, {"routes": routes}) as running:
            yield upstream, running.port


def caller(port, path="/", **options):
    return connect(f"ws://127.0.0.1:{port}{path}", max_size=64 * MIB, proxy=None, **options)


MESSAGES = {
    "empty": "",
    "text": "grüße, 世界",
    "125": b"a" * 125,
    "126": b"a" * 126,
    "65535": os.urandom(65535),
    "65536": os.urandom(65536),
    "large": os.urandom(5 * MIB),
    "large and alike": "x" * (8 * MIB),
}


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_of_every_size_come_back(ports, compression):
    async with asyncio.timeout(MOST_S), caller(ports[1], compression=compression) as socket:
        for name, message in MESSAGES.items():
            await socket.send(message)
            assert await socket.recv() == message, name
        has_deflate = "permessage-deflate" in socket.response.headers.get("Sec-WebSocket-Extensions", "")
        assert has_deflate is (compression is not None)


async def test_fragments_with_a_ping_between_come_back_as_one_message(ports):
    async with asyncio.timeout(MOST_S), caller(ports[1]) as socket:

        async def parts():
            for part in ("one", "two", "three"):
                yield part
                await (await socket.ping())

        await socket.send(parts())
        assert await socket.recv() == "onetwothree"


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "tab closed"), (4999, "é" * 50)])
async def test_a_close_of_the_caller_comes_back_with_its_code(ports, code, reason):
    async with asyncio.timeout(MOST_S), caller(ports[1]) as socket:
        await socket.close(code, reason)
        assert (socket.close_code, socket.close_reason) == (code, reason)


async def test_a_close_of_the_upstream_arrives_with_its_code_and_reason(ports):
    async with asyncio.timeout(MOST_S), caller(ports[1], "/close") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (4001, "of its own accord")


async def test_an_upstream_that_is_cut_shows_no_close(ports):
    async with asyncio.timeout(MOST_S), caller(ports[1], "/cut") as socket:
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
        assert socket.close_code == 1006


async def test_many_at_once_get_what_is_theirs(ports):
    async def one(number):
        async with caller(ports[1]) as socket:
            for turn in range(10):
                await socket.send(f"{number}:{turn}" * 1000)
                assert await socket.recv() == f"{number}:{turn}" * 1000

    async with asyncio.timeout(MOST_S):
        await asyncio.gather(*map(one, range(20)))


# ── frames by hand ────────────────────────────────────────────────────────────────────────────────


def frame(opcode, payload=b"", *, fin=True, rsv=0, masked=True, long=False):
    """A frame as a caller sends it; `long`: its length takes more bytes than it needs."""
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size > 65535 or long:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    elif size > 125:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | size])
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def close(code=1000, reason=b""):
    return frame(8, code.to_bytes(2, "big") + reason)


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BYE = close()
CASES = (
    {f"text of {size}": frame(TEXT, b"a" * size) + BYE for size in (0, 1, 125, 126, 127, 65535, 65536)}
    | {f"binary of {size}": frame(BINARY, b"\xfe" * size) + BYE for size in (0, 125, 126, 65535, 65536)}
    | {f"ping of {size}": frame(PING, b"p" * size) + BYE for size in (0, 1, 125, 126)}
    | {f"reserved opcode {opcode}": frame(opcode, b"x") + BYE for opcode in (3, 4, 5, 6, 7, 11, 13, 15)}
    | {f"reserved bits {rsv}": frame(TEXT, b"x", rsv=rsv) + BYE for rsv in range(1, 8)}
    | {f"close with {code}": close(code) for code in (0, 999, 1000, 1001, 1003, 1004, 1005, 1006, 1007)}
    | {f"close with {code}": close(code) for code in (1011, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65535)}
    | {f"pings, {n} of them": n * frame(PING, b"%d" % n) + BYE for n in (2, 10)}
    | {
        "unsolicited pong": frame(PONG, b"x") + frame(TEXT, b"then") + BYE,
        "two fragments": frame(TEXT, b"a", fin=False) + frame(0, b"b") + BYE,
        "ping between fragments": frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b") + BYE,
        "close between fragments": frame(TEXT, b"a", fin=False) + BYE,
        "fragmented ping": frame(PING, b"p", fin=False) + frame(0, b"q") + BYE,
        "continuation of nothing": frame(0, b"x") + BYE,
        "text inside text": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b") + BYE,
        "empty fragments": frame(TEXT, b"", fin=False) + frame(0) + BYE,
        "invalid UTF-8": frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80") + BYE,
        "UTF-8 split between fragments": frame(TEXT, b"\xce", fin=False) + frame(0, b"\xba") + BYE,
        "half a character": frame(TEXT, b"\xce") + BYE,
        "close without a code": frame(CLOSE),
        "close of one byte": frame(CLOSE, b"\x03"),
        "close with invalid UTF-8": close(1000, b"\xff\xfe"),
        "close of 126": close(1000, b"r" * 124),
        "close with a reason": close(1000, b"r" * 123),
        "frames behind a close": BYE + frame(TEXT, b"late") + frame(PING),
        "two closes": BYE + BYE,
        "unmasked": frame(TEXT, b"x", masked=False) + BYE,
        "a length that is longer than it must be": frame(TEXT, b"x", long=True) + BYE,
        "a length with its first bit set": b"\x82\xff" + b"\xff" * 8 + MASK + b"x",
        "no frame at all": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    }
)
OFFER = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def answered(port, data, piece):
    """What comes back for these frames, up to the end of the connection, and how that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(OFFER)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        for start in range(0, len(data), piece):
            if writer.transport.is_closing():
                break
            writer.write(data[start : start + piece])
            if piece < len(data):
                await asyncio.sleep(0)
        got = b""
        try:
            while part := await reader.read(MIB):
                got += part
        except ConnectionError:
            pass  # a reset instead of an end is the kernel's choice, where bytes were left unread
        return got
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("is_chopped", [False, True], ids=["whole", "byte by byte"])
async def test_no_case_differs_through_the_gateway(ports, is_chopped):
    """Each must end alike. What needs no Python 2, as the Autobahn suite does, and cuts frames anywhere."""
    different = {}
    async with asyncio.timeout(3 * MOST_S):
        for name, data in CASES.items():
            if is_chopped and len(data) > 2000:
                continue
            piece = 1 if is_chopped else len(data)
            for _ in range(4):  # a reset may overtake what was sent before it, here as there
                direct, through = [await answered(port, data, piece) for port in ports]
                if direct == through:
                    break
            else:
                different[name] = (direct[:80], through[:80])

    assert different == {}
