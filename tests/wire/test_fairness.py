"""A caller who sends many requests at once gets one served, then the others have their turn.

RFC 9112 section 9.3.2; threat "one caller starves all". Counted, never timed: while one connection has
thousands of requests waiting, the others are answered after a bounded number of its own.
"""

import pytest

from gateway.core.settings.route_settings import CallerAuthorization
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

MANY = 3000
ROUNDS = 20
MOST_BETWEEN = 40  # of the greedy caller's requests, for one of the other's: a few rounds of the loop each

UNSERVED = {
    "404": request("GET", "/nothing"),
    "400": b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
    "403": request("GET", "/guarded/x", "Authorization: Basic YTpi"),
    "405": request("PUT", "/guarded/x"),
    "OPTIONS that goes no further": request("OPTIONS", "/guarded/x", "Max-Forwards: 0"),
    "404 with a body": request("POST", "/nothing", body=b"abc"),
}


def routes(rig):
    guarded = frozenset({"GET", "OPTIONS"})
    return [
        rig.route("/served", has_token=False),
        rig.route(
            "/guarded",
            methods=guarded,
            has_token=False,
            authorization=CallerAuthorization.REJECT,
        ),
    ]


@pytest.mark.parametrize("greedy", UNSERVED.values(), ids=UNSERVED)
async def test_others_are_served_while_one_caller_pipelines_refusals(greedy):
    async with Rig(routes=routes) as rig:
        greedy_caller, other = await rig.caller(), await rig.caller()
        await other.ask(request("GET", "/nothing"))
        greedy_caller.write(greedy * MANY)
        await rig.told.until(lambda: len(rig.told.records) > 1)

        between = []
        for _ in range(ROUNDS):
            before = len(rig.told.records)
            assert (await other.ask(request("GET", "/nothing"))).status == 404
            between.append(len(rig.told.records) - before)

        assert len(rig.told.records) < MANY, "the greedy caller was done before the others were asked"
        assert max(between) <= MOST_BETWEEN, between


async def test_others_are_served_while_one_caller_pipelines_to_a_quick_upstream():
    async with Rig(ok(b"x"), routes=routes) as rig:
        greedy_caller, other = await rig.caller(), await rig.caller()
        await other.ask(request("GET", "/served"))
        greedy_caller.write(request("GET", "/served") * MANY)
        await rig.told.until(lambda: len(rig.told.records) > 1)

        between = []
        for _ in range(ROUNDS):
            before = len(rig.told.records)
            assert (await other.ask(request("GET", "/nothing"))).status == 404
            between.append(len(rig.told.records) - before)

        assert len(rig.told.records) < MANY
        assert max(between) <= MOST_BETWEEN, between


async def test_many_greedy_callers_share():
    """Each gets its turn: the slowest of ten has had a fair part when the first is done."""
    async with Rig(routes=routes) as rig:
        callers = [await rig.caller() for _ in range(10)]
        for number, caller in enumerate(callers):
            caller.write(request("GET", f"/nothing/{number}") * 300)
        await rig.told.until(lambda: len(rig.told.records) >= 1500)
        served = [
            sum(record.path == f"/nothing/{number}" for record in rig.told.records) for number in range(10)
        ]

        assert min(served) >= 100, served


async def test_every_pipelined_request_is_answered_in_order():
    """However they are cut into reads; what is refused does not lose what stood before it."""
    wanted = [200, 404, 405, 200, 404] * 40
    targets = {
        200: request("POST", "/served", body=b"12345"),
        404: request("GET", "/nothing"),
        405: request("PUT", "/guarded/x"),
    }
    data = b"".join(targets[status] for status in wanted) + b"BROKEN\r\n\r\n"
    for size in (len(data), 997, 64):
        async with Rig(routes=routes) as rig:
            caller = await rig.caller()
            for at in range(0, len(data), size):
                await caller.send(data[at : at + size])
            answers = [await caller.answer() for _ in range(len(wanted) + 1)]

            assert [answer.status for answer in answers] == [*wanted, 400]
            assert await caller.rest() == b""


@pytest.mark.parametrize("rest", [request("GET", "/nothing"), b"GET /noth"], ids=["whole", "in part"])
async def test_what_follows_a_chunked_body_in_one_read_is_not_left_waiting(rest):
    """It is not served, for aiohttp may have read it wrongly: so the connection must say that it closes."""
    chunked = request("POST", "/served", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    async with Rig(routes=routes) as rig:
        caller = await rig.caller()
        answer = await caller.ask(chunked + rest)

        assert (answer.status, answer.closes) == (200, True)
        assert await caller.rest() == b""


async def test_a_head_that_never_ends_is_refused_when_it_is_too_large():
    """Each field is short enough, and so is their number; the parser alone would hold 16 MiB."""
    async with Rig(routes=routes) as rig:
        caller = await rig.caller()
        await caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        for number in range(4):
            await caller.send(b"X-%d: %b\r\n" % (number, b"x" * 40_000))
        answer = await caller.answer()

        assert (answer.status, answer.code, answer.closes) == (431, "head_too_large", True)
