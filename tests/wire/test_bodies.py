"""Bodies: every framing in both directions, streamed with back-pressure, never changed.

RFC 9112 sections 6 and 7; RFC 9110 sections 6.5, 10.1.1, 15.2.
"""

import asyncio
import hashlib
from contextlib import suppress

import pytest

from gateway.core.settings import Limits, Timeouts
from tests.wire.messages import Broken, chunked, ok, request
from tests.wire.rig import Rig

MIB = 1024 * 1024
BLOCK = bytes(range(256)) * 256  # 64 KiB


async def echo(exchange):
    exchange.write(ok(await exchange.body()))


# ── framings ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"a", b"abc" * 1000, bytes(range(256))])
async def test_a_body_by_length_stays_one(body):
    async with Rig(echo) as rig:
        answer = await rig.ask(request("PUT", "/", f"Content-Length: {len(body)}", body=body))

        assert (answer.body, answer.framing) == (body, "length")
        assert rig.upstream.requests[0].head.value("Content-Length") == b"%d" % len(body)


@pytest.mark.parametrize("parts", [[], [b"a"], [b"abc", b"\r\n0\r\n\r\n", b"d" * 5000]])
async def test_a_chunked_body_stays_one_and_is_framed_anew(parts):
    async with Rig(echo) as rig:
        answer = await rig.ask(request("PUT", "/", "Transfer-Encoding: Chunked", body=chunked(*parts)))

        assert answer.body == b"".join(parts)
        head = rig.upstream.requests[0].head
        assert head.value("Transfer-Encoding") == b"chunked"
        assert head.value("Content-Length") is None


async def test_a_body_of_a_get_passes():
    async with Rig(echo) as rig:
        assert (await rig.ask(request("GET", "/", body=b"query"))).body == b"query"


@pytest.mark.parametrize(
    ("raw", "framing"),
    [
        (ok(b"hello"), "length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hel", b"lo"), "chunked"),
    ],
)
async def test_an_answer_keeps_its_framing(raw, framing):
    async with Rig(raw) as rig:
        answer = await rig.get()

        assert (answer.body, answer.framing) == (b"hello", framing)


async def test_an_answer_until_close_is_chunked_for_a_caller_who_knows_chunks():
    """So that the caller sees where it ends, and the connection goes on."""

    async def until_close(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello")
        exchange.close()

    async with Rig(until_close) as rig:
        caller = await rig.caller()
        for _ in range(2):
            answer = await caller.ask(request("GET", "/"))
            assert (answer.body, answer.framing) == (b"hello", "chunked")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hel", b"lo"),
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["chunked", "until close"],
)
@pytest.mark.parametrize("field", [b"", b"Connection: keep-alive\r\n"])
async def test_an_http_1_0_caller_gets_the_plain_body_until_the_close(raw, field):
    async def then_close(exchange):
        exchange.write(raw)
        exchange.close()

    async with Rig(then_close) as rig:
        answer = await rig.ask(b"GET / HTTP/1.0\r\n" + field + b"\r\n")

        assert (answer.body, answer.framing) == (b"hello", "close")
        assert answer.closes


async def test_an_http_1_0_caller_may_send_a_body_by_length():
    async with Rig(echo) as rig:
        answer = await rig.ask(b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")

        assert answer.body == b"hello"


async def test_an_http_1_0_caller_gets_no_trailers_and_no_trailer_field():
    raw = b"HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
        b"a", trailers=b"X-T: 1\r\n"
    )
    async with Rig(raw) as rig:
        answer = await rig.ask(b"GET / HTTP/1.0\r\nTE: trailers\r\nConnection: TE\r\n\r\n")

        assert answer.body == b"a"
        assert answer.head.value("Trailer") is None


async def test_content_encodings_pass_untouched():
    async with Rig(ok(b"\x1f\x8b not really gzip", "Content-Encoding: gzip")) as rig:
        answer = await rig.ask(request("POST", "/", "Content-Encoding: br", body=b"not really brotli"))

        assert answer.body == b"\x1f\x8b not really gzip"
        assert answer.head.value("Content-Encoding") == b"gzip"
        assert rig.upstream.requests[0].content == b"not really brotli"


# ── streaming ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_download_arrives_whole():
    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB))
        for _ in range(128):
            await exchange.send(BLOCK)

    async with Rig(flood) as rig:
        assert hashlib.sha256((await rig.get()).body).digest() == hashlib.sha256(BLOCK * 128).digest()


async def test_a_long_chunked_download_arrives_whole():
    async def flood(exchange):
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(128):
            await exchange.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        await exchange.send(b"0\r\n\r\n")

    async with Rig(flood) as rig:
        answer = await rig.get()

        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(BLOCK * 128).digest()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["by length", "chunked"])
async def test_a_long_upload_arrives_whole(is_chunked):
    async with Rig() as rig:
        caller = await rig.caller()
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {8 * MIB}"
        await caller.send(request("PUT", "/", framing))
        for _ in range(128):
            await caller.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK) if is_chunked else BLOCK)
        answer = await caller.ask(b"0\r\n\r\n" if is_chunked else b"")

        assert answer.status == 200
        assert (
            hashlib.sha256(rig.upstream.requests[0].content).digest() == hashlib.sha256(BLOCK * 128).digest()
        )
        assert rig.told.records[0].request_bytes == 8 * MIB


