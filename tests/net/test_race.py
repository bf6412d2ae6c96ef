"""Several addresses, one socket: black holes, refusals, cancellation. 127.0.0.0/8 has room for all."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import aiohappyeyeballs
import pytest

from gateway.net.race import DELAY_S, connected

HOLE, WELL, OTHER, NOBODY = "127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.4"


@contextmanager
def black_hole(address, port):
    """Takes no connection and refuses none: its backlog is full."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers that were there
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket(family))
            caller.setblocking(False)
            caller.connect_ex((address, port))
        yield listener


@asynccontextmanager
async def listening(*addresses):
    """A server on one port of each of `addresses`."""
    taken = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), addresses[0], 0)
    port = server.sockets[0].getsockname()[1]
    more = [await asyncio.start_server(lambda _, w: taken.append(w), each, port) for each in addresses[1:]]
    try:
        yield port
    finally:
        for each in (server, *more):
            each.close()
        for writer in taken:
            writer.transport.abort()
        await settle()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


async def reached(addresses, port):
    """Which of them was reached, and how long it took."""
    began_s = time.monotonic()
    sock, address = await connected(addresses, port)
    with sock:
        assert sock.getpeername() == (address, port)
    return address, time.monotonic() - began_s


async def test_the_first_that_answers_is_taken_at_once():
    async with listening(WELL, OTHER) as port:
        address, took_s = await reached([WELL, OTHER], port)
    assert address == WELL
    assert took_s < DELAY_S


async def test_a_refusal_leads_to_the_next_at_once():
    async with listening(WELL) as port:
        address, took_s = await reached([NOBODY, OTHER, WELL], port)
    assert address == WELL
    assert took_s < DELAY_S


async def test_a_black_hole_costs_one_delay_and_its_socket_is_closed():
    async with listening(WELL) as port:
        with black_hole(HOLE, port):
            before = descriptors()
            address, took_s = await reached([HOLE, WELL], port)
            assert descriptors() <= before + 1  # what the server took
    assert address == WELL
    assert took_s >= DELAY_S - 0.01


async def test_where_all_refuse_that_is_told_at_once():
    async with listening(WELL) as port:
        pass
    before = descriptors()
    for addresses in ([WELL], [WELL, OTHER], [OTHER, NOBODY, HOLE]):
        with pytest.raises(OSError) as error:
            await connected(addresses, port)
        assert error.value.errno == errno.ECONNREFUSED
    assert descriptors() == before


REFUSED = "[Errno 111] Connect call failed ('127.0.0.3', 1)"
UNREACHABLE = "[Errno 101] Network is unreachable"
MIXED = [
    (OSError(f"Multiple exceptions: {UNREACHABLE}, {REFUSED}"), errno.ECONNREFUSED),
    (OSError(f"Multiple exceptions: {REFUSED}, {UNREACHABLE}"), errno.ECONNREFUSED),
    (OSError(f"Multiple exceptions: [Errno 99] a, {UNREACHABLE}"), errno.ENETUNREACH),
    (OSError("Multiple exceptions: [Errno 99] a, [Errno 22] b"), 99),
    (OSError("Multiple exceptions: a, b"), None),
    (OSError(errno.ECONNREFUSED, f"Multiple exceptions: {REFUSED}, {REFUSED}"), errno.ECONNREFUSED),
]


@pytest.mark.parametrize(("error", "number"), MIXED)
async def test_where_each_fails_for_another_reason_the_most_telling_one_is_told(monkeypatch, error, number):
    async def fails(*_, **__):
        raise error

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", fails)
    with pytest.raises(OSError) as told:
        await connected([HOLE, WELL], 1)
    assert told.value.errno == number


DELAYS_S = [0.0, 0.001, 0.1, DELAY_S - 0.001, DELAY_S, DELAY_S + 0.001, DELAY_S + 0.005]


@pytest.mark.parametrize("after_s", DELAYS_S)
async def test_a_cancellation_at_any_instant_leaves_no_socket(after_s):
    async with listening(WELL) as port:
        with black_hole(HOLE, port):
            before = descriptors()
            tasks = [asyncio.create_task(connected([HOLE, WELL], port)) for _ in range(5)]
            await asyncio.sleep(after_s)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.result()[0].close()
    await settle()
    assert descriptors() <= before


async def test_a_cancellation_while_the_losers_end_is_not_swallowed(monkeypatch):
    """As the library does it, when it comes while it waits for the sockets that lost."""
    made = []

    async def swallows(*_, **__):
        made.append(socket.socket())
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return made[0]

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", swallows)
    task = asyncio.create_task(connected([HOLE, WELL], 1))
    await asyncio.wait((task,))

    assert task.cancelled()
    assert made[0].fileno() == -1


async def test_a_runtime_error_of_the_loop_is_a_connection_error(monkeypatch):
    async def fails(*_, **__):
        raise RuntimeError("unable to perform operation on a closed handle")

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", fails)
    with pytest.raises(ConnectionError):
        await connected([HOLE, WELL], 1)
