"""`Expect: 100-continue`, informational answers and trailers. RFC 9110 sections 6.5, 10.1.1 and 15.2."""

import asyncio
from contextlib import suppress

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.settings.all_settings import Limits
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.moods import echo
from tests.wire.rig import Rig

EXPECTS = request("POST", "/", "Expect: 100-continue", "Content-Length: 5")


async def test_the_upstreams_100_invites_the_body():
    async def handler(exchange):
        assert exchange.head.value("Expect") == b"100-continue"
        asked.set()
        await go.wait()
        exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.write(ok(await exchange.body()))

    asked, go = asyncio.Event(), asyncio.Event()
    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        await asked.wait()
        go.set()
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        answer = await caller.ask(b"hello")

        assert (answer.status, answer.body, answer.interim) == (200, b"hello", [])


@pytest.mark.parametrize("status", ["413 Content Too Large", "403 Forbidden"])
async def test_an_upstream_that_refuses_the_expectation_is_heard_without_the_body(status):
    async def refuse(exchange):
        exchange.write(ok(b"no", status=status))
        await exchange.gone()

    async with Rig(refuse) as rig:
        caller = await rig.caller()
        answer = await caller.ask(EXPECTS)

        assert (answer.status, answer.body, answer.interim) == (int(status[:3]), b"no", [])
        assert answer.closes, "whether the body comes after all, nobody knows"
        await caller.send(request("GET", "/smuggled"))
        assert await caller.rest() == b""


async def test_an_upstream_that_ignores_the_expectation_gets_the_body_after_a_while():
    async with Rig(echo) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"

        assert (await caller.ask(b"hello")).body == b"hello"


async def test_a_caller_who_does_not_wait_for_the_invitation_is_served():
    async with Rig(echo) as rig:
        answer = await rig.ask(EXPECTS + b"hello")

        assert (answer.status, answer.body) == (200, b"hello")


async def test_an_upstream_that_asks_twice_is_no_fault():
    async def handler(exchange):
        exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 2)
        exchange.write(ok(await exchange.body()))

    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        answer = await caller.ask(b"hello")

        assert (answer.body, answer.interim) == (b"hello", [])


async def test_the_expectation_of_an_http_1_0_caller_is_ignored():
    async with Rig(echo) as rig:
        caller = await rig.caller()
        await caller.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        answer = await caller.ask(b"hello")

        assert (answer.body, answer.interim) == (b"hello", [])
        assert rig.upstream.requests[0].head.value("Expect") is None


async def test_a_100_that_nobody_expected_is_not_passed_on():
    async with Rig(b"HTTP/1.1 100 Continue\r\n\r\n" + ok()) as rig:
        assert (await rig.get()).interim == []


async def test_another_expectation_is_answered_417():
    async with Rig() as rig:
        answer = await rig.ask(request("POST", "/", "Expect: 200-ok", body=b"hello"))

        assert (answer.status, answer.code) == (417, "expectation_failed")
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize("target", ["/nowhere", "/small"])
async def test_no_body_is_invited_that_would_be_refused(target):
    """The 100 comes after route, access and token are settled (RFC 9110 section 10.1.1)."""
    routes = lambda rig: [rig.route("/small", max_body_bytes=4)]  # noqa: E731
    async with Rig(routes=routes) as rig:
        caller = await rig.caller()
        answer = await caller.ask(EXPECTS.replace(b" / ", f" {target} ".encode()))

        assert (answer.status, answer.interim, answer.closes) == (
            404 if target == "/nowhere" else 413,
            [],
            True,
        )
        assert rig.upstream.saw_nothing


async def refuse_the_first_token_unseen(exchange):
    if exchange.token == "token_1":
        exchange.write(ok(b"no", status="401 Unauthorized"))
        await exchange.gone()
    else:
        exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.write(ok(await exchange.body()))


@pytest.mark.time_lapse
async def test_a_refused_expectation_is_recovered_and_the_body_sent_once():
    async with Rig(refuse_the_first_token_unseen) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        assert rig.upstream.tokens == ["token_1", "token_2"]

        assert (await caller.ask(b"hello")).body == b"hello"


async def test_a_body_longer_than_any_that_is_kept_is_sent_by_the_replay_if_the_first_was_refused_unseen():
    async with Rig(refuse_the_first_token_unseen, limits=Limits(replay_bytes=4)) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        assert (await caller.ask(b"hello")).body == b"hello"
        assert rig.upstream.tokens == ["token_1", "token_2"]
        assert rig.told.records[0].recovery is Recovery.RECOVERED


# ── informational answers, trailers ───────────────────────────────────────────────────────────────────


async def test_early_hints_are_passed_on_before_the_answer():
    async def handler(exchange):
        exchange.write(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"
        )
        await seen.wait()
        exchange.write(ok())

    seen = asyncio.Event()
    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        hints = await caller.head()
        seen.set()
        answer = await caller.answer()

        assert hints.line == b"HTTP/1.1 103 Early Hints"
        assert hints.value("Link") == b"</a.css>; rel=preload"
        assert not {b"connection", b"x-hop"} & set(hints.names)
        assert answer.status == 200


async def test_early_hints_do_not_reach_an_http_1_0_caller():
    async with Rig(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok()) as rig:
        answer = await rig.ask(b"GET / HTTP/1.0\r\n\r\n")

        assert (answer.status, answer.interim) == (200, [])


TRAILED = (
    b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked(b"hello", trailers=b"X-Sum: 5\r\nSet-Cookie: a=b\r\nSet_Cookie: c=d\r\nConnection: close\r\n")
)  # fmt: skip


@pytest.mark.parametrize(
    "fields", [["TE: trailers", "Connection: TE"], ["TE: gzip;q=0.5, Trailers", "Connection: te, close"]]
)
async def test_trailers_are_passed_to_a_caller_who_asked_for_them(fields):
    """RFC 9110 section 6.5: never those that would change how the message is read."""
    async with Rig(TRAILED) as rig:
        answer = await rig.get("/", *fields)

        assert answer.body == b"hello"
        assert answer.trailers == [(b"X-Sum", b"5")]
        assert answer.head.value("Trailer") == b"X-Sum"
        assert rig.upstream.requests[0].head.value("TE") == b"trailers"


async def test_trailers_and_their_field_are_dropped_where_nobody_asked():
    async with Rig(TRAILED) as rig:
        answer = await rig.get()

        assert (answer.body, answer.trailers) == (b"hello", [])
        assert answer.head.value("Trailer") is None


@pytest.mark.parametrize(
    "line", [b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n"]
)
async def test_a_trailer_that_would_change_the_framing_never_passes(line):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", trailers=line)
    async with Rig(raw) as rig:
        with suppress(Broken):
            answer = await rig.get("/", "TE: trailers", "Connection: TE")
            assert answer.status == 502 or (answer.body, answer.trailers) == (b"hello", [])


async def test_a_flood_of_trailers_breaks_the_answer():
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
        + b"X-Foo: aaaaaaaaaaaa\r\n" * 40_000
    )
    async with Rig(raw + b"\r\n") as rig:
        with pytest.raises(Broken):
            answer = await rig.get("/", "TE: trailers", "Connection: TE")
            raise Broken(answer.code)


# ── max_body ──────────────────────────────────────────────────────────────────────────────────────────
