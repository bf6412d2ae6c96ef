"""`python -m bench.shapes`: resident memory of the gateway for each connection of a hostile shape.

Run by hand; needs nothing but Python. For each shape a gateway of its own is started, `--callers` connections
take it, and what the process has grown by is divided by their number. malloc's habits are in it: the bytes
that the gateway holds itself are bounded by `tests/wire/test_memory.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

HOST = b"Host: 127.0.0.1\r\n"
LENGTH = b"Content-Length: 900000000\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CRUMBS = b"2\r\nab\r\n" * 20_000
BIG = b"".join(b"X-%d: %b\r\n" % (number, b"v" * 2900) for number in range(20))
ODD = b"".join(b"X-%d: %b\r\n" % (number, b"\xff" * 2900) for number in range(20))
MANY = b"".join(b"a%d: b\r\n" % number for number in range(120))
READ = b"x" * 500_000
SECONDS = 3.0


def _get(target: bytes, fields: bytes = b"") -> bytes:
    return b"GET /" + target + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n"


def _post(target: bytes, fields: bytes) -> bytes:
    return b"POST /" + target + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n"


SHAPES: dict[str, tuple[bytes, bytes]] = {  # what is sent first, and then again and again
    "slow reader": (_get(b"flood"), b""),
    "crumbs that nobody reads": (_get(b"crumbs"), b""),
    "pipelined heads of 60 KiB": (b"", _get(b"silent", BIG)),
    "the same beyond ASCII": (b"", _get(b"silent", ODD)),
    "pipelined heads of 120 fields": (b"", _get(b"silent", MANY) * 100),
    "pipelined small heads": (b"", _get(b"silent") * 1000),
    "upload of crumbs": (_post(b"silent", CHUNKED), CRUMBS),
    "upload that nobody reads": (_post(b"silent", LENGTH), READ),
    "nobody reads anything": (_post(b"flood", LENGTH), READ),
    "one head without end": (b"GET / HTTP/1.1\r\n" + HOST, b"X: " + b"v" * 60_000 + b"\r\n"),
}
ANSWERS = {
    b"/flood": (b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n", READ),
    b"/crumbs": (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n", CRUMBS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a line for each shape, and return 0."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.shapes", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--callers", type=int, default=30)
    options = parser.parse_args(arguments)
    asyncio.run(_measure(options.callers))
    return 0


async def _measure(callers: int) -> None:
    upstream = await asyncio.start_server(_answer, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        config = _config(folder, port, upstream.sockets[0].getsockname()[1])
        for name, (first, then) in SHAPES.items():
            grown = await _grown(config, port, callers, lambda sock, f=first, t=then: _send(sock, f, t))  # type: ignore[misc]
            sys.stdout.write(f"{name:32} {grown / callers / 1024:8.0f} KiB\n")
    upstream.close()


def _config(folder: str, port: int, upstream: int) -> Path:
    config = Path(folder, "gateway.yaml")
    route = f'{{path: /, upstream: "http://127.0.0.1:{upstream}"}}'
    config.write_text(
        f"listen: 127.0.0.1:{port}\nadmin: off\nlog: {{access: off}}\nroutes:\n  - {route}\n",
        encoding="utf-8",
    )
    return config


async def _grown(
    config: Path, port: int, callers: int, shape: Callable[[socket.socket], Awaitable[None]]
) -> int:
    command = (sys.executable, "-m", "gateway", "run", "-c", str(config))
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        (await _connected(port)).close()
        await asyncio.sleep(0.5)
        before = _rss(child.pid)
        sockets = [await _connected(port) for _ in range(callers)]
        await asyncio.gather(*map(shape, sockets))
        await asyncio.sleep(0.5)
        grown = _rss(child.pid) - before
        for each in sockets:
            each.close()
        return grown
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait)


async def _send(sock: socket.socket, first: bytes, then: bytes) -> None:
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(SECONDS):
            await loop.sock_sendall(sock, first)
            while then:
                await loop.sock_sendall(sock, then)
            await asyncio.sleep(SECONDS)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        first, then = ANSWERS.get(target, (b"", b""))
        writer.write(first)
        while then:
            writer.write(then)
            await writer.drain()
        await asyncio.sleep(60.0)
    writer.close()


async def _connected(port: int) -> socket.socket:
    async with asyncio.timeout(20.0):
        while True:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            with suppress(ConnectionError):
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
                return sock
            sock.close()
            await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _rss(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    sys.exit(main())
