import asyncio
import itertools

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.web import RequestPayloadError
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BodyTooLarge, MalformedRequest
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.all_settings import Limits
from gateway.proxy.body import ReplayBudget, RequestBody

READER = HeadReader(Limits())


class Payload:
    """A caller's body, fed by hand; a length of None stands for chunks."""

    def __init__(self, length=None, *, keep=8, most=None, budget=None):
        loop = asyncio.get_running_loop()
        framing = (
            (b"Transfer-Encoding", b"chunked") if length is None else (b"Content-Length", b"%d" % length)
        )
        head = READER.read("POST", "/", (1, 1), [(b"Host", b"a"), framing])
        self.stream = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
        self.budget = budget or ReplayBudget(1024)
        self.body = RequestBody(self.stream, head, keep=keep, most=most, budget=self.budget)

    def feed(self, *parts):
        for part in parts:
            self.stream.feed_data(part)
        return self

    def end(self):
        self.stream.feed_eof()
        return self

    async def read(self, parts=None):
        """Each part that comes, at most so many, without the empty one at the end."""
        read = []
        while parts is None or len(read) < parts:
            part = await self.body.read()
            if not part:
                break
            read.append(part)
        return read

    async def trickle(self, *parts):
        """Feed and read part by part, so that none is joined to another."""
        return [*itertools.chain.from_iterable([await self.feed(part).read(1) for part in parts])]


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [None, 8])
async def test_a_body_of_exactly_the_limit_can_be_read_again(length):
    payload = Payload(length, keep=8)
    first = await payload.trickle(b"1234", b"5678")
    await payload.end().read()
    payload.body.rewind()

    assert payload.body.is_replayable
    assert (first, await payload.read()) == ([b"1234", b"5678"], [b"1234", b"5678"])
    assert payload.body.received_bytes == 8


async def test_one_byte_more_than_the_limit_is_not_kept():
    payload = Payload(keep=8)
    await payload.trickle(b"12345678", b"9")

    assert not payload.body.is_replayable
    assert payload.budget.left_bytes == 1024


async def test_a_length_above_the_limit_is_known_before_a_byte_comes():
    bodies = [Payload(length, keep=8).body for length in (8, 9)]

    assert [body.can_be_replayed for body in bodies] == [True, False]


async def test_a_long_body_is_lost_with_its_first_byte_and_not_before():
    payload = Payload(9, keep=8)
    before = payload.body.is_replayable
    await payload.trickle(b"1")

    assert (before, payload.body.is_replayable) == (True, False)


async def test_chunks_can_surely_be_replayed_only_once_they_are_all_there():
    payload = Payload(keep=8).feed(b"12")
    before = payload.body.can_be_replayed

    assert (before, payload.end().body.can_be_replayed) == (False, True)


async def test_nothing_is_kept_where_there_is_no_token():
    payload = Payload(keep=0)
    await payload.trickle(b"1")

    assert not payload.body.is_replayable


async def test_reading_again_in_the_middle_goes_on_behind_what_was_kept():
    payload = Payload(keep=8)
    await payload.trickle(b"12", b"34")
    payload.body.rewind()
    again = await payload.read(1)
    payload.feed(b"56").end()

    assert (again, await payload.read()) == ([b"12"], [b"34", b"56"])
    payload.body.rewind()
    assert await payload.read() == [b"12", b"34", b"56"]
    assert payload.body.received_bytes == 6


async def test_what_is_at_hand_is_given_without_waiting_and_again():
    payload = Payload(keep=8).feed(b"12", b"34").end()
    first = payload.body.read_at_hand()
    payload.body.rewind()

    assert (first, payload.body.read_at_hand()) == ([b"1234"], [b"1234"])
    assert (payload.body.read_at_hand(), payload.body.received_bytes) == ([], 4)


async def test_what_was_read_in_parts_is_at_hand_as_a_whole():
    payload = Payload(keep=8)
    await payload.trickle(b"12", b"34")
    await payload.end().read()
    payload.body.rewind()

    assert payload.body.read_at_hand() == [b"12", b"34"]


