"""One exchange with an upstream, and what it leaves behind. Its bodies and pauses are tested on the wire."""

import asyncio

import pytest

from gateway.core.errors import UpstreamAnswerIncomplete, UpstreamClosed
from gateway.proxy.exchange import Exchange
from gateway.proxy.front import FrontTerms, Turn
from gateway.proxy.outgoing.answer import WholeAnswer
from tests.proxy.calls import call_of, connection_of, rig
from tests.wire.messages import ok
from tests.wire.moods import closes, hangs


class Told:
    """A front that notes when something happened to the answer that it awaits."""

    def __init__(self, made):
        self.event = asyncio.Event()
        self.front = connection_of(made).front
        turn = Turn(asyncio.get_running_loop(), self.event.set)
        self.front._terms = FrontTerms(turn, made.gateway.front.reader, made.gateway.front.ids, 75.0)


def exchange_of(made, call=None, **head):
    return Exchange(call or call_of(made, **head), made.gateway.generation.routes[0], None)


def pool_of(made):
    return made.gateway.generation.routes[0].pool


async def done(made, **head):
    """An exchange that has had its answer and is over: its connection is idle."""
    exchange = exchange_of(made, **head)
    await exchange.run()
    exchange.answer.take()
    exchange.close()
    return exchange


async def test_an_exchange_knows_its_answer_and_how_long_it_took():
    async with rig(ok(b"mine", status="201 Created")) as made:
        exchange = exchange_of(made)
        before = exchange.waited_s
        await exchange.run()

        assert (before, exchange.status, exchange.answer.take()) == (None, 201, [b"mine"])
        assert exchange.answered_s() == exchange.sent_s + exchange.waited_s > exchange.sent_s
        exchange.close()


async def test_an_exchange_gives_its_connection_back_once():
    """The second time it is another's."""
    async with rig() as made:
        first = await done(made)
        second = exchange_of(made)
        await second.run()
        first.close()

        assert second.upstream.is_open
        assert repr(pool_of(made)).endswith("1 open, 0 idle>")
        second.close()


async def test_a_failed_exchange_leaves_nothing_and_says_how_long_it_took():
    async with rig(closes()) as made:
        exchange = exchange_of(made)
        with pytest.raises(UpstreamClosed):
            async with asyncio.timeout(5.0):
                await exchange.run()

        assert (exchange.upstream, exchange.status) == (None, 0)
        assert exchange.waited_s > 0


async def test_an_exchange_that_is_cancelled_leaves_nothing():
    async with rig(hangs) as made:
        exchange = exchange_of(made)
        running = asyncio.create_task(exchange.run())
        await made.upstream.until(lambda: made.upstream.requests)
        running.cancel()
        await asyncio.wait((running,))
        await made.upstream.until(lambda: not made.upstream.open)

        assert repr(pool_of(made)).endswith("0 open, 0 idle>")


@pytest.mark.parametrize(("method", "is_sent_again"), [("GET", True), ("POST", False)])
async def test_a_request_is_sent_again_where_its_kept_connection_died_unheard(method, is_sent_again):
    async with rig([ok(), closes(), ok(b"again")]) as made:
        await done(made)
        exchange = exchange_of(made, method=method)
        if is_sent_again:
            await exchange.run()
            assert exchange.answer.take() == [b"again"]
        else:
            with pytest.raises(UpstreamClosed):
                await exchange.run()
        exchange.close()

        assert len(made.upstream.requests) == (3 if is_sent_again else 2)


async def test_a_request_whose_new_connection_died_is_not_sent_again():
    """Whatever closes new connections would close the next one too."""
    async with rig(closes()) as made:
        with pytest.raises(UpstreamClosed):
            await exchange_of(made).run()

        assert len(made.upstream.requests) == 1


async def test_a_request_that_was_answered_a_little_is_not_sent_again():
    async with rig([ok(), closes(b"HTTP/1.1"), ok()]) as made:
        await done(made)
        with pytest.raises(UpstreamClosed):
            await exchange_of(made).run()

        assert len(made.upstream.requests) == 2


