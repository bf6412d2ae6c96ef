"""The callers of a soak: most of them stay on their connections, some leave, some never end what they began.

Each kind of request is a function that says what came of it in a word: a status, or how it broke off. The
words that may come are listed beside it, so that anything else is counted as a surprise.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

_PATIENCE_S: Final = 20.0
_UPLOAD: Final = b"u" * (256 * 1024)
_SILENT_S: Final = 5.0
BROKEN: Final = "broken off"
LEFT: Final = "left"
CLOSED: Final = "closed by the gateway"

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Callers:
    """So many connections that stay, and as many of a moment as it takes."""

    def __init__(self, port: int, staying: int) -> None:
        """Connect to the gateway on `port` when first needed."""
        self._port = port
        self._idle: list[_Streams | None] = [None] * staying
        self._tasks: set[asyncio.Task[None]] = set()
        self._kinds = itertools.cycle(_shuffled())
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.skipped = 0

    def send(self) -> None:
        """Send the next request in the background; it is skipped if every caller waits."""
        kind = next(self._kinds)
        if not self._idle:
            self.skipped += 1
            return
        task = asyncio.get_running_loop().create_task(self._send(kind, self._idle.pop(0)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is under way, then hang up."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        for streams in filter(None, self._idle):
            streams[1].close()

    def surprises(self) -> list[str]:
        """Tell what came of requests and should not have."""
        return [
            f"{kind}: {word} ({count} times)"
            for (kind, word), count in sorted(self.outcomes.items())
            if word not in KINDS[kind][2]
        ]

    async def _send(self, kind: str, streams: _Streams | None) -> None:
        act = KINDS[kind][1]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if streams is None or streams[0].at_eof() or streams[1].is_closing():
                    streams = await asyncio.open_connection("127.0.0.1", self._port)
                word = await act(*streams)
        except TimeoutError:
            word = "no answer in time"
        except (OSError, EOFError):
            word = BROKEN
        self.outcomes[kind, word] += 1
        if streams is not None and not word.isdigit():  # anything but a status
            streams[1].close()
            streams = None
        self._idle.append(streams)


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


async def _answer(reader: asyncio.StreamReader, pause_s: float = 0.0) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    left = int(fields[b"content-length"])
    while left:
        await asyncio.sleep(pause_s)
        part = await reader.read(min(left, 1 << 16))
        if not part:
            raise EOFError
        left -= len(part)
    return head.split(b" ")[1].decode()


def _asks(path: str, pause_s: float = 0.0) -> Callable[..., Awaitable[str]]:
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(_get(path))
        return await _answer(reader, pause_s)

    return ask


async def _uploads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(_post("/fine", len(_UPLOAD)) + _UPLOAD)
    await writer.drain()
    return await _answer(reader)


async def _uploads_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"POST /fine HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        writer.write(b"400\r\n" + b"c" * 1024 + b"\r\n")
        await asyncio.sleep(0.01)
    writer.write(b"0\r\n\r\n")
    return await _answer(reader)


async def _leaves(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(_get("/large"))
    await asyncio.sleep(random.uniform(0.0, 0.01))
    writer.transport.abort()
    return LEFT


async def _leaves_an_upload(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(_post("/fine", len(_UPLOAD)) + _UPLOAD[:10_000])
    await asyncio.sleep(random.uniform(0.0, 0.02))
    writer.transport.abort()
    return LEFT


async def _never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Gets an early answer to an upload that it never ends, and stays without a word."""
    writer.write(_post("/early", len(_UPLOAD)) + _UPLOAD[:10_000])
    status = await _answer(reader)
    with contextlib.suppress(OSError):
        async with asyncio.timeout(_SILENT_S):
            while await reader.read(1 << 16):
                pass
    return CLOSED if status == "413" else status


KINDS: Final[dict[str, tuple[int, Callable[..., Awaitable[str]], frozenset[str]]]] = {
    "fine": (60, _asks("/fine"), frozenset({"200"})),
    "no route": (4, _asks("/nowhere"), frozenset({"404"})),
    "large": (3, _asks("/large"), frozenset({"200"})),
    "slow reader": (1, _asks("/large", pause_s=0.05), frozenset({"200"})),
    "upload": (3, _uploads, frozenset({"200"})),
    "chunks": (2, _uploads_chunks, frozenset({"200"})),
    "private": (4, _asks("/private"), frozenset({"401"})),
    "reset": (4, _asks("/reset"), frozenset({"502"})),
    "cut": (4, _asks("/cut"), frozenset({BROKEN})),
    "odd": (2, _asks("/odd"), frozenset({"502"})),
    "early": (3, _never_ends, frozenset({CLOSED})),
    "leaves": (7, _leaves, frozenset({LEFT})),
    "leaves an upload": (3, _leaves_an_upload, frozenset({LEFT})),
}
"""Name -> how many of a hundred, what it does, and what may come of it."""


def _shuffled() -> list[str]:
    names = [name for name, (share, _, _) in KINDS.items() for _ in range(share)]
    random.Random(1).shuffle(names)
    return names
