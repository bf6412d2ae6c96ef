"""Calls that callbacks serve, and every event that may befall one: what the task takes over, and what nobody must.

Each test warms its connection: from the second request on, no parser and no task has a part in a call, unless
something happens. What must hold of both ways stands in the other files of this folder.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import InternalError
from gateway.core.http.recovery import Recovery
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import CallerAuthorization, Timeouts
from gateway.proxy import fast_lane
from gateway.proxy.exchange import Exchange
from gateway.proxy.fast_lane import FastLane
from gateway.proxy.front import Front
from gateway.proxy.handler import Handler
from tests import ways
from tests.wire.caller import RawCaller
from tests.wire.messages import Broken, Nothing, ok, request
from tests.wire.proofs import BoundRig, StrictUpstream
from tests.wire.rig import QUICK, Rig

pytestmark = pytest.mark.skipif(not ways.is_fast(), reason="all requests take the slow way")

GET = request("GET", "/")
MINE = request("GET", "/mine")
FIRST = ok(b"first")
PARTIAL = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"


class Stage:
    """A rig with one caller whose first request was served, and what that caller's connection does."""

    def __init__(self, rig, caller, front):
        self.rig = rig
        self.caller = caller
        self.front = front

    async def begins(self, data=MINE):
        """Send a request that callbacks send to the upstream; wait until it is there."""
        count = len(self.rig.upstream.requests)
        await self.caller.send(data)
        await self.rig.upstream.until(lambda: len(self.rig.upstream.requests) > count)
        assert self.is_fast

    @property
    def is_fast(self):
        """Whether a call is under way that the task sleeps through."""
        return self.front._waiter is not None and self.front.exchange is not None

    @property
    def record(self):
        return self.rig.told.records[-1]

    async def told(self, count=2):
        """Wait for the record of a call; the first request has one."""
        await self.rig.told.until(lambda: len(self.rig.told.records) >= count)
        assert len(self.rig.told.records) == count, "a call has one record"
        return self.record


def fronts(rig):
    return [
        connection.front for listener in rig.gateway.doors.listeners() for connection in listener.connections
    ]


def pools(rig):
    return [*rig.gateway.generation.pools.values()]


@asynccontextmanager
async def stage(script=None, *, first=FIRST, kind=Rig, **members):
    """What comes behind the first request finds an idle connection to the upstream, as most requests do.

    At the end every connection to an upstream is idle or gone, and every request is counted once.
    """
    rest = list(script) if isinstance(script, list | tuple) else [script or ok(b"mine")]
    async with kind([first, *rest], **members) as rig:
        caller = await rig.caller()
        assert (await caller.ask(GET)).status == 200
        (front,) = fronts(rig)
        yield Stage(rig, caller, front)
        await rig.works_on(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert [pool for pool in pools(rig) if len(pool._all) != len(pool._idle)] == [], (
            "a connection is leaked"
        )
        counted = sum(sum(route.statuses.values()) for route in rig.gateway.metrics.routes.values())
        assert counted == len(rig.told.records)


def waiting():
    """A handler that answers when told."""
    gate = asyncio.Event()

    async def handler(exchange):
        await exchange.body()
        await gate.wait()
        exchange.write(ok(b"mine"))

    return gate, handler


async def hang(exchange):
    await exchange.gone()


def sends(*parts, closes=True):
    """A handler that sends the parts, each for itself, and closes."""

    async def handler(exchange):
        await exchange.body()
        for part in parts:
            await exchange.send(part)
            await asyncio.sleep(0.005)
        if closes:
            exchange.close()

    return handler


# ── without trouble ───────────────────────────────────────────────────────────────────────────────────


async def test_a_fast_call_makes_no_task_and_wakes_none():
    """That is what it is for: neither a task per call, nor a step of the connection's own."""
    made = []

    def factory(loop, coroutine, **members):
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **members)

    async with stage() as on:
        loop, waiter = asyncio.get_running_loop(), on.front.link._waiter
        loop.set_task_factory(factory)
        for _ in range(20):
            await on.caller.send(MINE)
            assert (await on.caller.answer()).body == b"mine"
        loop.set_task_factory(None)

        assert made == []
        assert on.front.link._waiter is waiter, "the task sleeps on the same future all the while"
        assert on.rig.upstream.connections == 1