async def test_the_next_exchange_of_a_call_has_the_last_status_until_it_has_its_own():
    async with rig([ok(status="401 Unauthorized"), ok()]) as made:
        call = call_of(made)
        first = exchange_of(made, call)
        await first.run()
        first.close()
        second = exchange_of(made, call)

        assert (call.exchange, second.status) == (second, 401)
        await second.run()
        assert second.status == 200
        second.close()


# ── without a task that waits ─────────────────────────────────────────────────────────────────────────


async def test_without_an_idle_connection_nothing_starts_and_run_sends_it():
    async with rig() as made:
        exchange, told = exchange_of(made), Told(made)

        assert not exchange.starts(told.front)
        assert exchange.upstream is None
        await exchange.run()
        await asyncio.sleep(0)
        assert not told.event.is_set()
        exchange.close()


async def test_with_an_idle_connection_it_starts_and_its_answer_is_told():
    async with rig([ok(), ok(b"mine")]) as made:
        await done(made)
        exchange, told = exchange_of(made), Told(made)
        assert exchange.starts(told.front)
        assert not exchange.has_news()
        await told.event.wait()

        assert exchange.has_news()
        assert exchange.is_whole()
        assert (exchange.status, exchange.waited_s > 0) == (200, True)
        exchange.close()
        assert pool_of(made).idle_connection().awaiter is None, "what happens on it is another's"


@pytest.mark.parametrize("handler", [closes(), closes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")])
async def test_an_answer_that_is_not_whole_is_waited_for_by_run(handler):
    async with rig([ok(), handler, ok(b"again")]) as made:
        await done(made)
        exchange, told = exchange_of(made), Told(made)
        assert exchange.starts(told.front)
        await told.event.wait()
        assert not exchange.is_whole()
        await exchange.run()

        assert exchange.status == 200
        exchange.close()


async def test_what_fails_before_it_runs_leaves_nothing():
    async with rig([ok(), hangs]) as made:
        await done(made)
        exchange = exchange_of(made)
        assert exchange.starts(Told(made).front)
        exchange.fails()

        assert (exchange.upstream, exchange.waited_s > 0) == (None, True)
        assert repr(pool_of(made)).endswith(" 0 idle>")
        await made.upstream.until(lambda: not made.upstream.open)


async def test_what_happens_next_on_a_connection_is_told_to_the_next_exchange():
    """The one before was left when its whole answer was here, and nobody had looked at it."""
    async with rig([ok(), ok(b"left"), ok(b"mine")]) as made:
        await done(made)
        left, told = exchange_of(made), Told(made)
        assert left.starts(told.front)
        await told.event.wait()
        left.fails()
        exchange = exchange_of(made)
        async with asyncio.timeout(5.0):
            await exchange.run()

        assert (exchange.answer.take(), made.upstream.connections) == ([b"mine"], 1)
        exchange.close()


# ── a pause ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_whole_answer_is_taken_off_its_connection_in_a_pause():
    async with rig(ok(b"mine")) as made:
        exchange = exchange_of(made)
        await exchange.run()
        await exchange.pause()

        assert isinstance(exchange.answer, WholeAnswer)
        assert repr(pool_of(made)).endswith("1 open, 1 idle>")
        exchange.resume()
        assert exchange.answer.take() == [b"mine"]


async def test_an_answer_that_broke_off_in_a_pause_is_told_when_it_goes_on():
    going = asyncio.Event()

    async def half(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await going.wait()
        exchange.close()

    async with rig(half) as made:
        exchange = exchange_of(made)
        await exchange.run()
        await exchange.pause()
        going.set()
        await made.upstream.until(lambda: not made.upstream.open)
        with pytest.raises(UpstreamAnswerIncomplete):
            exchange.resume()
        exchange.close()
