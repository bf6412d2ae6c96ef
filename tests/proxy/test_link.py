"""A caller's connection as a call sees it: what is fresh on it, and how it is ended."""

import asyncio

import pytest

from gateway.core.errors import CallerGone
from tests.proxy.calls import connection_of, rig
from tests.wire.messages import request


@pytest.mark.parametrize(
    ("data", "is_fresh"),
    [
        (b"", True),
        (request("GET", "/"), True),
        (request("POST", "/", body=b"abc"), True),
        (request("GET", "/")[:-1], False),
        (b"\r\n", False),
        (request("GET", "/") + b"\r\n", False),
        (request("GET", "/") * 2, False),
        (request("GET", "/", "Connection: upgrade", "Upgrade: h2c"), False),
        (b"No colon\r\n\r\n", False),
    ],
)
async def test_only_what_is_surely_between_two_requests_is_fresh(data, is_fresh):
    """Else a plain head could begin in the middle of something that the parser has begun to read."""
    async with rig() as made:
        connection = connection_of(made)
        if data:
            connection.data_received(data)

        assert connection.is_fresh is is_fresh


@pytest.mark.parametrize("cut", [1, 20, len(request("GET", "/")) - 1])
async def test_what_waits_in_the_parser_may_be_the_beginning_of_a_head(cut):
    """Nothing tells how much of it there is: what comes next is not looked at as if it began a request."""
    async with rig() as made:
        connection = connection_of(made)
        connection.data_received(request("GET", "/") + request("GET", "/")[:cut])
        connection._next_call()

        assert not (connection._messages or connection._rest_bytes or connection.is_fresh)


async def test_nobody_can_be_written_to_who_has_left():
    async with rig() as made:
        connection = connection_of(made)
        connection.transport = None
        with pytest.raises(CallerGone):
            connection.write(b"x")
        with pytest.raises(CallerGone):
            connection.write_parts([b"x"])
        with pytest.raises(CallerGone):
            await connection.drain(1.0)


@pytest.mark.parametrize(
    ("shows_its_end", "is_stuck", "end"),
    [(True, False, "closed"), (False, False, "aborted"), (True, True, "aborted")],
)
async def test_an_answer_is_broken_off_so_that_its_end_shows(shows_its_end, is_stuck, end):
    async with rig() as made:
        connection = connection_of(made)
        transport = connection.transport
        if is_stuck:
            connection.pause_writing()
        connection.break_off(shows_its_end=shows_its_end)

        assert transport.end == end


@pytest.mark.parametrize(("taken", "end"), [(0, "aborted"), (1, "")])
async def test_a_caller_that_takes_some_of_what_was_written_has_more_time(taken, end):
    async with rig() as made:
        connection = connection_of(made)
        transport = connection.transport
        connection.pause_writing()
        transport.unsent = 1000
        draining = asyncio.create_task(connection.drain(5.0))
        await asyncio.sleep(0)
        transport.unsent -= taken
        connection.writing_is_late(connection.now_s() + 5.0)

        assert transport.end == end
        draining.cancel()
        await asyncio.wait((draining,))