async def test_a_first_request_of_a_connection_is_fast_too():
    async with stage() as on:
        other = await on.rig.caller()
        await other.send(MINE)
        front = next(front for front in fronts(on.rig) if front is not on.front)
        while front.call is None:
            await asyncio.sleep(0)

        assert front.call.plain_head is not None
        assert (await other.answer()).body == b"mine"


async def test_a_request_with_a_body_that_is_here_is_fast():
    async def echo(exchange):
        exchange.write(ok(await exchange.body()))

    async with stage(echo) as on:
        await on.begins(request("POST", "/", body=b"abc"))

        assert (await on.caller.answer()).body == b"abc"


async def test_each_of_many_fast_calls_gets_its_own_answer():
    async def own(exchange):
        if hash(exchange.target) % 3 == 0:
            await asyncio.sleep(0)
        exchange.write(ok(exchange.target))

    async def many(rig, number):
        caller = await rig.caller()
        for count in range(20):
            target = f"/{number}/{count}"
            assert (await caller.ask(request("GET", target))).body == target.encode()

    async with stage(own) as on:
        await asyncio.gather(*(many(on.rig, number) for number in range(30)))

        assert on.rig.upstream.connections <= 31


# ── the caller leaves ─────────────────────────────────────────────────────────────────────────────────


async def test_a_caller_who_leaves_in_flight_ends_the_exchange():
    async with stage(hang) as on:
        await on.begins()
        on.caller.leave()
        record = await on.told()
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)

        assert (record.status, record.error, record.upstream_status) == (499, "caller_gone", 0)
        assert record.upstream_s > 0, "it is told how long the upstream was waited for"


async def test_a_caller_who_ends_its_side_has_left():
    async with stage(hang) as on:
        await on.begins()
        on.caller.end_writing()

        assert (await on.told()).error == "caller_gone"
        assert await on.caller.rest() == b""
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)


async def test_a_caller_who_leaves_before_its_request_is_looked_at_is_told_once():
    """The end of the connection and its last request come in one turn of the loop."""
    async with stage(hang) as on:
        on.front.link._wire.abort()
        on.front.data_received(MINE)

        assert (await on.told()).error == "caller_gone"


async def test_a_caller_who_leaves_after_a_part_of_the_answer_ends_the_exchange():
    async def half(exchange):
        await exchange.send(PARTIAL)
        await exchange.gone()

    async with stage(half) as on:
        await on.caller.send(MINE)
        await on.caller.head()
        on.caller.leave()
        record = await on.told()
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)

        assert (record.error, record.upstream_status) == ("caller_gone", 200)


@pytest.mark.parametrize("is_first", [True, False], ids=["the caller first", "the answer first"])
async def test_a_caller_who_leaves_while_the_task_takes_over_is_told_once(is_first):
    """In one turn: a part of the answer, for which the task is woken, and the end of the connection."""
    async with stage(hang) as on:
        await on.begins()
        upstream = on.front.exchange.upstream
        if is_first:
            on.front.link._wire.abort()
        upstream.data_received(PARTIAL)
        if not is_first:
            on.front.link._wire.abort()
        await on.told()
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)

        assert on.record.error == "caller_gone"


@pytest.mark.parametrize("is_first", [True, False], ids=["the caller first", "the answer first"])
async def test_a_caller_who_leaves_with_its_whole_answer_is_told_once(is_first):
    async with stage(hang) as on:
        await on.begins()
        upstream = on.front.exchange.upstream
        if is_first:
            on.front.link._wire.abort()
        upstream.data_received(ok(b"mine"))
        if not is_first:
            on.front.link._wire.abort()
        record = await on.told()

        assert record.upstream_status == 200
        assert record.error in ("", "caller_gone")
        await on.rig.upstream.close()


