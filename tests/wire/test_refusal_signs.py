"""A dead credential, told in other ways than by 401: over real sockets and by both ways."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.http.refusal_signs import MOST_BODY_BYTES
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.settings.route_settings import Timeouts
from gateway.core.text.json_condition import JsonCondition
from gateway.core.text.json_pointer import read_pointer
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

pytestmark = pytest.mark.time_lapse

ERRCODE = RefusalSign(200, json=(JsonCondition(read_pointer("/errcode"), (42001,)),))
HTML = RefusalSign(200, content_type="text/html")
JSON = "Content-Type: application/json"
DEAD = b'{"errcode": 42001}'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def routes(*signs, **members):
    members = {"recover_on": frozenset({401}), "refusal_signs": signs} | members
    return lambda rig: [rig.route(**members)]


def outcomes(rig):
    return [record.recovery for record in rig.told.records]


SAID = {
    "440": (None, ok(b"no", status="440 Login Time-out")),
    "500": (None, ok(b"no", status="500 Oops")),
    "redirect": (RefusalSign(302, "/login"), ok(b"", "Location: /login?next=%2F", status="302 Found")),
    "page": (HTML, ok(b"<form>", "Content-Type: text/html; charset=utf-8")),
    "field": (
        RefusalSign(403, fields=(("X-CSRF-Token", "Required"),)),
        ok(b"no", "x-csrf-token: Required", status="403 Forbidden"),
    ),
    "body": (ERRCODE, ok(DEAD, JSON)),
    "chunked body": (ERRCODE, CHUNKED + b"9\r\n" + DEAD[:9] + b"\r\n9\r\n" + DEAD[9:] + b"\r\n0\r\n\r\n"),
    "packed body": (ERRCODE, ok(gzip.compress(DEAD), JSON, "Content-Encoding: gzip")),
    "body until close": (ERRCODE, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + DEAD),
}


@pytest.mark.parametrize("name", SAID)
async def test_however_it_is_told_it_recovers_once(name):
    sign, refusal = SAID[name]
    signs = () if sign is None else (sign,)
    statuses = frozenset({401}) if signs else frozenset({int(name)})

    async def guard(exchange):
        await exchange.body()
        exchange.write(ok(b"served", JSON) if exchange.token == "token_2" else refusal)
        if name == "body until close" and exchange.token != "token_2":
            exchange.close()

    async with Rig(guard, routes=routes(*signs, recover_on=statuses)) as rig:
        answer = await rig.ask(request("POST", "/a", body=b"twice"))
        again = await rig.get("/b")
        assert (answer.status, answer.body, again.body) == (200, b"served", b"served")
        assert rig.upstream.tokens == ["token_1", "token_2", "token_2"]
        assert [each.content for each in rig.upstream.requests] == [b"twice", b"twice", b""]
        assert outcomes(rig) == [Recovery.RECOVERED, Recovery.NONE]


@pytest.mark.parametrize(
    "answer",
    [
        ok(b'{"errcode": 0}', JSON),
        ok(DEAD, "Content-Type: text/plain"),
        ok(DEAD + b" " * MOST_BODY_BYTES, JSON),
        CHUNKED
        + b"%x\r\n" % (len(DEAD) + MOST_BODY_BYTES)
        + DEAD
        + b" " * MOST_BODY_BYTES
        + b"\r\n0\r\n\r\n",
        ok(DEAD, JSON, status="201 Created"),
        ok(b"", JSON),
        ok(b"<html>", JSON),
    ],
    ids=[
        "another code",
        "another type",
        "too long",
        "too long in chunks",
        "another status",
        "empty",
        "no JSON",
    ],
)
async def test_all_else_passes_whole(answer):
    async with Rig(answer, routes=routes(ERRCODE)) as rig:
        got = await rig.get()
        body = answer.partition(b"\r\n\r\n")[2]
        assert got.body == body if got.framing != "chunked" else got.body.strip() == DEAD
        assert rig.upstream.tokens == ["token_1"]
        assert outcomes(rig) == [Recovery.NONE]


async def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not():
    async def guard(exchange):
        longer = exchange.target == b"/longer"
        padded = DEAD + b" " * (MOST_BODY_BYTES - len(DEAD) + longer)
        exchange.write(ok(padded, JSON) if exchange.token == "token_1" else ok(b"{}", JSON))

    async with Rig(guard, routes=routes(ERRCODE)) as rig:
        assert len((await rig.get("/longer")).body) == MOST_BODY_BYTES + 1
        assert (await rig.get("/exactly")).body == b"{}"


async def test_a_body_that_is_too_long_streams_as_soon_as_that_is_known():
    head_came = asyncio.Event()

    async def slowly(exchange):
        exchange.write(CHUNKED + b"a\r\n" + b'{"a": "bcd' + b"\r\n")
        exchange.write(b"%x\r\n" % MOST_BODY_BYTES + b"x" * MOST_BODY_BYTES + b"\r\n")
        await head_came.wait()
        exchange.write(b"0\r\n\r\n")

    async with Rig(slowly, routes=routes(ERRCODE)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        head = await caller.head()
        head_came.set()
        assert (await caller.body_of(head)).body.endswith(b"x")


async def test_nothing_goes_out_before_it_is_decided():
    """Else the upstream that breaks off meanwhile could not become a 502."""

    async def breaks(exchange):
        exchange.write(CHUNKED + b"a\r\n" + b'{"a": "bcd' + b"\r\n")
        exchange.close()

    async with Rig(breaks, routes=routes(ERRCODE)) as rig:
        answer = await rig.get()
        assert (answer.status, answer.code) == (502, "upstream_answer_incomplete")
        assert outcomes(rig) == [Recovery.NONE]


async def test_a_service_that_says_so_to_every_token_costs_no_more_than_one_that_says_401():
    async with Rig(ok(b"<form>", "Content-Type: text/html"), routes=routes(HTML)) as rig:
        caller = await rig.caller()
        bodies = [(await caller.ask(request("GET", "/"))).body for _ in range(5)]
        assert bodies == [b"<form>"] * 5
        assert outcomes(rig) == [Recovery.REJECTED_AGAIN, *[Recovery.HELD] * 4]
        assert rig.authorization_server.granted == 2


async def test_a_page_that_refuses_is_no_proof_that_the_token_was_accepted():
    """Though its status is 200: else every refusal would be news, and the budget would never end."""
    async with Rig(ok(b"<form>", "Content-Type: text/html"), routes=routes(HTML)) as rig:
        for number in range(6):
            await rig.get(f"/{number}")
        route = rig.gateway.generation.routes[0]
        assert route.acceptance.token is None
        assert outcomes(rig).count(Recovery.REJECTED_AGAIN) == 3
        assert outcomes(rig)[-1] is Recovery.HELD


async def test_a_replay_that_is_refused_in_its_body_passes():
    async with Rig(SAID["chunked body"][1], routes=routes(ERRCODE)) as rig:
        answer = await rig.get()
        assert (answer.status, answer.body) == (200, DEAD)
        assert outcomes(rig) == [Recovery.REJECTED_AGAIN]


async def test_a_head_request_has_no_body_to_tell():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n"
    async with Rig(head, routes=routes(ERRCODE)) as rig:
        answer = await rig.ask(request("HEAD", "/"))
        assert answer.status == 200
        assert outcomes(rig) == [Recovery.NONE]


# ── while a response is held ──────────────────────────────────────────────────────────────────────

PART = CHUNKED + b"a\r\n" + b'{"a": "bcd' + b"\r\n"


async def test_a_caller_that_leaves_ends_the_exchange():
    async def holds(exchange):
        exchange.write(PART)
        await exchange.gone()

    async with Rig(holds, routes=routes(ERRCODE)) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        caller.leave()
        await rig.told.until(lambda: rig.told.records)
        assert rig.told.records[0].error == "caller_gone"
        await rig.upstream.until(lambda: not rig.upstream.open)


async def test_an_upstream_that_stalls_is_given_up():
    async def holds(exchange):
        exchange.write(PART)
        await exchange.gone()

    quick = Timeouts(connect_s=20.0, response_s=20.0, idle_s=0.3)
    async with Rig(holds, routes=routes(ERRCODE, timeouts=quick)) as rig:
        answer = await rig.get()
        assert (answer.status, answer.code) == (504, "upstream_timeout")


async def test_a_replay_that_breaks_off_leaves_nothing_behind():
    async def breaks(exchange):
        await exchange.body()
        exchange.write(ok(DEAD, JSON) if exchange.token == "token_1" else PART)
        if exchange.token != "token_1":
            exchange.close()

    async with Rig(breaks, routes=routes(ERRCODE)) as rig:
        answer = await rig.get()
        assert (answer.status, answer.code) == (502, "upstream_answer_incomplete")
        assert rig.upstream.tokens == ["token_1", "token_2"]
        (pool,) = rig.gateway.generation.pools.values()
        assert not [each for each in pool._all if each.answer is not None]
