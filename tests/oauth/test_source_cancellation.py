"""Single flight: whoever waits, leaves or is cancelled."""

import asyncio

import pytest

from gateway.core.errors import TokenRefused, TokenTimeout
from tests.oauth.fakes import REFUSED, scene, sent
from tests.oauth.virtual_time import in_virtual_time


@in_virtual_time
async def test_five_hundred_callers_on_a_cold_start_make_one_request():
    async with scene() as stage:
        tokens = await asyncio.gather(*(stage.token() for _ in range(500)))
        assert {sent(token) for token in tokens} == {"Bearer access_token_1"}
        assert (stage.endpoint.requests, stage.endpoint.most_at_once) == (1, 1)


@in_virtual_time
async def test_five_hundred_callers_learn_of_one_failure_each_by_an_error_of_their_own():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        errors = await asyncio.gather(*(stage.token() for _ in range(500)), return_exceptions=True)
        assert {type(error) for error in errors} == {TokenRefused}
        assert len({id(error) for error in errors}) == 500
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_the_first_callers_cancellation_does_not_end_the_flight():
    """The first caller launched it; the second only waits."""
    async with scene(takes_s=5.0) as stage:
        first = asyncio.create_task(stage.token())
        second = asyncio.create_task(stage.token())
        await asyncio.sleep(1.0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert sent(await second) == "Bearer access_token_1"
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_the_flight_lands_though_everybody_was_cancelled():
    async with scene(takes_s=5.0) as stage:
        waiting = [asyncio.create_task(stage.token()) for _ in range(10)]
        await asyncio.sleep(1.0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(5.0)
        assert sent(stage.current()) == "Bearer access_token_1"
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_the_flight_lands_though_everybody_lost_patience():
    async with scene(takes_s=5.0) as stage:
        with pytest.raises(TokenTimeout):
            await stage.token(1.0)
        await asyncio.sleep(5.0)
        assert sent(stage.current()) == "Bearer access_token_1"


@in_virtual_time
async def test_a_caller_without_any_time_left_fails_and_the_flight_goes_on():
    async with scene() as stage:
        with pytest.raises(TokenTimeout):
            await stage.token(-1.0)
        await asyncio.sleep(1.0)
        assert stage.source.has_had_token


@in_virtual_time
async def test_cancelling_who_waits_for_a_replacement_does_not_end_it():
    async with scene(takes_s=5.0) as stage:
        first = await stage.token()
        replacing = asyncio.create_task(stage.replacement(first))
        await asyncio.sleep(1.0)
        replacing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await replacing
        assert stage.current() is first
        await asyncio.sleep(5.0)
        assert sent(await stage.token()) == "Bearer access_token_2"
        assert stage.endpoint.requests == 2
