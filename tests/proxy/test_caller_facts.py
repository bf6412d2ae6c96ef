"""The state of a caller's connection: when its task may sleep on, and whether the connection may be ending."""

import asyncio

import pytest

from gateway.core.errors import CallerGone
from tests.proxy.calls import connection_of, rig
from tests.wire.messages import request


def waiting(connection):
    """As the request loop waits."""
    connection._waiter = waiter = asyncio.get_running_loop().create_future()
    return waiter


async def test_a_task_that_waits_for_no_request_is_not_kept_asleep():
    async with rig() as made:
        connection = connection_of(made)
        assert connection.facts.keep_asleep() is None
        waiting(connection).cancel()

        assert connection.facts.keep_asleep() is None


async def test_a_task_that_is_kept_asleep_is_woken_by_nobody_else():
    async with rig() as made:
        connection = connection_of(made)
        connection.read_deadline_s = 5.0
        waiter = waiting(connection)

        assert connection.facts.keep_asleep() is waiter
        connection._wake()
        assert not waiter.done()
        assert connection.read_deadline_s > 1e9, "nor is it late meanwhile"


async def test_a_task_sleeps_on_until_the_next_request():
    async with rig() as made:
        connection = connection_of(made)
        connection.facts.total_deadline_s = 3.0
        waiter = waiting(connection)
        connection.facts.keep_asleep()

        assert connection.facts.sleeps_on(waiter, 7.0)
        assert (connection._waiter, connection.read_deadline_s) == (waiter, 7.0)
        assert connection.facts.total_deadline_s > 1e9, "the time of the call that is over"


@pytest.mark.parametrize("reason", ["it closes", "it was closed", "its caller takes nothing", "it was woken"])
async def test_a_task_that_has_something_to_do_does_not_sleep_on(reason):
    async with rig() as made:
        connection = connection_of(made)
        waiter = waiting(connection)
        connection.facts.keep_asleep()
        match reason:
            case "it closes":
                connection.close()
            case "it was closed":
                connection.force_close()
            case "its caller takes nothing":
                connection.pause_writing()
            case _:
                waiter.set_result(None)

        assert not connection.facts.sleeps_on(waiter, 7.0)
        assert connection._waiter is None


@pytest.mark.parametrize("event", ["nothing", "more was read", "it closes", "it was closed", "it was late"])
async def test_a_connection_that_may_be_ending_is_asked_whether_it_is(event):
    """The quick answer must never hide the other one."""
    async with rig() as made:
        connection = connection_of(made)
        facts = connection.facts
        facts.was_fed = False
        match event:
            case "more was read":
                connection.front.data_received(request("GET", "/", "Connection: upgrade", "Upgrade: h2c"))
                connection._messages.clear()
            case "it closes":
                connection.close()
            case "it was closed":
                connection.force_close()
            case "it was late":
                facts.is_given_up = connection._listener.is_given_up = True

        assert (facts.may_be_ending(), connection.is_ending) == (event != "nothing", event != "nothing")


async def test_a_caller_that_left_is_written_nothing():
    async with rig() as made:
        connection = connection_of(made)
        transport = connection.transport
        connection.facts.write(b"x")
        connection.force_close()
        with pytest.raises(CallerGone):
            connection.facts.write(b"y")

        assert transport.written == b"x"
