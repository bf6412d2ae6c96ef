"""A connection to an upstream over TLS: long answers, and the memory that they are decrypted into."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import ssl
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import UpstreamAnswerIncomplete
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.sizes import MIB
from gateway.proxy.outgoing.tls_upstream import LongAnswer, TlsUpstreamConnection
from gateway.proxy.outgoing.upstream_flow import HIGH_WATER_BYTES
from tests.proxy.upstream_wire import MORE_THAN_THE_KERNEL_HOLDS, WAIT_S, Wire
from tests.wire.certificates import Authority, server_context

LONG_BYTES = 3 * MIB
READ_BYTES = 256 * 1024  # uvloop's
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def at(authority):
    async with tls_wire(authority) as made:
        yield made


@asynccontextmanager
async def tls_wire(authority):
    loop = asyncio.get_running_loop()
    accepted = loop.create_future()
    server = await asyncio.start_server(
        lambda *streams: accepted.set_result(streams),
        "127.0.0.1",
        0,
        ssl=server_context(authority.leaf("localhost")),
    )
    gone = []
    _, connection = await loop.create_connection(
        lambda: TlsUpstreamConnection(loop, Limits(), gone.append),
        *server.sockets[0].getsockname(),
        ssl=ssl.create_default_context(cafile=authority.ca_file),
        server_hostname="localhost",
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


def content(seed, size=LONG_BYTES):
    """Bytes that are nowhere like those of another place, nor like those of another seed."""
    return random.Random(seed).randbytes(size)


def in_chunks(body):
    """The body framed in chunks of odd sizes."""
    sizes = [1, 70_001, 16_384, 300_007]
    start, out = 0, []
    while start < len(body):
        part = body[start : start + sizes[len(out) % len(sizes)]]
        out.append(b"%x\r\n%b\r\n" % (len(part), part))
        start += len(part)
    return b"".join((*out, b"0\r\n\r\n"))


def with_length(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(body):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(body)


async def taken(at):
    """All parts of the answer, each kept as it came."""
    parts = []
    async with asyncio.timeout(WAIT_S):
        while not at.connection.answer.is_complete:
            parts += at.connection.take()
            await at.connection.happens()
            at.connection.check()
    return [*parts, *at.connection.take()]


def receiver(at):
    return at.connection.transport.get_protocol()


@pytest.mark.parametrize("framed", [with_length, chunked])
async def test_long_answers_come_whole_one_after_the_other(at, framed):
    for seed in range(3):
        at.ask()
        at.writer.write(framed(content(seed)))

        assert b"".join(await taken(at)) == content(seed)
        assert at.connection.end()


@pytest.mark.parametrize("framed", [with_length, chunked])
async def test_what_is_kept_of_an_answer_never_changes(at, framed):
    """A caller may take it as late as it likes, also after the connection has served another."""
    kept = []
    for seed in range(3):
        at.ask()
        at.writer.write(framed(content(seed)))
        kept.append(await taken(at))
        at.connection.end()

    assert [b"".join(parts) for parts in kept] == [content(seed) for seed in range(3)]


async def test_the_memory_serves_again_once_nobody_looks_at_it(at):
    at.ask()
    at.writer.write(with_length(content(1, MORE_THAN_THE_KERNEL_HOLDS)))
    received, memories = 0, {}
    async with asyncio.timeout(WAIT_S):
        while not at.connection.answer.is_complete:
            await at.connection.happens()
            if isinstance(receiver(at), LongAnswer):
                memories[id(receiver(at).memory)] = receiver(at).memory
            received += sum(map(len, at.connection.take()))

    assert received + sum(map(len, at.connection.take())) == MORE_THAN_THE_KERNEL_HOLDS
    assert len(memories) < 10, "some, for it grows; a hundred if each read had its own"


async def test_the_memory_goes_with_its_answer(at):
    at.ask()
    at.writer.write(with_length(content(1)))
    await at.happens()
    while not isinstance(receiver(at), LongAnswer):
        at.connection.take()
        await at.happens()
    await taken(at)
    at.connection.end()

    assert receiver(at) is at.connection
    assert at.connection.held_bytes() == 0
    at.ask()
    await at.deliver(SHORT)
    assert b"".join(at.connection.take()) == b"hello"
    assert receiver(at) is at.connection
    assert at.connection.end()


async def test_what_stands_behind_a_long_answer_reaches_nobody(at):
    at.ask()
    at.writer.write(with_length(content(1)) + SHORT)

    assert b"".join(await taken(at)) == content(1)
    assert not at.connection.end()
    assert await at.is_closed()


async def test_reading_pauses_until_the_parts_are_taken(at):
    size = MORE_THAN_THE_KERNEL_HOLDS
    at.ask()
    at.writer.write(with_length(content(1, size)))
    received = most = 0
    async with asyncio.timeout(WAIT_S):
        while not at.connection.answer.is_complete:
            for _ in range(50):  # a slow reader: whatever the loop can read meanwhile, it reads
                await asyncio.sleep(0)
            most = max(most, at.connection.buffered_bytes)
            received += sum(map(len, at.connection.take()))
            if not at.connection.answer.is_complete and not at.connection.answer.chunks:
                await at.connection.happens()
    received += sum(map(len, at.connection.take()))

    assert received == size
    assert HIGH_WATER_BYTES < most <= HIGH_WATER_BYTES + READ_BYTES + 32 * 1024


async def test_a_little_does_not_keep_the_memory(at):
    at.ask()
    at.writer.write(with_length(content(1))[:-1000])
    parts, received = [], 0
    async with asyncio.timeout(WAIT_S):
        while received < LONG_BYTES - 1000:
            await at.connection.happens()
            parts = at.connection.take()
            received += sum(map(len, parts))
    del parts
    assert isinstance(receiver(at), LongAnswer)
    memories = []
    for start in range(LONG_BYTES - 1000, LONG_BYTES - 100, 100):
        await at.deliver(content(1)[start : start + 100])
        memories.append(receiver(at).memory)

    assert {type(part) for part in at.connection.answer.chunks} == {bytes}
    assert all(each is memories[0] for each in memories)
    assert b"".join(at.connection.take()) == content(1)[-1000:-100]


async def test_what_waits_is_all_that_is_held(at):
    """Were the memory kept beside copies of a little, a stuck connection would hold twice as much."""
    body = content(1)
    at.ask()
    at.writer.write(with_length(body)[:-400_000])
    parts, received = [], 0
    async with asyncio.timeout(WAIT_S):
        while received < LONG_BYTES - 400_000:
            await at.connection.happens()
            parts = at.connection.take()
            received += sum(map(len, parts))
        del parts
        assert isinstance(receiver(at), LongAnswer)
        while not at.connection.is_stuck:
            start = received + at.connection.buffered_bytes
            await at.deliver(body[start : start + 10_000])

    assert len(receiver(at).memory) == 0
    assert b"".join(at.connection.take()) == body[received : start + 10_000]


async def test_what_waits_undecrypted_outlives_the_end_of_the_connection(at):
    """uvloop drops it if it reads the end before it decrypts: the end alone is left to be read here."""
    body = content(1, HIGH_WATER_BYTES + 1 + 40_000)
    at.ask()
    at.writer.write(with_length(body)[:-40_000])
    while not at.connection.is_stuck:
        await at.happens()
    at.writer.write(body[-40_000:])
    async with asyncio.timeout(WAIT_S):
        while at.connection.transport.get_read_buffer_size() < 40_000:
            await asyncio.sleep(0)
    end_of_sending(at.writer)

    assert b"".join(await taken(at)) == body


def end_of_sending(writer):
    """End the sending half below TLS; what was written is sent by now."""
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as plain:
        plain.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_long_answer_that_stops_is_incomplete(at, reset):
    at.ask()
    at.writer.write(with_length(content(1))[:-1])
    async with asyncio.timeout(WAIT_S):
        while not isinstance(receiver(at), LongAnswer):
            await at.connection.happens()
            at.connection.take()
        happens = at.connection.happens()
        at.writer.transport.abort() if reset else at.writer.close()
        while not at.connection.is_gone:
            await happens
            at.connection.take()
            happens = at.connection.happens()

    with pytest.raises(UpstreamAnswerIncomplete):
        at.connection.check()
    assert at.gone == [at.connection]


async def test_a_request_goes_on_while_a_long_answer_comes(at):
    """An early answer: who waits to send more is woken all the same."""
    size = MORE_THAN_THE_KERNEL_HOLDS
    at.connection.begin(is_head=False)
    at.connection.write(b"POST / HTTP/1.1\r\n\r\n")
    at.writer.write(with_length(content(1))[:-1])
    async with asyncio.timeout(WAIT_S):
        while not isinstance(receiver(at), LongAnswer):
            await at.connection.happens()
            at.connection.take()
        at.connection.write(bytes(size - 1))  # which the transport below holds
        at.connection.write(b"x")
        assert at.connection.writing_paused
        draining = asyncio.ensure_future(at.connection.drain())
        await at.reader.readuntil(b"\r\n\r\n")
        await at.reader.readexactly(size)
        await draining

    assert not at.connection.writing_paused
