"""What the transport of a caller speaks to: which reads begin a fast call, and which are the parser's."""

import asyncio
from itertools import pairwise

import pytest

from gateway.proxy.front import FrontTerms, Turn
from tests import ways
from tests.proxy.calls import connection_of, rig
from tests.wire.messages import request

PLAIN = request("GET", "/")

pytestmark = pytest.mark.skipif(not ways.is_fast(), reason="all requests take the slow way")


def front_of(made):
    """The front of a connection whose task waits for a request; nobody works off its turn."""
    connection = connection_of(made)
    front = connection.front
    front._terms = FrontTerms(
        Turn(asyncio.get_running_loop(), lambda: None),
        made.gateway.front.reader,
        made.gateway.front.ids,
        75.0,
    )
    connection._request_comes()
    return front


def begun(front):
    return front._terms.turn.take()[1]


async def test_a_plain_head_begins_a_call_and_goes_to_no_parser():
    async with rig() as made:
        front = front_of(made)
        front.data_received(PLAIN)

        assert begun(front) == [front]
        assert front.begun() is front.call
        assert front.call.plain_head.target.path == "/"
        assert int(made.gateway.front.ids.next()[13:], 16) == int(front.call.request_id[13:], 16) + 1
        assert not front.link._messages


@pytest.mark.parametrize(
    "data", [PLAIN[:-1], request("GET", "/", "X-Never-Met: 1"), PLAIN + PLAIN, b"\r\n", b"\x00"]
)
async def test_what_is_not_plain_goes_to_the_parser_and_so_does_what_follows(data):
    """What follows may be the rest of it."""
    async with rig() as made:
        front = front_of(made)
        front.data_received(data)
        was_begun = front.call
        front.data_received(PLAIN)

        assert was_begun is None
        assert front.call is None or front.call.plain_head is None


async def test_a_whole_request_that_the_parser_has_read_begins_a_call():
    async with rig() as made:
        front = front_of(made)
        front.data_received(request("POST", "/", "X-Never-Met: 1", body=b"abc"))

        assert begun(front) == [front]
        assert front.begun().message.path == "/"
        assert front._waiter is not None


@pytest.mark.parametrize("more", [PLAIN, PLAIN[:5], b"\r\n"], ids=["a request", "a part", "a line end"])
async def test_a_request_with_more_behind_it_is_the_tasks(more):
    async with rig() as made:
        front = front_of(made)
        waiter = front.link._waiter
        front.data_received(request("POST", "/", body=b"abc") + more)

        assert front.begun() is None
        assert waiter.done()


async def test_a_request_whose_body_is_still_to_come_is_the_tasks():
    async with rig() as made:
        front = front_of(made)
        waiter = front.link._waiter
        front.data_received(request("POST", "/", "Content-Length: 3"))

        assert front.begun() is None
        assert waiter.done()


async def test_what_was_fed_in_flight_is_left_to_the_task():
    async with rig() as made:
        front = front_of(made)
        waiter = front.link._waiter
        front.data_received(PLAIN)
        front.data_received(PLAIN[:5])
        front.served(front.begun(), 0.0)

        assert waiter.done()
        assert front.taken_over()[0] is front.call


async def test_a_connection_that_is_not_kept_is_left_to_the_task():
    async with rig() as made:
        front = front_of(made)
        waiter = front.link._waiter
        front.data_received(PLAIN)
        call = front.begun()
        call.keeps_alive = False
        front.served(call, 0.0)

        assert waiter.done()


async def test_the_next_request_begins_the_next_call():
    async with rig() as made:
        front = front_of(made)
        waiter = front.link._waiter
        for _ in range(3):
            front.data_received(PLAIN)
            assert begun(front) == [front]
            front.served(front.begun(), 5.0)
            assert (front.call, front.exchange, front._waiter) == (None, None, None)

        assert (front.link._waiter, waiter.done(), front.link.read_deadline_s) == (waiter, False, 80.0)


async def test_a_connection_keeps_the_fields_of_its_last_plain_head():
    async with rig() as made:
        front, kept = front_of(made), []
        for path, fields in (("/a", ()), ("/b", ()), ("/c", ("X-Foo: 1",)), ("/d", ())):
            front.data_received(request("GET", path, *fields))
            call = front.begun()
            kept.append((call.plain_head.target.path, call.plain_head.lines, front._fields))
            front.served(call, 0.0)

        assert [(path, lines) for path, lines, _ in kept] == [
            ("/a", []), ("/b", []), ("/c", [b"X-Foo: 1"]), ("/d", [])
        ]  # fmt: skip
        assert [here[2] is before[2] for before, here in pairwise(kept)] == [True, False, False]


async def test_nothing_begins_where_the_fast_way_is_closed():
    async with rig() as made:
        front = front_of(made)
        front._terms.is_open = False
        front.waits(is_fresh=True)
        waiter = front.link._waiter
        front.data_received(PLAIN)

        assert (front.call, begun(front), waiter.done()) == (None, [], True)


async def test_all_that_comes_in_one_turn_is_worked_off_once():
    worked = []
    turn = Turn(asyncio.get_running_loop(), lambda: worked.append(turn.take()))
    async with rig() as made:
        a, b, c, d = (connection_of(made).front for _ in range(4))
        turn.begins(a)
        turn.answered.append(b)
        turn.begins(c)
        await asyncio.sleep(0)
        turn.begins(d)
        await asyncio.sleep(0)

    assert worked == [([b], [a, c]), ([], [d])]
