"""Channels between processes: in order, whole, with descriptors, and never waiting."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.core.crew.packet_form import encoded
from gateway.core.crew.records import Ping, Remember, Want
from gateway.crew import packets
from gateway.crew.channel import Channel


class End:
    """One end, which remembers what came."""

    def __init__(self, sock):
        self.got = []
        self.has_ended = asyncio.Event()
        self.came = asyncio.Event()
        self.sockets = []
        self.channel = Channel(sock, asyncio.get_running_loop(), self._took, self.has_ended.set)

    def _took(self, received):
        self.got.append(received.record)
        self.sockets += received.take()
        self.came.set()

    async def until(self, count):
        async with asyncio.timeout(10):
            while len(self.got) < count:
                self.came.clear()
                await self.came.wait()


@pytest.fixture
async def ends():
    left, right = map(End, packets.pair())
    yield left, right
    left.channel.close()
    right.channel.close()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_records_arrive_in_order(ends):
    left, right = ends
    for number in range(200):
        left.channel.send(Want(number))
    await right.until(200)
    assert right.got == [Want(number) for number in range(200)]


async def test_whoever_does_not_read_stops_nobody_and_gets_everything_later():
    """The buffer of a socket holds a few hundred packets."""
    near, far = packets.pair()
    left = End(near)
    for number in range(5000):
        left.channel.send(Want(number))
    right = End(far)
    await right.until(5000)
    assert right.got[-1] == Want(4999)
    left.channel.close()
    right.channel.close()


async def test_a_long_record_arrives_whole(ends):
    left, right = ends
    before = descriptors()
    record = Remember("x" * 3_000_000)
    left.channel.send(Want(1))
    left.channel.send(record)
    left.channel.send(Want(2))
    await right.until(3)
    assert right.got == [Want(1), record, Want(2)]
    assert descriptors() == before


async def test_a_socket_travels_beside_a_record(ends):
    left, right = ends
    one, other = socket.socketpair()
    left.channel.send(Ping(), [one.fileno()])
    one.close()
    await right.until(1)
    (taken,) = right.sockets
    taken.send(b"here")
    assert other.recv(10) == b"here"
    taken.close()
    other.close()


async def test_descriptors_that_nobody_takes_are_closed():
    near, far = packets.pair()
    got = asyncio.Event()
    channel = Channel(far, asyncio.get_running_loop(), lambda _: got.set())
    before = descriptors()
    packets.send(near, Ping(), [near.fileno(), far.fileno()])
    await got.wait()
    assert descriptors() == before
    channel.close()
    near.close()


async def test_the_end_of_one_is_told_to_the_other_once(ends):
    left, right = ends
    left.channel.close()
    async with asyncio.timeout(10):
        await right.has_ended.wait()
    right.channel.send(Ping())
    assert not right.channel.is_open


async def test_whoever_sends_nonsense_is_believed_no_more():
    near, far = packets.pair()
    right = End(far)
    near.send(encoded(Ping()))
    near.send(b"nonsense")
    near.send(encoded(Ping()))
    async with asyncio.timeout(10):
        await right.has_ended.wait()
    assert right.got == [Ping()]
    near.close()
