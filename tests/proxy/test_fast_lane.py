"""In which order a turn's work is done. What may befall a call in it stands in tests/wire/test_fast_calls.py."""

import pytest

from tests import ways
from tests.proxy.calls import rig
from tests.wire.messages import ok, request
from tests.wire.moods import hangs

MINE = request("GET", "/mine")

pytestmark = pytest.mark.skipif(not ways.is_fast(), reason="all requests take the slow way")


def fronts(made):
    return [connection.front for connection in made.gateway.doors.listeners()[0].connections]


async def test_answers_are_passed_on_first_and_set_connections_free_for_requests():
    """Though the request came first: else it would open a connection that nobody needs."""
    async with rig([ok(b"first"), hangs, ok(b"second")]) as made:
        caller, other = await made.caller(), await made.caller()
        await caller.ask(request("GET", "/"))
        await caller.send(MINE)
        await made.upstream.until(lambda: len(made.upstream.requests) == 2)
        busy = next(front for front in fronts(made) if front.exchange is not None)
        free = next(front for front in fronts(made) if front is not busy)
        used = busy.exchange.upstream
        free.data_received(MINE)
        used.data_received(ok(b"mine"))

        assert (await caller.answer()).body == b"mine"
        while free.call is not None and free.exchange is None:
            await made._settle()
        assert free.exchange.upstream is used
        assert made.upstream.connections == 1
        other.leave()
        await made.told.until(lambda: len(made.told.records) == 3)


async def test_all_requests_of_a_turn_are_sent_in_it():
    async with rig(hangs) as made:
        callers = [await made.caller() for _ in range(5)]
        pool = made.gateway.generation.routes[0].pool
        for _ in callers:
            made.upstream.script = ok()
        connections = [await pool.connect(5.0) for _ in callers]
        for connection in connections:
            connection.begin(is_head=False)
            connection.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.request_is_sent = True
            while connection.answer is not None and not connection.answer.is_complete:
                await connection.happens()
            pool.release(connection)
        made.upstream.script = hangs
        for front in fronts(made):
            front.data_received(MINE)
        assert [front.exchange for front in fronts(made)] == [None] * 5, "nothing is sent where it is read"
        made.gateway.front.turn._work()

        assert all(front.exchange.upstream in connections for front in fronts(made))
        for caller in callers:
            caller.leave()
        await made.told.until(lambda: len(made.told.records) == 5)