async def test_a_body_streams_while_it_is_sent():
    """Neither side waits for the end of the other's body: a part goes out before the next one comes."""

    async def chat(exchange):
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            part = await exchange.some()
            exchange.write(b"%x\r\n%b\r\n" % (len(part), part))
        exchange.write(b"0\r\n\r\n")
        exchange.close()

    async with Rig(chat, routes=lambda rig: [rig.route(has_token=False)]) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 1000"))
        await rig.upstream.until(lambda: rig.upstream.requests)
        heard = []
        await caller.send(b"one")
        await caller.head()
        for word in (b"two", b"three", b""):
            heard.append((await caller.reader.readuntil(b"\r\n"), await caller.reader.readuntil(b"\r\n"))[1])
            await caller.send(word)

        assert heard == [b"one\r\n", b"two\r\n", b"three\r\n"]


async def test_an_upstream_that_never_stops_is_held_back_by_a_caller_who_does_not_read():
    sent = 0

    async def endless(exchange):
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 256 * MIB:
            await exchange.send(b"10000\r\n" + BLOCK + b"\r\n")
            sent += len(BLOCK)

    async with Rig(endless) as rig:
        caller = await rig.caller()
        await caller.send(request("GET", "/"))
        await stands_still(lambda: sent)

        assert sent < 64 * MIB  # what the sockets of the loopback swallow


async def test_a_caller_who_never_stops_is_held_back_by_an_upstream_that_does_not_read():
    async def deaf(exchange):
        await stop.wait()

    stop = asyncio.Event()
    async with Rig(deaf) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Transfer-Encoding: chunked"))
        sent = 0

        async def flood():
            nonlocal sent
            while sent < 256 * MIB:
                await caller.send(b"10000\r\n" + BLOCK + b"\r\n")
                sent += len(BLOCK)

        flooding = asyncio.create_task(flood())
        await stands_still(lambda: sent)
        flooding.cancel()
        stop.set()

        assert sent < 64 * MIB


async def stands_still(count):
    last = -1
    while last != (now := count()):
        last = now
        await asyncio.sleep(0.15)


# ── Expect: 100-continue ──────────────────────────────────────────────────────────────────────────────

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
    """The 100 comes after route, access and token are settled (design section 6)."""
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


@pytest.mark.time_lapse
async def test_a_refused_expectation_is_recovered_and_the_body_sent_once():
    async def handler(exchange):
        if exchange.token == "token_1":
            exchange.write(ok(b"no", status="401 Unauthorized"))
            await exchange.gone()
        else:
            exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            exchange.write(ok(await exchange.body()))

    async with Rig(handler) as rig:
        caller = await rig.caller()
        await caller.send(EXPECTS)
        assert (await caller.head()).line == b"HTTP/1.1 100 Continue"
        assert rig.upstream.tokens == ["token_1", "token_2"]

        assert (await caller.ask(b"hello")).body == b"hello"


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


def at_most(count):
    return lambda rig: [rig.route(max_body_bytes=count)]


async def test_a_body_of_exactly_the_limit_passes():
    async with Rig(echo, routes=at_most(5)) as rig:
        assert (await rig.ask(request("POST", "/", body=b"hello"))).body == b"hello"
        answer = await rig.ask(
            request("POST", "/", "Transfer-Encoding: chunked", body=chunked(b"hel", b"lo"))
        )
        assert answer.body == b"hello"


async def test_a_body_that_says_it_is_too_long_is_refused_before_anything_is_sent():
    async with Rig(routes=at_most(5)) as rig:
        caller = await rig.caller()
        answer = await caller.ask(request("POST", "/", "Content-Length: 6"))

        assert (answer.status, answer.code, answer.closes) == (413, "body_too_large", True)
        assert await caller.rest() == b""
        assert rig.upstream.saw_nothing


@pytest.mark.parametrize("is_split", [False, True], ids=["at once", "in pieces"])
async def test_a_body_that_turns_out_too_long_is_refused_and_never_ends_cleanly(is_split):
    async with Rig(routes=at_most(5)) as rig:
        caller = await rig.caller()
        head, body = request("POST", "/", "Transfer-Encoding: chunked"), chunked(b"hel", b"lo!")
        if is_split:
            await caller.send(head + body[:8])
            await rig.upstream.until(lambda: rig.upstream.requests)
            head, body = b"", body[8:]
        answer = await caller.ask(head + body + request("GET", "/next"))

        assert (answer.status, answer.code, answer.closes) == (413, "body_too_large", True)
        assert await caller.rest() == b""
        await rig.upstream.until(lambda: not rig.upstream.open)
        assert [each.raw_body for each in rig.upstream.requests if each.raw_body] == []


# ── bodies without a client, small budgets ────────────────────────────────────────────────────────────


async def test_nothing_is_kept_for_replays_on_a_route_without_a_client():
    routes = lambda rig: [rig.route(has_token=False)]  # noqa: E731
    async with Rig(echo, routes=routes, limits=Limits(replay_total_bytes=0)) as rig:
        assert (await rig.ask(request("POST", "/", body=b"hello"))).body == b"hello"


async def test_without_a_budget_bodies_pass_all_the_same():
    async with Rig(echo, limits=Limits(replay_bytes=0, replay_total_bytes=0)) as rig:
        assert (await rig.ask(request("POST", "/", body=b"hello"))).body == b"hello"


async def test_an_upload_that_takes_longer_than_the_response_time_out_is_no_late_answer():
    routes = lambda rig: [rig.route(timeouts=Timeouts(response_s=0.25, idle_s=5.0))]  # noqa: E731
    async with Rig(echo, routes=routes) as rig:
        caller = await rig.caller()
        await caller.send(request("POST", "/", "Content-Length: 5"))
        for byte in b"hello":
            await asyncio.sleep(0.1)
            await caller.send(bytes([byte]))

        assert (await caller.answer()).body == b"hello"
