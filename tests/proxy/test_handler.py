"""The request's way: what each step leaves for the next, and for the end. What callers see is tested on the wire."""

import asyncio
import gc
import logging

import pytest

from gateway.core.errors import AmbiguousPath, NoRoute
from gateway.core.token import Token
from gateway.proxy.call import Call
from gateway.proxy.exchange import Exchange
from gateway.proxy.handler import Handler
from tests.core.samples import token
from tests.proxy.calls import call_of, rig
from tests.wire.messages import ok, request
from tests.wire.moods import hangs
from tests.wire.rig import Rig

PART = request("POST", "/", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n"


def budget_of(made):
    return made.gateway._handler._budget.left_bytes - made.settings.limits.replay_total_bytes


@pytest.mark.parametrize(("has_token", "kept"), [(True, 5), (False, 0)], ids=["a client", "none"])
async def test_a_body_is_kept_for_a_replay_only_where_a_token_may_be_refused(has_token, kept):
    async with Rig(hangs, routes=lambda made: [made.route(has_token=has_token)]) as made:
        caller = await made.caller()
        await caller.send(PART)
        await made.upstream.until(lambda: made.upstream.requests)
        assert await made.upstream.requests[0].some() == b"5\r\nhello\r\n"
        assert budget_of(made) == -kept

        caller.leave()
        await made.told.until(lambda: made.told.records)
        assert budget_of(made) == 0


async def test_what_met_no_route_is_counted_all_the_same():
    async with rig(routes=lambda made: [made.route("/only", has_token=False)]) as made:
        assert (await made.get("/other")).status == 404
        metrics = made.gateway.metrics.routes

        assert [
            (name, sum(route.statuses.values()), route.in_progress()) for name, route in metrics.items()
        ] == [
            ("/only", 0, 0),
            ("-", 1, 0),
        ]


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "data", [request("GET", "/"), request("POST", "/", body=b"abc"), PART + b"0\r\n\r\n"]
)
async def test_a_request_leaves_no_work_for_the_garbage_collector(data):
    """What it made is freed at once and its memory used again, warm as it is; not thousands of requests later."""
    async with Rig() as made:
        caller = await made.caller()
        for _ in range(3):
            assert (await caller.ask(data)).status == 200
        left = [sum(isinstance(each, kind) for each in gc.get_objects()) for kind in (Exchange, Call)]

        assert max(left) <= 1, "but for the last one, which its connection still knows"


async def test_a_call_that_is_left_before_it_began_is_told():
    async with rig() as made:
        call = call_of(made)
        made.gateway._handler.abandon(call, None)
        (record,) = made.told.records

        assert (call.is_over, record.status, record.error, record.upstream_s) == (
            True,
            499,
            "caller_gone",
            None,
        )


async def test_a_fault_of_ours_is_told_by_its_place_and_its_text_by_nobody(caplog):
    async with rig() as made:
        call = call_of(made)
        with caplog.at_level(logging.ERROR):
            try:
                raise TypeError("the-secret")  # noqa: TRY301 - it needs a place
            except TypeError as error:
                made.gateway._handler.failed(call, error)

        assert (call.status, call.failure.code) == (500, "internal_error")
        assert b"the-secret" not in call.link.transport.written
        assert "request id-1 failed in the gateway" in caplog.text


async def test_what_is_refused_on_purpose_is_no_fault(caplog):
    async with rig() as made:
        call = call_of(made)
        Handler.failed(call, NoRoute("nothing here"))

        assert (call.status, caplog.text) == (404, "")


@pytest.mark.parametrize(
    ("status", "notes"), [(200, True), (204, True), (304, True), (302, False), (401, False), (500, False)]
)
async def test_a_token_is_accepted_by_success_alone(status, notes):
    async with rig(ok(status=f"{status} x")) as made:
        route = made.gateway.generation.routes[0]
        call = call_of(made)
        exchange = Exchange(call, route, token(1))
        exchange.status = status
        exchange.waited_s = 0.0
        Handler.note_accepted(call, exchange, route)

        assert isinstance(route.acceptance.token, Token) is notes


async def test_only_a_refused_token_of_ours_is_recovered():
    async with rig() as made:
        route = made.gateway.generation.routes[0]
        answers = []
        for ours, status in ((token(1), 401), (token(1), 403), (None, 401)):
            exchange = Exchange(call_of(made), route, ours)
            exchange.status = status
            answers.append(Handler.must_recover(exchange, route))

        assert answers == [True, False, False]


async def test_callbacks_and_the_task_refuse_alike():
    """A path that is refused: both ways match by the same step."""
    async with rig() as made:
        call = call_of(made, target="/a/../b")
        call.plain_head = call.head
        with pytest.raises(AmbiguousPath):
            made.gateway._handler.begun(call)
        await made.gateway._handler.handle(call)

        assert (call.status, call.failure.code) == (400, "ambiguous_path")
        assert len(made.told.records) == 1
        await asyncio.sleep(0)
