"""Connections of callers: how long they are kept, and that pipelined requests keep their order. RFC 9112 section 9."""

import asyncio

from tests.wire.messages import chunked, ok, request
from tests.wire.rig import Rig
from tests.wire.servers import stands_still


async def test_a_connection_serves_many_requests_and_so_does_the_upstreams():
    async with Rig() as rig:
        caller = await rig.caller()
        for number in range(20):
            assert (await caller.ask(request("GET", f"/{number}"))).status == 200

        assert [each.connection for each in rig.upstream.requests] == [1] * 20


async def test_connection_close_is_heeded():
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("GET", "/", "Connection: close") + request("GET", "/more"))

        assert (answer.status, answer.closes) == (200, True)
        assert await caller.rest() == b""
        assert len(rig.upstream.requests) == 1


async def test_an_empty_line_behind_the_last_request_is_no_fault():
    """RFC 9112 section 2.2: old callers send one behind a body."""
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/", "Connection: close", body=b"abc") + b"\r\n")

        assert (answer.status, answer.closes) == (200, True)


async def test_an_http_1_0_caller_is_answered_and_the_connection_closed():
    async with Rig() as rig:
        caller = await rig.caller()
        answer = await caller.ask(b"GET /old HTTP/1.0\r\n\r\n")

        assert (answer.status, answer.body, answer.framing) == (200, b"ok", "length")
        assert await caller.rest() == b""
        head = rig.upstream.requests[0].head
        assert head.line == b"GET /old HTTP/1.1"
        assert head.value("Host") == b"127.0.0.1:%d" % rig.upstream.port
        assert head.value("Via") == b"1.0 gateway"


async def test_an_http_1_0_caller_may_keep_the_connection():
    async with Rig() as rig:
        caller = await rig.caller()
        for _ in range(3):
            answer = await caller.ask(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
            assert answer.status == 200
            assert answer.head.value("Connection") == b"keep-alive"


async def test_fifty_requests_in_one_write_are_answered_in_their_order():
    """Answers that come back in another order would hand one request's data to another."""

    async def late_if_even(exchange):
        number = int(exchange.target[1:])
        if number % 2 == 0:
            await asyncio.sleep(0.002)
        exchange.write(ok(b"%d" % number))

    async with Rig(late_if_even) as rig:
        caller = await rig.caller()
        await caller.send(b"".join(request("GET", f"/{number}") for number in range(50)))

        assert [int((await caller.answer()).body) for _ in range(50)] == list(range(50))


async def test_pipelined_requests_with_bodies_keep_their_bodies():
    async def echo(exchange):
        exchange.write(ok(await exchange.body()))

    async with Rig(echo) as rig:
        caller = await rig.caller()
        await caller.send(b"".join(request("POST", "/", body=b"%d" % number) for number in range(30)))

        assert [int((await caller.answer()).body) for _ in range(30)] == list(range(30))


async def test_a_pipelined_request_behind_chunks_is_served_or_the_close_is_announced():
    """RFC 9112 section 9.6: who closes after an answer says so, or the caller waits for the next one."""
    async with Rig() as rig:
        caller = await rig.caller()
        first = request("POST", "/", "Transfer-Encoding: chunked", body=chunked(b"abc"))
        answer = await caller.ask(first + request("GET", "/next"))

        assert answer.status == 200
        if answer.closes:
            assert await caller.rest() == b""
        else:
            assert (await caller.answer()).status == 200


async def test_requests_that_come_byte_by_byte_are_served():
    async with Rig() as rig:
        caller = await rig.caller()
        data = request("POST", "/slow?q", "X-Foo: bar", body=b"abc") + request("GET", "/next")
        for at in range(len(data)):
            await caller.send(data[at : at + 1])
            await asyncio.sleep(0)

        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert rig.upstream.requests[0].content == b"abc"


async def test_many_callers_are_served_side_by_side():
    async with Rig() as rig:
        answers = await asyncio.gather(*(rig.get(f"/{number}") for number in range(200)))

        assert {answer.status for answer in answers} == {200}
        assert {each.target for each in rig.upstream.requests} == {b"/%d" % n for n in range(200)}


# ── targets ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_goes_on_after_a_problem_that_is_no_malformed_request():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        await caller.send(
            request("GET", "/other") + request("GET", "/crm") + request("POST", "/no", body=b"abc")
        )

        assert [(await caller.answer()).status for _ in range(3)] == [404, 200, 404]


async def test_a_refused_request_whose_body_is_still_to_come_ends_the_connection():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/other", "Content-Length: 100"))
        await caller.send(request("GET", "/crm") + b"a" * 100)

        assert (answer.status, answer.closes) == (404, True)
        assert await caller.rest() == b""
        assert rig.upstream.saw_nothing


async def test_a_caller_who_pipelines_and_does_not_read_is_not_served_without_bound():
    """Every answer is buffered for somebody who may never take it: the queue must stop the reading."""
    async with Rig(ok(b"a" * 100_000)) as rig:
        caller = await rig.caller()
        caller.write(request("GET", "/") * 1000)
        await caller.writer.drain()
        served = await stands_still(lambda: len(rig.upstream.requests))

        assert served < 200  # 20 MB; sockets on the loopback take some megabytes


async def test_a_caller_who_pipelines_refused_requests_and_does_not_read_is_stopped():
    async with Rig(routes=lambda rig: [rig.route("/crm")]) as rig:
        caller = await rig.caller()
        caller.write(request("GET", "/other") * 60_000)
        served = await stands_still(lambda: len(rig.told.records))

        assert served < 60_000, "27 MB of refusals are kept for somebody who does not read"
