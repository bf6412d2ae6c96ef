"""How fast bytes go between the gateway and an upstream, over a real socket."""

import asyncio

import pytest

from gateway.core.errors import UpstreamClosed
from gateway.proxy.outgoing.upstream_flow import HIGH_WATER_BYTES, MOST_PARTS
from tests.proxy.upstream_wire import MORE_THAN_THE_KERNEL_HOLDS, READ_BYTES, WAIT_S, wire


async def test_reading_pauses_until_the_parts_are_taken():
    """More than the kernel holds by itself: it arrives whole only if reading goes on after a pause."""
    size = MORE_THAN_THE_KERNEL_HOLDS
    async with wire() as at:
        at.ask()
        at.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await at.happens()
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
    assert HIGH_WATER_BYTES < most <= HIGH_WATER_BYTES + READ_BYTES


async def test_many_small_parts_are_put_together():
    """Each costs fifty bytes more than its own; an upstream that sends one by one is not to multiply them."""
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            await at.deliver(b"2\r\nab\r\n" * 1000)

        assert len(at.connection.answer.chunks) <= MOST_PARTS
        assert b"".join(at.connection.take()) == b"ab" * 5000


async def test_writing_waits_for_an_upstream_that_does_not_read():
    size = MORE_THAN_THE_KERNEL_HOLDS
    async with wire() as at:
        at.connection.begin(is_head=False)
        at.connection.write(bytes(size))
        assert at.connection.writing_paused
        draining = asyncio.ensure_future(at.connection.drain())
        await asyncio.sleep(0)
        assert not draining.done()

        async with asyncio.timeout(WAIT_S):
            await at.reader.readexactly(size)
            await draining
        assert not at.connection.writing_paused


async def test_who_waits_to_write_is_woken_when_the_upstream_goes():
    async with wire() as at:
        at.connection.begin(is_head=False)
        at.connection.write(bytes(MORE_THAN_THE_KERNEL_HOLDS))
        draining = asyncio.ensure_future(at.connection.drain())
        await at.close(reset=True)

        async with asyncio.timeout(WAIT_S):
            await draining
        with pytest.raises(UpstreamClosed):
            at.connection.check()
