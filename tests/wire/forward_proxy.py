"""A forward proxy that knows CONNECT alone and keeps what it was sent, byte by byte.

It hides nothing that a gateway could trip over: it answers in pieces, says what a test wants instead, and
leads to the upstream only by its own table of names.
"""

from __future__ import annotations

import asyncio
from typing import Self

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"


class FakeForwardProxy:
    """Leads every tunnel to `to_port` on this machine; if that is 0, to the port that was asked for.

    Attributes:
        heads: the requests that came.
        answer: what it says to each; it leads on only if that is a success.
    """

    def __init__(self, answer: bytes = ESTABLISHED, *, is_silent: bool = False) -> None:
        self.heads: list[bytes] = []
        self.answer = answer
        self.to_port = 0
        self.port = 0
        self._is_silent = is_silent
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        self._writers.append(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        if self._is_silent:
            await reader.read()
            writer.close()
            return
        for byte in (self.answer[:1], self.answer[1:]):
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(0)
        if self.answer != ESTABLISHED:
            writer.close()
            return
        port = self.to_port or int(self.heads[-1].split(b" ")[1].rpartition(b":")[2])
        behind, ahead = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(ahead)
        await asyncio.gather(_pump(reader, ahead), _pump(behind, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()
