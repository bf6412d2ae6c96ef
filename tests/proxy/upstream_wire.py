"""A connection to an upstream over a real socket, the other end of which is written by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from gateway.core.settings.all_settings import Limits
from gateway.proxy.outgoing.upstream import UpstreamConnection

WAIT_S = 10.0
READ_BYTES = 256_000  # uvloop's
MORE_THAN_THE_KERNEL_HOLDS = 16 * 1024 * 1024
LIMITS = Limits(header_bytes=1024, headers=8)


class Wire:
    """A connection and the upstream at its other end.

    A naive fake would call `data_received` itself: it would never pause, never close and never hand two
    writes over at once, as the kernel does.
    """

    def __init__(self, connection, reader, writer, gone):
        self.connection = connection
        self.reader = reader
        self.writer = writer
        self.gone = gone

    def ask(self, *, is_head=False):
        """Send a whole request."""
        self.connection.begin(is_head=is_head)
        self.connection.write(b"GET / HTTP/1.1\r\n\r\n")
        self.connection.request_is_sent = True

    async def happens(self):
        async with asyncio.timeout(WAIT_S):
            await self.connection.happens()

    async def deliver(self, data):
        """Write what fits into one read, and wait until it was read."""
        happens = self.connection.happens()
        self.writer.write(data)
        async with asyncio.timeout(WAIT_S):
            await happens

    async def deliver_each(self, data):
        """The same byte by byte."""
        for byte in data:
            await self.deliver(bytes([byte]))

    async def close(self, *, reset=False):
        """The upstream goes."""
        happens = self.connection.happens()
        self.writer.transport.abort() if reset else self.writer.close()
        async with asyncio.timeout(WAIT_S):
            while not self.connection.is_gone:
                await happens
                happens = self.connection.happens()

    async def is_closed(self):
        """Whether our side closed, as the upstream sees it."""
        async with asyncio.timeout(WAIT_S):
            try:
                while await self.reader.read(2**16):
                    pass
            except ConnectionError:
                return True
        return True


@asynccontextmanager
async def wire(limits=LIMITS):
    loop = asyncio.get_running_loop()
    accepted = loop.create_future()
    server = await asyncio.start_server(lambda *streams: accepted.set_result(streams), "127.0.0.1", 0)
    gone = []
    _, connection = await loop.create_connection(
        lambda: UpstreamConnection(loop, limits, gone.append), *server.sockets[0].getsockname()
    )
    reader, writer = await accepted
    try:
        yield Wire(connection, reader, writer, gone)
    finally:
        connection.abort()
        writer.transport.abort()
        server.close()
        for _ in range(3):
            await asyncio.sleep(0)