# ── more comes of the caller ──────────────────────────────────────────────────────────────────────────


async def test_a_request_that_comes_in_flight_is_served_next():
    gate, handler = waiting()
    async with stage([handler, ok(b"second"), ok(b"third")]) as on:
        await on.begins()
        await on.caller.send(GET)
        await asyncio.sleep(0.02)
        assert len(on.rig.upstream.requests) == 2
        gate.set()

        assert [(await on.caller.answer()).body for _ in range(2)] == [b"mine", b"second"]
        assert (await on.caller.ask(MINE)).body == b"third"


@pytest.mark.parametrize("cut", [1, len(GET) // 2, len(GET) - 1])
async def test_a_part_of_a_request_that_comes_in_flight_is_the_beginning_of_the_next(cut):
    gate, handler = waiting()
    async with stage([handler, ok(b"second")]) as on:
        await on.begins()
        await on.caller.send(GET[:cut])
        await asyncio.sleep(0.02)
        gate.set()
        assert (await on.caller.answer()).body == b"mine"
        await on.caller.send(GET[cut:])

        assert (await on.caller.answer()).body == b"second"


async def test_a_part_of_a_request_that_comes_in_flight_has_its_time():
    gate, handler = waiting()
    async with stage(handler, limits=Limits(head_timeout_s=0.2, keepalive_timeout_s=60.0)) as on:
        await on.begins()
        await on.caller.send(GET[:20])
        await asyncio.sleep(0.02)
        gate.set()

        assert [(await on.caller.answer()).status for _ in range(2)] == [200, 408]


async def test_what_is_no_request_and_comes_in_flight_is_refused_behind_the_answer():
    gate, handler = waiting()
    async with stage(handler) as on:
        await on.begins()
        await on.caller.send(b"GET / HTTP/1.1\r\nNo colon\r\n\r\n")
        await asyncio.sleep(0.02)
        gate.set()
        answers = [await on.caller.answer() for _ in range(2)]

        assert [(each.status, each.closes) for each in answers] == [(200, False), (400, True)]
        assert await on.caller.rest() == b""


@pytest.mark.parametrize("warm", [0, 2])
async def test_the_rest_of_a_head_is_none_though_it_looks_like_one(warm):
    """A head that begins behind a request in one read, and whose rest would be a plain head: smuggling."""
    async with stage() as on:
        for _ in range(warm):
            assert (await on.caller.ask(MINE)).status == 200
        await on.caller.send(GET + b"GET /a HTTP/1.1\r\nHost: gateway.test\r\nX-A: ")
        assert (await on.caller.answer()).status == 200
        answer = await on.caller.ask(request("GET", "/smuggled"))

        assert (answer.status, answer.closes) == (400, True), "Host stands there twice"
        assert b"/smuggled" not in [each.target for each in on.rig.upstream.requests]


async def test_a_request_behind_a_plain_one_in_one_read_is_served_after_it():
    async with stage([ok(b"1"), ok(b"2"), ok(b"3")]) as on:
        await on.caller.send(MINE + GET + MINE)

        assert [(await on.caller.answer()).body for _ in range(3)] == [b"1", b"2", b"3"]


# ── what the upstream does ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_pooled_connection_that_dies_without_a_byte_is_replaced(method):
    async with stage([sends(), ok(b"mine")]) as on:
        await on.begins(request(method, "/mine"))
        answer = await on.caller.answer()

        assert (answer.status, on.rig.upstream.connections) == (200, 2)
        assert on.rig.gateway.metrics.routes["/"].connection_retries == 1


async def test_a_post_on_a_pooled_connection_that_dies_is_not_sent_again():
    async with stage([sends(), ok(b"mine")]) as on:
        await on.begins(request("POST", "/mine", body=b"pay 5"))

        assert (await on.caller.answer()).code == "upstream_closed"
        assert len(on.rig.upstream.requests) == 2


async def test_an_upstream_that_closes_in_the_head_is_not_asked_again():
    async with stage([sends(b"HTTP/1.1 2"), ok(b"mine")]) as on:
        await on.begins()

        assert (await on.caller.answer()).status == 502
        assert (await on.caller.ask(MINE)).body == b"mine"


async def test_an_upstream_that_closes_in_the_body_breaks_the_answer():
    async with stage(sends(PARTIAL)) as on:
        await on.begins()
        with pytest.raises(Broken):
            await on.caller.answer()

        assert (await on.told()).error == "upstream_answer_incomplete"


@pytest.mark.parametrize("is_one_read", [True, False], ids=["one read", "two reads"])
@pytest.mark.parametrize(
    ("interim", "passes"), [(b"100 Continue", 0), (b"102 Processing", 1), (b"103 Early Hints", 1)]
)
async def test_informational_answers_pass_before_the_answer(interim, passes, is_one_read):
    early, last = b"HTTP/1.1 " + interim + b"\r\n\r\n", ok(b"mine")
    parts = [early + last] if is_one_read else [early, last]
    async with stage(sends(*parts, closes=False)) as on:
        await on.begins()
        answer = await on.caller.answer()

        assert (answer.body, len(answer.interim)) == (b"mine", passes)


async def test_a_long_answer_streams():
    body = b"x" * 2_000_000
    async with stage([ok(body), ok(b"mine")]) as on:
        await on.begins()
        assert (await on.caller.answer()).body == body

        assert (await on.caller.ask(MINE)).body == b"mine"
        assert on.rig.upstream.connections == 1


@pytest.mark.parametrize(
    "data",
    [ok(b"mine", "X-A: b"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n"],
    ids=["a length", "chunked"],
)
async def test_an_answer_that_comes_in_crumbs_is_whole(data):
    async def crumbs(exchange):
        for at in range(len(data)):
            await exchange.send(data[at : at + 1])
            await asyncio.sleep(0)

    async with stage([crumbs, ok(b"next")]) as on:
        await on.begins()
        assert (await on.caller.answer()).body == b"mine"

        assert (await on.caller.ask(MINE)).body == b"next"


@pytest.mark.parametrize("tail", [b"x", ok(b"of another caller")], ids=["a byte", "an answer"])
async def test_what_stands_behind_a_whole_answer_ends_the_upstreams_connection(tail):
    async with stage([ok(b"mine") + tail, ok(b"next")]) as on:
        await on.begins()
        assert (await on.caller.answer()).body == b"mine"

        assert (await on.caller.ask(MINE)).body == b"next"
        assert on.rig.upstream.connections == 2


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET"),
        (ok(b""), "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n", "GET"),
    ],
)
async def test_every_framing_leaves_both_connections_in_use(data, method):
    async with stage([data, ok(b"next")]) as on:
        await on.begins(request(method, "/mine"))
        assert (await on.caller.answer(method)).status == int(data[9:12])

        assert (await on.caller.ask(MINE)).body == b"next"
        assert on.rig.upstream.connections == 1


async def test_an_answer_that_ends_with_its_connection_passes():
    async with stage([sends(b"HTTP/1.1 200 OK\r\n\r\n", b"mine"), ok(b"next")]) as on:
        await on.begins()

        assert (await on.caller.answer()).body == b"mine"
        assert (await on.caller.ask(MINE)).body == b"next"


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("timeouts", "code"),
    [(Timeouts(response_s=0.2), "upstream_timeout"), (Timeouts(total_s=0.2), "route_timeout")],
    ids=["of the upstream", "of the route"],
)
async def test_an_upstream_that_says_nothing_is_late(timeouts, code):
    async with stage([hang, ok(b"next")], routes=lambda rig: [rig.route(timeouts=timeouts)]) as on:
        await on.begins()
        answer = await on.caller.answer()
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)

        assert (answer.status, answer.code, answer.closes) == (504, code, False)
        assert (await on.caller.ask(MINE)).body == b"next"