async def test_what_was_kept_and_what_came_since_are_at_hand_together():
    """A replay after an early 401: part of the body was read, the rest arrived meanwhile."""
    payload = Payload(length=4, keep=8)
    await payload.trickle(b"12")
    payload.feed(b"34").end()
    payload.body.rewind()

    assert b"".join(payload.body.read_at_hand()) == b"1234"


@given(st.lists(st.binary(min_size=1, max_size=5), max_size=6), st.integers(0, 12), st.data())
def test_a_replay_is_byte_for_byte_whenever_it_is_possible(parts, keep, data):
    async def replayed():
        payload = Payload(keep=keep)
        begun = data.draw(st.integers(0, len(parts)))
        await payload.trickle(*parts[:begun])
        was_replayable = payload.body.is_replayable
        payload.body.rewind()
        payload.feed(*parts[begun:]).end()
        return was_replayable, sum(map(len, parts[:begun])), b"".join(await payload.read())

    is_replayable, begun_bytes, read = asyncio.run(replayed())

    assert is_replayable == (begun_bytes <= keep)
    if is_replayable:
        assert read == b"".join(parts)


# ── the budget of all bodies ──────────────────────────────────────────────────────────────────────


def test_a_budget_is_taken_to_its_last_byte_and_not_beyond():
    budget = ReplayBudget(10)

    assert [budget.take(count) for count in (6, 5, 4, 1)] == [True, False, True, False]
    budget.give_back(1)
    assert budget.take(1)


async def test_bodies_share_one_budget_and_the_one_that_exceeds_it_is_not_kept():
    budget = ReplayBudget(10)
    bodies = [Payload(keep=8, budget=budget) for _ in range(3)]
    for payload in bodies:
        await payload.trickle(b"1234")

    assert [payload.body.is_replayable for payload in bodies] == [True, True, False]
    assert budget.left_bytes == 2


async def test_what_a_body_had_is_given_back_when_it_grows_too_long():
    budget = ReplayBudget(10)
    long, short = (Payload(keep=8, budget=budget) for _ in range(2))
    await long.trickle(b"12345678", b"9")
    await short.trickle(b"1234")

    assert (long.body.is_replayable, short.body.is_replayable, budget.left_bytes) == (False, True, 6)


async def test_forgetting_gives_back_once():
    payload = Payload(keep=8, budget=ReplayBudget(10))
    await payload.trickle(b"12345678")
    payload.body.forget()
    payload.body.forget()

    assert (payload.budget.left_bytes, payload.body.is_replayable) == (10, False)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_at_hand", [True, False])
async def test_a_body_of_the_most_bytes_passes_and_one_more_does_not(is_at_hand):
    async def read(size):
        payload = Payload(keep=0, most=8).feed(b"x" * size).end()
        return payload.body.read_at_hand() if is_at_hand else await payload.read()

    assert await read(8) == [b"xxxxxxxx"]
    with pytest.raises(BodyTooLarge, match="8 bytes"):
        await read(9)


async def test_malformed_chunks_are_told_in_our_words():
    payload = Payload()
    payload.stream.set_exception(RequestPayloadError("400, message: Bad chunk, secret=1"))

    with pytest.raises(MalformedRequest) as error:
        await payload.body.read()
    assert "secret" not in str(error.value)


async def test_malformed_chunks_that_are_at_hand_are_told_in_our_words_too():
    payload = Payload().feed(b"12")
    payload.stream.set_exception(RequestPayloadError("400, message: Bad chunk"))

    with pytest.raises(MalformedRequest):
        payload.body.read_at_hand()


# ── what has arrived ──────────────────────────────────────────────────────────────────────────────


async def test_a_body_has_begun_with_its_first_byte_or_its_end():
    fresh, fed, ended = Payload(), Payload().feed(b"1"), Payload().end()

    assert [payload.body.has_begun for payload in (fresh, fed, ended)] == [False, True, True]
    assert [payload.body.is_at_hand for payload in (fresh, fed, ended)] == [False, False, True]
