"""Bodies: every framing in both directions, never changed, bounded by `max_body`. RFC 9112 sections 6 and 7."""

import asyncio

import pytest

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.route_settings import Timeouts
from tests.wire.messages import chunked, ok, request
from tests.wire.moods import echo
from tests.wire.rig import Rig


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