async def test_a_routes_timeout_does_not_outlive_a_fast_call():
    def routes(rig):
        return [rig.route("/", timeouts=Timeouts(total_s=0.2)), rig.route("/unbounded")]

    gate, handler = waiting()
    async with stage([ok(b"mine"), handler], routes=routes) as on:
        assert (await on.caller.ask(MINE)).body == b"mine"
        await on.caller.send(request("GET", "/unbounded"))
        await asyncio.sleep(0.5)
        gate.set()

        assert (await on.caller.answer()).body == b"mine"


@pytest.mark.time_lapse
async def test_a_connection_is_idle_from_the_end_of_a_fast_call():
    """Longer than the time in all, never as long between two requests; then closed without a word."""
    async with stage(limits=Limits(keepalive_timeout_s=3.0)) as on:
        for _ in range(4):
            await asyncio.sleep(1.5)
            assert (await on.caller.ask(MINE)).body == b"mine"
        loop = asyncio.get_running_loop()
        since_s = loop.time()

        assert await on.caller.rest() == b""
        assert 2.5 < loop.time() - since_s < 6.0


async def test_a_fast_call_may_take_longer_than_a_connection_may_be_idle():
    gate, handler = waiting()
    async with stage(handler, limits=QUICK) as on:
        await on.begins()
        await asyncio.sleep(0.6)
        gate.set()

        assert (await on.caller.answer()).body == b"mine"


