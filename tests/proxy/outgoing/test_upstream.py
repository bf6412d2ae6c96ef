"""One connection to an upstream over a real socket, the other end of which is written by hand."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import (
    UpstreamAnswerIncomplete,
    UpstreamAnswerInvalid,
    UpstreamAnswerTooLarge,
    UpstreamClosed,
    UpstreamTimeout,
)
from gateway.core.settings.all_settings import Limits
from gateway.proxy.outgoing.upstream_flow import HIGH_WATER_BYTES
from tests.proxy.answers import CHUNKS, WHOLE
from tests.proxy.upstream_wire import LIMITS, MORE_THAN_THE_KERNEL_HOLDS, WAIT_S, wire

# ── whole answers ─────────────────────────────────────────────────────────────────────────────────


def assert_is(connection, case):
    answer = connection.answer
    assert (answer.status, answer.body, answer.is_complete) == (case.status, case.framing, True)
    assert b"".join(connection.take()) == case.content


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("way", ["deliver", "deliver_each"])
async def test_an_answer_is_read_and_the_next_one_on_the_same_connection(name, way):
    """Twice where it may be, since a state left over by the first answer shows in the second."""
    case = WHOLE[name]
    async with wire() as at:
        for number in (1, 2):
            at.ask(is_head=case.is_head)
            await getattr(at, way)(case.data)

            assert_is(at.connection, case)
            assert (at.connection.exchanges, at.connection.end()) == (number, case.is_reusable)
            if not case.is_reusable:
                assert await at.is_closed()
                break


@pytest.mark.parametrize("name", [name for name in WHOLE if "blanks" not in name])
async def test_a_second_answer_in_the_same_read_ends_the_connection_and_reaches_nobody(name):
    case = WHOLE[name]
    async with wire() as at:
        at.ask(is_head=case.is_head)
        await at.deliver(case.data + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")

        assert_is(at.connection, case)
        assert not at.connection.end()
        assert await at.is_closed()


@pytest.mark.parametrize("tail", [b"\0", b"x", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("name", ["a length", "chunks", "chunks and trailers", "HEAD with a length", "204"])
async def test_a_tail_ends_the_connection(name, tail):
    case = WHOLE[name]
    async with wire() as at:
        at.ask(is_head=case.is_head)
        await at.deliver(case.data + tail)

        assert_is(at.connection, case)
        assert not at.connection.end()


@pytest.mark.parametrize("name", ["a length", "chunks", "204"])
async def test_a_tail_in_a_read_of_its_own_ends_the_connection(name):
    async with wire() as at:
        at.ask()
        await at.deliver(WHOLE[name].data)
        at.writer.write(b"late")
        async with asyncio.timeout(WAIT_S):
            while at.connection.is_reusable:
                await asyncio.sleep(0)

        assert_is(at.connection, WHOLE[name])
        assert not at.connection.end()


async def test_a_byte_on_an_idle_connection_closes_it():
    async with wire() as at:
        at.ask()
        await at.deliver(WHOLE["a length"].data)
        assert at.connection.end()
        at.writer.write(b"H")

        assert await at.is_closed()
        assert at.gone == [at.connection]


async def test_a_length_that_ends_in_a_later_read_is_exact():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n12")
        await at.deliver(b"34")
        assert not at.connection.answer.is_complete
        await at.deliver(b"56")

        assert (at.connection.answer.is_complete, at.connection.take()) == (True, [b"12", b"34", b"56"])
        assert at.connection.end()


async def test_a_length_with_a_tail_in_a_later_read_is_cut_and_the_connection_closed():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n12")
        await at.deliver(b"3456HTTP/1.1 200 OK\r\n\r\n")

        assert (at.connection.answer.is_complete, b"".join(at.connection.take())) == (True, b"123456")
        assert not at.connection.end()


async def test_a_connection_whose_request_is_not_sent_serves_no_other():
    """An early answer: the rest of the body would be read as the next request."""
    async with wire() as at:
        at.connection.begin(is_head=False)
        at.connection.write(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        await at.deliver(WHOLE["a length"].data)

        assert_is(at.connection, WHOLE["a length"])
        assert not at.connection.end()


async def test_a_connection_whose_request_is_still_on_its_way_serves_no_other():
    """All was handed to the transport, but the upstream answers without reading it."""
    async with wire() as at:
        at.ask()
        at.connection.write(bytes(MORE_THAN_THE_KERNEL_HOLDS))
        await at.deliver(WHOLE["a length"].data)

        assert_is(at.connection, WHOLE["a length"])
        assert not at.connection.end()


async def test_an_answer_that_nobody_took_leaves_nothing_to_the_next_exchange():
    """Its caller left when all of it had arrived; were reading paused then, nobody would resume it."""
    body = bytes(HIGH_WATER_BYTES + 1)
    async with wire(Limits()) as at:
        at.ask()
        at.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        while not at.connection.answer.is_complete:
            await at.happens()
        at.connection.end()
        if at.connection.is_open:
            at.ask()
            await at.deliver(WHOLE["a length"].data)
            assert_is(at.connection, WHOLE["a length"])


async def test_an_informational_answer_that_nobody_passed_on_goes_to_no_other_caller():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 103 Early Hints\r\nLink: </mine>\r\n\r\n" + WHOLE["a length"].data)
        at.connection.end()
        at.ask()
        assert at.connection.informational == []


async def test_trailers_stand_apart_from_the_header():
    async with wire() as at:
        at.ask()
        await at.deliver(
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            + CHUNKS
            + b"X-Sum: 1\r\nSet-Cookie: a=b\r\nContent_Length: 5\r\n\r\n"
        )
        answer = at.connection.answer

        assert (answer.lines, answer.trailers()) == ([b"X-A: 1"], [b"X-Sum: 1"])
        assert answer.special == {b"transfer-encoding": b"chunked", b"trailer": b"X-Sum"}


async def test_status_reason_and_fields_come_as_they_are():
    data = b"HTTP/1.1 299 Quite  fine\r\nx-a:  1\r\nX-A: \xe9\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n"
    for way in ("deliver", "deliver_each"):
        async with wire() as at:
            at.ask()
            await getattr(at, way)(data)
            answer = at.connection.answer

            assert (answer.status, answer.start[13:]) == (299, b"Quite  fine")
            assert answer.lines == [b"x-a: 1", b"X-A: \xe9"]
            assert answer.special == {b"keep-alive": b"timeout=5", b"content-length": b"0"}


# ── informational answers ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["deliver", "deliver_each"])
async def test_informational_answers_come_before_the_final_one(way):
    async with wire() as at:
        at.ask()
        early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        await getattr(at, way)(early + WHOLE["a length"].data)

        seen = [(answer.status, answer.lines) for answer in at.connection.informational]
        assert seen == [(100, []), (103, [b"Link: </a>"])]
        assert_is(at.connection, WHOLE["a length"])
        assert at.connection.end()


async def test_an_informational_answer_alone_is_no_head_yet():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 103 Early Hints\r\n\r\n")

        assert (at.connection.has_head, len(at.connection.informational)) == (False, 1)
        await at.close()
        with pytest.raises(UpstreamClosed):
            at.connection.check()


@pytest.mark.parametrize("fields", [b"", b"Upgrade: x\r\nConnection: upgrade\r\n"])
async def test_switching_protocols_unasked_is_refused(fields):
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n")

        with pytest.raises(UpstreamAnswerInvalid):
            at.connection.check()


# ── answers that stop ─────────────────────────────────────────────────────────────────────────────

UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
STOPPING = [
    (b"", UpstreamClosed),
    (b"HTTP/1.1 200 OK\r\nContent-Le", UpstreamClosed),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", UpstreamAnswerIncomplete),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", UpstreamAnswerIncomplete),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWi", UpstreamAnswerIncomplete),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, UpstreamAnswerIncomplete),
]


@pytest.mark.parametrize(("data", "error"), STOPPING)
@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_that_stops_is_no_answer(data, error, reset):
    async with wire() as at:
        at.ask()
        if data:
            await at.deliver(data)
        await at.close(reset=reset)

        with pytest.raises(error):
            at.connection.check()
        assert at.connection.was_answered == bool(data)
        assert not at.connection.end()
        assert at.gone == [at.connection]


async def test_without_a_length_the_body_ends_with_the_connection():
    async with wire() as at:
        at.ask()
        await at.deliver(UNTIL_CLOSE + b"some")
        await at.deliver(b"more")
        assert not at.connection.answer.is_complete
        await at.close()

        at.connection.check()
        assert (at.connection.answer.is_complete, at.connection.take()) == (True, [b"some", b"more"])
        assert not at.connection.end()


async def test_what_happens_is_seen_also_by_who_asks_later():
    async with wire() as at:
        at.ask()
        await at.close()

        await at.happens()


# ── answers that are refused ──────────────────────────────────────────────────────────────────────

MALFORMED = [
    b"SSH-2.0-OpenSSH\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n1",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n1",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n12\r\n",
]


@pytest.mark.parametrize("data", MALFORMED)
async def test_a_malformed_answer_is_refused_and_not_quoted(data):
    async with wire() as at:
        at.ask()
        await at.deliver(data)
        with pytest.raises(UpstreamAnswerInvalid) as error:
            at.connection.check()

        assert "SSH" not in error.value.detail
        assert not at.connection.end()
        assert await at.is_closed()


def head_of(size, length=0):
    """The head of an answer that is so many bytes long."""
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: " % length, b"\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("parts", [1, 2])
async def test_a_head_of_the_limit_passes_and_one_byte_more_does_not(parts):
    """However the kernel cuts it into reads."""
    for size, is_refused in ((LIMITS.header_bytes, False), (LIMITS.header_bytes + 1, True)):
        async with wire() as at:
            at.ask()
            data = head_of(size)
            for start in range(0, size, -(-size // parts)):
                await at.deliver(data[start : start + -(-size // parts)])

            assert isinstance(at.connection.error, UpstreamAnswerTooLarge) == is_refused


@pytest.mark.parametrize(("excess", "is_refused"), [(0, False), (1, True)])
async def test_a_body_beside_a_head_does_not_count_as_head(excess, is_refused):
    body = b"x" * 2 * LIMITS.header_bytes
    async with wire() as at:
        at.ask()
        await at.deliver(head_of(LIMITS.header_bytes + excess, len(body)) + body)

        assert isinstance(at.connection.error, UpstreamAnswerTooLarge) == is_refused
        assert is_refused or b"".join(at.connection.take()) == body


async def test_a_head_without_end_is_refused():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 200 OK\r\nX: " + b"x" * LIMITS.header_bytes)

        with pytest.raises(UpstreamAnswerTooLarge):
            at.connection.check()


async def test_informational_answers_without_end_are_refused():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with wire() as at:
        at.ask()
        for _ in range(LIMITS.header_bytes // len(early) + 2):
            await at.deliver(early)
            if at.connection.error is not None:
                break

        with pytest.raises(UpstreamAnswerTooLarge):
            at.connection.check()


@pytest.mark.parametrize(("count", "is_refused"), [(LIMITS.headers, False), (LIMITS.headers + 1, True)])
async def test_the_number_of_fields_is_bounded(count, is_refused):
    async with wire() as at:
        at.ask()
        fields = b"".join(b"X-%d: 1\r\n" % number for number in range(count - 1))
        await at.deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n")

        assert isinstance(at.connection.error, UpstreamAnswerTooLarge) == is_refused


async def test_trailers_are_bounded():
    async with wire() as at:
        at.ask()
        await at.deliver(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        for _ in range(5):
            await at.deliver(b"X: " + b"x" * LIMITS.header_bytes + b"\r\n")
            if at.connection.error is not None:
                break

        with pytest.raises(UpstreamAnswerTooLarge):
            at.connection.check()


# ── deadlines, ends ──────────────────────────────────────────────────────────────────────────────────


async def test_a_deadline_fails_at_its_instant_and_not_before():
    async with wire() as at:
        at.ask()
        at.connection.is_due(100.0)
        at.connection.check_deadline(99.999)
        at.connection.check()
        at.connection.check_deadline(100.0)

        with pytest.raises(UpstreamTimeout):
            at.connection.check()
        assert await at.is_closed()


async def test_the_first_failure_is_the_one_that_is_told():
    async with wire() as at:
        at.ask()
        at.connection.fail(UpstreamTimeout())
        at.connection.fail(UpstreamClosed())
        await at.is_closed()

        with pytest.raises(UpstreamTimeout):
            at.connection.check()


async def test_a_failure_after_the_answer_changes_nothing_of_it():
    async with wire() as at:
        at.ask()
        await at.deliver(WHOLE["a length"].data)
        at.connection.fail(UpstreamTimeout())

        at.connection.check()
        assert_is(at.connection, WHOLE["a length"])
        assert not at.connection.end()


async def test_the_end_of_an_exchange_clears_its_deadline():
    async with wire() as at:
        at.ask()
        at.connection.is_due(100.0)
        await at.deliver(WHOLE["a length"].data)
        assert at.connection.end()
        at.connection.check_deadline(1e9)

        assert (at.connection.error, at.connection.is_open) == (None, True)


async def test_a_connection_says_what_it_does():
    async with wire() as at:
        shown = [repr(at.connection)]
        at.ask()
        shown.append(repr(at.connection))
        at.connection.abort()
        shown.append(repr(at.connection))

    assert shown == [
        "<UpstreamConnection idle, exchange 0>",
        "<UpstreamConnection busy, exchange 1>",
        "<UpstreamConnection gone, exchange 1>",
    ]
