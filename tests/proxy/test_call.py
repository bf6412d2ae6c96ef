"""The answer that a call gives: begun once, ended once, and the first failure is the one that counts."""

import asyncio
from math import inf

import pytest
from aiohttp import StreamReader

from gateway.core.errors import CallerGone, NoRoute, RouteTimeout, UpstreamTimeout
from gateway.proxy.call import CONTINUE
from tests.proxy.calls import call_of, connection_of, rig


def unfinished(connection):
    return StreamReader(connection, 2**16, loop=asyncio.get_running_loop())


async def test_a_refusal_is_one_answer():
    async with rig() as made:
        call = call_of(made)
        call.refuse(NoRoute("nothing here"))

        assert call.link.transport.written.startswith(b"HTTP/1.1 404 ")
        assert call.link.transport.written.count(b"HTTP/1.1") == 1
        assert (call.status, call.keeps_alive, call.failure.code) == (404, True, "no_route")


async def test_an_answer_that_has_begun_is_broken_off():
    async with rig() as made:
        call = call_of(made)
        call.begin_answer(200, b"HTTP/1.1 200 OK\r\n", 0)
        call.refuse(UpstreamTimeout("late"))
        call.refuse(CallerGone("gone"))

        assert call.link.transport.written == b"HTTP/1.1 200 OK\r\n"
        assert call.link.transport.end == "closed"
        assert (call.status, call.keeps_alive, call.failure.code) == (200, False, "upstream_timeout")


async def test_an_answer_to_http_1_0_is_broken_off_by_a_reset():
    """Its body ends with the connection: any other end would look like the whole."""
    async with rig() as made:
        call = call_of(made, version=(1, 0))
        call.begin_answer(200, b"HTTP/1.1 200 OK\r\n", 0)
        call.refuse(UpstreamTimeout("late"))

        assert call.link.transport.end == "aborted"


async def test_nobody_is_answered_who_has_left():
    async with rig() as made:
        call = call_of(made)
        call.refuse(CallerGone("gone"))

        assert (call.link.transport.written, call.status) == (b"", CallerGone.status)
        with pytest.raises(CallerGone):
            gone = call_of(made)
            gone.link.transport = None
            gone.begin_answer(200, b"HTTP/1.1 200 OK\r\n", 0)


async def test_the_answer_to_a_body_that_still_comes_is_the_last_of_its_connection():
    async with rig() as made:
        connection = connection_of(made)
        call = call_of(made, connection=connection, payload=unfinished(connection))
        call.refuse(NoRoute("nothing here"))

        assert b"Connection: close" in connection.transport.written
        assert not call.keeps_alive


async def test_a_body_is_invited_once_and_not_behind_the_answer():
    async with rig() as made:
        call, late = call_of(made), call_of(made)
        call.say_continue()
        call.say_continue()
        late.begin_answer(200, b"HTTP/1.1 200 OK\r\n\r\n", 0)
        late.say_continue()

        assert call.link.transport.written == CONTINUE
        assert CONTINUE not in late.link.transport.written


@pytest.mark.parametrize(("left_s", "given_s"), [(inf, 5.0), (7.0, 5.0), (2.0, 2.0), (-1.0, 0.0)])
async def test_a_wait_is_bounded_by_the_time_of_the_whole_call(left_s, given_s):
    async with rig() as made:
        call = call_of(made)
        call.link.facts.total_deadline_s = call.link.now_s() + left_s

        assert call.within(5.0) == pytest.approx(given_s, abs=0.5)


async def test_a_call_that_is_late_breaks_off_what_it_has_begun():
    async with rig() as made:
        early, begun = call_of(made), call_of(made)
        begun.begin_answer(200, b"HTTP/1.1 200 OK\r\n", 0)
        early.is_late()
        begun.is_late()

        assert (early.failure, early.link.transport.end) == (None, "")  # whoever waits for it answers
        assert (type(begun.failure), begun.link.transport.end) == (RouteTimeout, "closed")


@pytest.mark.parametrize(
    ("methods", "allow"), [(None, b"DELETE, GET, HEAD, "), (frozenset({"PUT", "GET"}), b"GET, PUT\r\n")]
)
async def test_options_that_go_no_further_say_what_the_route_takes(methods, allow):
    async with rig() as made:
        call = call_of(made)
        call.answer_options(methods)

        assert b"\r\nAllow: " + allow in call.link.transport.written
        assert (call.status, call.keeps_alive) == (204, True)


async def test_the_record_of_a_call_that_met_no_route_names_none():
    async with rig() as made:
        call = call_of(made)
        call.refuse(NoRoute("nothing here"))
        record = call.record(1000.0, 0.25)

        assert (record.route, record.status, record.error, record.upstream_s) == ("-", 404, "no_route", None)
        assert (record.started_at_s, record.total_s) == (999.75, 0.25)