async def test_a_head_that_drips_behind_a_fast_call_is_late():
    async with stage(limits=Limits(head_timeout_s=0.3, keepalive_timeout_s=60.0)) as on:
        assert (await on.caller.ask(MINE)).body == b"mine"
        await on.caller.send(MINE[:-2])

        assert (await on.caller.answer()).status == 408


async def test_a_head_in_two_reads_behind_a_fast_call_is_served_and_so_is_the_next():
    async with stage() as on:
        for _ in range(2):
            assert (await on.caller.ask(MINE)).body == b"mine"
            await on.caller.send(MINE[:-2])
            await asyncio.sleep(0.02)
            await on.caller.send(MINE[-2:])
            assert (await on.caller.answer()).body == b"mine"


# ── tokens, and what is decided before anything is sent ───────────────────────────────────────────────


async def test_a_refused_token_is_recovered():
    async with stage() as on:
        on.rig.upstream.demand("token_2")
        await on.begins()

        assert (await on.caller.answer()).status == 200
        assert on.rig.upstream.tokens == ["token_1", "token_1", "token_2"]
        assert on.record.recovery is Recovery.RECOVERED


async def test_a_401_that_passes_leaves_both_connections_in_use():
    refusal = ok(b"no", 'WWW-Authenticate: Bearer error="insufficient_scope"', status="401 Unauthorized")
    async with stage([refusal, ok(b"next")]) as on:
        await on.begins()

        assert (await on.caller.answer()).status == 401
        assert (await on.caller.ask(MINE)).body == b"next"
        assert on.rig.upstream.connections == 1


class ShortRig(Rig):
    """Its tokens live for two seconds."""

    def __init__(self, *arguments, **members):
        super().__init__(*arguments, **members)
        self.authorization_server.grants.expires_in = 2.0


@pytest.mark.time_lapse
async def test_a_call_waits_where_its_token_has_expired_meanwhile():
    async with stage(kind=ShortRig) as on:
        on.rig.authorization_server.gate.clear()  # nor is it renewed in the background
        await asyncio.sleep(2.5)
        await on.caller.send(MINE)
        await on.rig.works_on(1)
        assert len(on.rig.upstream.requests) == 1
        on.rig.authorization_server.gate.set()

        assert (await on.caller.answer()).status == 200
        assert on.rig.upstream.tokens == ["token_1", "token_2"]
        assert on.record.token_s > 0


