"""A caller who writes bytes and reads answers, one at a time."""

from __future__ import annotations

import asyncio
import ssl as tls
from contextlib import suppress

from gateway.core.settings.listener_settings import Address
from tests.wire.messages import (
    HEAD_LIMIT,
    Answer,
    Broken,
    Head,
    check_answer_head,
    read_chunked,
    read_head,
    read_length,
    read_until_close,
)

WAIT_S = 100.0  # of which a time-lapse loop makes ten


class RawCaller:
    """One connection to the gateway.

    A naive caller reads until the connection closes, and so cannot tell an answer that ended from one that
    was cut off, nor two answers from one; this one reads an answer by its framing and fails on anything else.
    While nobody reads, it takes about 128 KiB and then leaves the gateway's bytes in the kernel.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(
        cls, address: Address, ssl: tls.SSLContext | None = None, source: str | None = None
    ) -> RawCaller:
        if address.path is not None:
            return cls(*await asyncio.open_unix_connection(address.path))
        name = "localhost" if ssl is not None else None
        local = (source, 0) if source is not None else None
        return cls(
            *await asyncio.open_connection(
                address.host,
                address.port,
                limit=HEAD_LIMIT // 64,
                ssl=ssl,
                server_hostname=name,
                local_addr=local,
            )
        )

    def write(self, data: bytes) -> None:
        """Write without waiting for the gateway to take it, unless the connection is over."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def send(self, data: bytes) -> None:
        """Write and wait until the kernel took it; that the gateway has closed shows when reading."""
        self.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def ask(self, data: bytes) -> Answer:
        """Write a request and read its answer."""
        await self.send(data)
        return await self.answer(data.partition(b" ")[0].decode("latin-1"))

    async def answer(self, method: str = "GET") -> Answer:
        """Read one answer, with the informational ones before it.

        Raises:
            Broken: it is not whole. Nothing: there is none.
        """
        async with asyncio.timeout(WAIT_S):
            interim = []
            while (head := await self.head()).line.startswith(b"HTTP/1.1 1"):
                interim.append(head)
            return await self.body_of(head, method, interim)

    async def head(self) -> Head:
        """Read the head of one answer, also of an informational one."""
        head = await read_head(self.reader)
        check_answer_head(head)
        return head

    async def body_of(self, head: Head, method: str = "GET", interim: list[Head] | None = None) -> Answer:
        """Read the body that belongs to a head."""
        interim = interim or []
        status = int(head.line.split(b" ")[1])
        if method == "HEAD" or status in (204, 304):
            return Answer(head, b"", "none", [], interim)
        if head.value("Transfer-Encoding") is not None:
            assert head.value("Transfer-Encoding") == b"chunked"
            content, trailers, _ = await read_chunked(self.reader)
            return Answer(head, content, "chunked", trailers, interim)
        length = head.value("Content-Length")
        if length is not None:
            return Answer(head, await read_length(self.reader, int(length)), "length", [], interim)
        return Answer(head, await read_until_close(self.reader), "close", [], interim)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, which must come; a reset is an end too."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await read_until_close(self.reader)
            except Broken as error:
                return error.received

    def end_writing(self) -> None:
        self.writer.write_eof()

    def leave(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(Exception):
            await self.writer.wait_closed()
