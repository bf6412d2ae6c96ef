"""The servers behind the gateway, as raw sockets; the authorization server is in a module of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from tests.wire.messages import HEAD_LIMIT, Broken, Head, ok, read_chunked, read_head, read_length

WAIT_S = 100.0  # of which a time-lapse loop makes ten
BACKLOG = 1024  # whoever finds the queue full waits for a second, or three


class Changes:
    """Lets tests wait for a claim instead of sleeping; whoever changes something says `changed`."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def changed(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, claim: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not claim():
                await self._event.wait()


class Exchange:
    """One request as a server got it, and the way back.

    Attributes:
        connection: 1 for the first connection of the server, and so on.
        content, raw_body, trailers: of the body, once it was read; `raw_body` only where it was chunked.
        has_body: whether all of it was read, or there is none.
    """

    def __init__(
        self, head: Head, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.head = head
        self.connection = connection
        self.content = b""
        self.raw_body = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.has_body = not (head.value("Transfer-Encoding") or int(head.value("Content-Length") or 0))
        self._reader = reader
        self._writer = writer

    @property
    def line(self) -> bytes:
        return self.head.line

    @property
    def target(self) -> bytes:
        return self.head.line.split(b" ")[1]

    @property
    def token(self) -> str:
        """The token that came, or an empty text; two ``Authorization`` fields fail the test."""
        value = self.head.value("Authorization") or b""
        return value.removeprefix(b"Bearer ").decode("latin-1")

    async def body(self) -> bytes:
        """Read the rest of the request, once."""
        if self.has_body:
            return self.content
        if self.head.value("Transfer-Encoding") is not None:
            assert self.head.value("Content-Length") is None
            self.content, self.trailers, self.raw_body = await read_chunked(self._reader)
        else:
            self.content = await read_length(self._reader, int(self.head.value("Content-Length") or 0))
        self.has_body = True
        return self.content

    async def some(self, most: int = 1 << 16) -> bytes:
        """Whatever comes next, unframed; nothing when the other side is gone."""
        try:
            return await self._reader.read(most)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        # uvloop raises RuntimeError on a transport that was closed in this round of the loop.
        if self._writer.transport.is_closing():
            raise ConnectionResetError("the other side is gone")
        self._writer.write(data)

    async def send(self, data: bytes) -> None:
        self.write(data)
        await self._writer.drain()

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        while await self.some():
            pass

    def end_writing(self) -> None:
        """Show that nothing more comes, and go on reading."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Close with RST, as a process that dies with unread bytes does."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Handler = Callable[[Exchange], Awaitable[None]]
Script = bytes | Handler | Sequence[bytes | Handler]


class FakeServer(Changes):
    """Takes connections and answers each request as its script says, recording the raw bytes.

    A naive fake parses requests with a library and answers after the last byte: it would hide how a
    request was framed, on which connection it came, what came before it was refused, and everything that
    depends on when an answer starts. Here a handler gets the request as soon as its head is there, reads
    the body if it likes, and writes any bytes at any time.

    Attributes:
        script: bytes or a handler for every request, or a sequence with one entry for each; the last stays.
        requests: all exchanges, in the order of their heads.
        junk: what came behind the last whole request of a connection.
        faults: what a handler raised; the rig fails with it.
    """

    def __init__(self, script: Script | None = None) -> None:
        super().__init__()
        self.script: Script = ok() if script is None else script
        self.requests: list[Exchange] = []
        self.connections = 0
        self.open = 0
        self.junk = b""
        self.faults: list[BaseException] = []
        self.port = 0
        self.path: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(
        self, ssl: tls.SSLContext | None = None, path: str | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.path = path
        if path is not None:
            self._server = await asyncio.start_unix_server(self._accept, path, limit=HEAD_LIMIT)
            return
        self._server = await asyncio.start_server(
            self._accept, host, self.port, ssl=ssl, limit=HEAD_LIMIT // 32, backlog=BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop and end every connection; `start` begins anew on the same port."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def tokens(self) -> list[str]:
        """Which token each request carried."""
        return [exchange.token for exchange in self.requests]

    @property
    def saw_nothing(self) -> bool:
        return not self.requests and not self.junk

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.faults.append(fault)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        self.changed()
        try:
            while True:
                await self._serve_one(number, reader, writer)
        except Broken as error:
            self.junk += error.received
        except (ConnectionError, tls.SSLError):
            pass
        finally:
            self.open -= 1
            self.changed()
            writer.close()
            with suppress(Exception):
                await writer.wait_closed()

    async def _serve_one(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        exchange = Exchange(await read_head(reader), number, reader, writer)
        self.requests.append(exchange)
        self.changed()
        step = self._step(len(self.requests))
        if callable(step):
            await step(exchange)
        else:
            await exchange.body()
            exchange.write(step)
        await exchange.body()
        self.changed()

    def _step(self, number: int) -> bytes | Handler:
        if isinstance(self.script, bytes) or callable(self.script):
            return self.script
        return self.script[min(number, len(self.script)) - 1]


class FakeUpstream(FakeServer):
    """The upstream; see `FakeServer`."""

    def demand(self, *tokens: str, refusal: bytes | None = None) -> None:
        """From now on answer 401 to every request without one of these tokens."""
        refused = ok(b"no", status="401 Unauthorized") if refusal is None else refusal

        async def guard(exchange: Exchange) -> None:
            await exchange.body()
            exchange.write(ok() if exchange.token in tokens else refused)

        self.script = guard


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listening socket whose queue is full: a handshake with it never ends."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port


async def stands_still(count: Callable[[], int]) -> int:
    """Wait until `count` no longer grows, and give it."""
    last = -1
    while last != (now := count()):
        last = now
        await asyncio.sleep(0.2)
    return last