async def test_without_a_token_nothing_is_sent():
    async with Rig(is_warm=False) as rig:
        rig.authorization_server.script = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        caller = await rig.caller()

        assert (await caller.ask(GET)).status == 503
        assert rig.upstream.saw_nothing


async def test_a_bound_token_goes_with_a_new_proof_each_time():
    async with stage(StrictUpstream(), first=StrictUpstream(), kind=BoundRig) as on:
        assert [(await on.caller.ask(MINE)).status for _ in range(3)] == [200] * 3


async def test_a_callers_own_token_is_kept_where_the_route_says_so():
    def routes(rig):
        return [rig.route(authorization=CallerAuthorization.KEEP)]

    async with stage(routes=routes) as on:
        await on.begins(request("GET", "/mine", "Authorization: Basic abc"))
        assert (await on.caller.answer()).status == 200
        await on.begins()
        assert (await on.caller.answer()).status == 200

        own, ours = (each.head.values("Authorization") for each in on.rig.upstream.requests[1:])
        assert (own, ours) == ([b"Basic abc"], [b"Bearer token_1"])


EARLY = {
    "no route": (request("GET", "/other"), 404),
    "no such method": (request("DELETE", "/crm"), 405),
    "a dot segment": (request("GET", "/crm/../a"), 400),
    "a foreign page": (request("GET", "/guarded", "Origin: https://evil.test"), 403),
    "a token of its own": (request("GET", "/reject", "Authorization: Basic abc"), 403),
    "OPTIONS that goes no further": (request("OPTIONS", "/crm", "Max-Forwards: 0"), 204),
}


@pytest.mark.parametrize("name", EARLY)
async def test_what_is_answered_by_the_gateway_leaves_the_connection_in_use(name):
    def routes(rig):
        return [
            rig.route("/crm", methods=frozenset({"GET", "OPTIONS"})),
            rig.route("/guarded", refuses_foreign_pages=True),
            rig.route("/reject", authorization=CallerAuthorization.REJECT),
            rig.route("/mine"),
        ]

    async with Rig(routes=routes) as rig:
        caller = await rig.caller()
        data, status = EARLY[name]
        for _ in range(2):
            assert (await caller.ask(MINE)).status == 200
            answer = await caller.ask(data)
            assert (answer.status, answer.closes) == (status, False)

        assert {each.target for each in rig.upstream.requests} == {b"/mine"}
        assert [record.status for record in rig.told.records] == [200, status] * 2


