"""How an answer that is whole goes to the caller: its head, its framing, and what becomes of the connection."""

import asyncio

import pytest
from aiohttp import StreamReader

from gateway.core.settings.all_settings import Limits
from gateway.proxy.body import ReplayBudget, RequestBody
from gateway.proxy.outgoing.answer import WholeAnswer
from gateway.proxy.outgoing.answer_reader import AnswerReader
from gateway.proxy.relay import relay_at_once
from tests.proxy.calls import call_of, connection_of, rig
from tests.wire.messages import ok

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: D\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
TRAILERS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nDate: D\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\nHost: a\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nDate: D\r\n\r\nabc"


def answered(data, *, is_head=False):
    reader = AnswerReader(Limits())
    reader.begin(is_head=is_head)
    reader.feed(data)
    reader.end_of_input(is_clean=True)
    return WholeAnswer(reader.answer, reader.buffered_bytes)


def relayed(made, call, data):
    """What the caller gets."""
    assert relay_at_once(call, made.gateway.generation.routes[0], answered(data, is_head=call.is_head))
    return call.link.transport.written


WHOLE = {
    "a length": (ok(b"abc", "Date: D", "X-A: b"), {}, b"HTTP/1.1 200 OK\r\nX-A: b\r\nDate: D\r\nContent-Length: 3\r\n\r\nabc"),
    "no body": (ok(b"", "Date: D"), {}, b"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\n\r\n"),
    "chunks are framed anew": (
        CHUNKED, {}, b"HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ),
    "chunks for HTTP/1.0 end with the connection": (
        CHUNKED, {"version": (1, 0)}, b"HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\n\r\nabcde",
    ),
    "an end by the connection is told by chunks": (
        UNTIL_CLOSE, {}, b"HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    "a length for HTTP/1.0 that keeps": (
        ok(b"abc", "Date: D"), {"version": (1, 0)},
        b"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
    ),
    "HEAD": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nDate: D\r\n\r\n", {"method": "HEAD"},
        b"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 9\r\n\r\n",
    ),
    "304 with a length": (
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nDate: D\r\n\r\n", {},
        b"HTTP/1.1 304 Not Modified\r\nDate: D\r\nContent-Length: 9\r\n\r\n",
    ),
    "204 without": (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nDate: D\r\n\r\n", {}, b"HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n",
    ),
    "what the upstream says of its connection": (
        ok(b"", "Connection: close, X-A", "X-A: b", "Keep-Alive: 5", "Date: D"), {},
        b"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 0\r\n\r\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_answer_is_written_at_once(name):
    data, head, expected = WHOLE[name]
    async with rig() as made:
        assert relayed(made, call_of(made, **head), data) == expected


async def test_an_answer_without_a_date_gets_one():
    async with rig() as made:
        call = call_of(made)
        dates = {call.facts.date()}
        got = relayed(made, call, ok(b""))
        dates.add(call.facts.date())  # another one, where a second ended meanwhile

        assert any(b"\r\nDate: " + date + b"\r\n" in got for date in dates)


@pytest.mark.parametrize(("fields", "passes"), [((), False), (("TE: trailers", "Connection: te"), True)])
async def test_trailers_pass_to_whom_they_are_welcome_and_never_those_that_frame(fields, passes):
    async with rig() as made:
        written = relayed(made, call_of(made, *fields), TRAILERS)

        assert (b"Trailer: X-T\r\n" in written, b"0\r\nX-T: 1\r\n\r\n" in written) == (passes, passes)
        assert b"Host" not in written


@pytest.mark.parametrize(
    ("data", "version", "is_kept"),
    [(ok(), (1, 1), True), (CHUNKED, (1, 1), True), (CHUNKED, (1, 0), False), (ok(), (1, 0), True)],
)
async def test_a_connection_is_kept_unless_it_ends_the_answer(data, version, is_kept):
    async with rig() as made:
        call = call_of(made, version=version)
        relayed(made, call, data)

        assert call.keeps_alive is is_kept


async def test_an_answer_before_the_end_of_the_body_ends_the_connection():
    async with rig() as made:
        connection = connection_of(made)
        payload = StreamReader(connection, 2**16, loop=asyncio.get_running_loop())
        call = call_of(made, "Content-Length: 9", method="POST", connection=connection, payload=payload)
        call.body = RequestBody(payload, call.head, keep=0, most=None, budget=ReplayBudget(0))

        assert b"\r\nConnection: close\r\n" in relayed(made, call, ok())


async def test_what_is_not_whole_is_not_touched():
    async with rig() as made:
        call, reader = call_of(made), AnswerReader(Limits())
        reader.begin(is_head=False)
        reader.feed(ok(b"abc")[:-1])

        whole = WholeAnswer(reader.answer, reader.buffered_bytes)
        assert not relay_at_once(call, made.gateway.generation.routes[0], whole)
        assert (call.status, call.link.transport.written, reader.answer.chunks) == (0, b"", [b"ab"])


async def test_the_bytes_of_the_body_are_counted():
    async with rig() as made:
        for data in (ok(b"abcde"), CHUNKED):
            call = call_of(made)
            relayed(made, call, data)
            assert (call.status, call.answer_bytes) == (200, 5)