# ── a caller that does not read ───────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def stuck(rig):
    """A caller that takes nothing: one request after the other, until the kernel takes nothing more either."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (rig.address.host, rig.address.port))
    for _ in range(20):
        await asyncio.sleep(0)
    front = next(front for front in fronts(rig) if front.call is None and front.link._waiter is not None)
    count = 0
    while not front.link.writing_paused:
        await loop.sock_sendall(sock, MINE)
        count += 1
        await rig.told.until(lambda count=count: len(rig.told.records) == count)
        assert count < 1000
    try:
        yield sock, count
    finally:
        sock.close()


async def test_a_caller_that_takes_nothing_at_the_end_of_a_fast_call_is_waited_for():
    body = b"x" * 60_000
    async with (
        Rig(ok(body), limits=Limits(keepalive_timeout_s=30.0)) as rig,
        stuck(rig) as (sock, count),
    ):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, MINE)
        await asyncio.sleep(0.05)
        assert len(rig.told.records) == count, "whoever takes nothing is not served further"
        caller = RawCaller(*await asyncio.open_connection(sock=sock.dup()))
        answers = [await caller.answer() for _ in range(count + 1)]
        await caller.close()

        assert [each.body for each in answers] == [body] * (count + 1)


async def test_a_caller_that_never_takes_its_answer_is_left():
    async with Rig(ok(b"x" * 60_000), limits=Limits(keepalive_timeout_s=0.3)) as rig, stuck(rig):
        async with asyncio.timeout(5.0):
            while fronts(rig):
                await asyncio.sleep(0.01)


# ── the end of the gateway ────────────────────────────────────────────────────────────────────────────


async def test_a_fast_call_is_finished_when_the_gateway_ends():
    gate, handler = waiting()
    async with stage(handler) as on:
        await on.begins()
        closing = asyncio.create_task(on.rig.gateway.close(5.0))
        await asyncio.sleep(0.02)
        gate.set()
        answer = await on.caller.answer()
        await closing

        assert (answer.body, answer.closes) == (b"mine", True)
        assert await on.caller.rest() == b""


async def test_a_fast_call_that_takes_longer_than_the_grace_is_cut_off():
    async with stage(hang) as on:
        await on.begins()
        async with asyncio.timeout(3.0):
            await on.rig.gateway.close(0.1)
        with pytest.raises(Nothing):
            await on.caller.answer()
        await on.rig.upstream.until(lambda: not on.rig.upstream.open)

        assert (await on.told()).error == "caller_gone"


async def test_an_idle_connection_behind_a_fast_call_is_closed_when_the_gateway_ends():
    async with stage() as on:
        assert (await on.caller.ask(MINE)).body == b"mine"
        async with asyncio.timeout(2.0):
            await on.rig.gateway.close(30.0)

            assert await on.caller.rest() == b""


# ── faults of ours ────────────────────────────────────────────────────────────────────────────────────


def raising(*_, **__):
    raise TypeError("a fault")


STEPS = [
    (Handler, "_match"),
    (Handler, "begun"),
    (Handler, "_with_token_at_hand"),
    (Exchange, "_send"),
    (Exchange, "is_whole"),
    (Handler, "must_recover"),
    (Handler, "note_accepted"),
    (fast_lane, "relay_at_once"),
]


@pytest.mark.interpreted
@pytest.mark.parametrize(("place", "name"), STEPS, ids=[name for _, name in STEPS])
async def test_a_fault_of_ours_in_any_step_is_one_answer_and_one_record(monkeypatch, place, name):
    async with stage([ok(b"mine"), ok(b"next")]) as on:
        monkeypatch.setattr(place, name, staticmethod(raising) if place is not fast_lane else raising)
        answer = await on.caller.ask(MINE)
        monkeypatch.undo()

        assert (answer.status, answer.code) == (500, InternalError.code)
        assert (await on.told()).error == "internal_error"
        assert (await on.rig.get("/mine")).status == 200


@pytest.mark.interpreted
@pytest.mark.parametrize(("place", "name"), [(FastLane, "_look"), (FastLane, "_begin"), (Front, "begun")])
async def test_a_fault_beside_the_steps_ends_its_connection_and_no_other(monkeypatch, place, name):
    """What the lane itself fails with: nobody could say what was written, so the connection goes."""
    async with stage() as on:
        victim, whole = on.front, getattr(place, name)

        def one(*arguments):
            is_victim = victim in arguments
            return raising() if is_victim else whole(*arguments)

        other = await on.rig.caller()
        assert (await other.ask(MINE)).status == 200
        monkeypatch.setattr(place, name, one)
        on.caller.write(MINE)
        other.write(MINE)
        assert (await other.answer()).body == b"mine"
        assert await on.caller.rest() in (b"", ok(b"mine"))
        monkeypatch.undo()
        taken, on.rig.faults = on.rig.faults, []
        on.rig._loop.set_exception_handler(lambda _, context: on.rig.faults.append(context))

        assert {type(context["exception"]) for context in taken} == {TypeError}
