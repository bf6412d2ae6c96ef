"""What the wall clock says of a token's end: machines sleep, clocks are set."""

import asyncio

import pytest

from gateway.core.oauth.lifetime import WALL_SLACK_S
from gateway.core.oauth.token_events import Reason
from tests.oauth.fakes import DOWN, Scene, scene, sent
from tests.oauth.virtual_time import in_virtual_time

TEN_MINUTES = 600.0


def given(stage: Scene) -> str | None:
    token = stage.current()
    return None if token is None else sent(token)


@in_virtual_time
async def test_a_token_that_died_while_the_machine_slept_is_not_handed_out():
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        await stage.token()
        stage.wall.ahead_s += 3600.0
        assert stage.current() is None
        assert stage.source.state().token is None
        assert sent(await stage.token()) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.EXPIRED]


@in_virtual_time
async def test_a_token_that_outlives_the_sleep_is_used():
    async with scene(lifetime_s=2 * 3600.0) as stage:
        await stage.token()
        stage.wall.ahead_s += 3600.0
        assert given(stage) == "Bearer access_token_1"


@in_virtual_time
async def test_sleep_during_the_token_request_counts_too():
    """The server counts from when it was asked."""
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        stage.endpoint.gate.clear()
        waiting = asyncio.create_task(stage.token())
        await asyncio.sleep(0.1)
        stage.wall.ahead_s += 3600.0
        stage.endpoint.gate.set()
        await waiting
        assert stage.current() is None


@in_virtual_time
async def test_a_small_correction_of_the_clock_takes_nothing_from_a_life():
    """As daemons make them that keep a clock in step; the monotonic clock ends the life on time."""
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        token = await stage.token()
        stage.endpoint.failure = DOWN
        stage.wall.ahead_s += WALL_SLACK_S - 0.1
        await asyncio.sleep(token.expires_at_s - stage.now_s - 0.01)
        assert stage.current() is token
        await asyncio.sleep(0.01)
        assert stage.current() is None


@in_virtual_time
async def test_a_clock_that_is_put_forward_costs_one_request():
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        await stage.token()
        stage.wall.ahead_s += 86_400.0
        for _ in range(100):
            await stage.token()
            await asyncio.sleep(1.0)
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_a_clock_that_is_put_back_changes_nothing():
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        first = await stage.token()
        stage.wall.ahead_s -= 86_400.0
        assert given(stage) == "Bearer access_token_1"
        assert stage.source.current(first.expires_at_s) is None, "the monotonic clock goes on"
        await asyncio.sleep(TEN_MINUTES)
        assert given(stage) == "Bearer access_token_2", "refreshed early, as ever"


@pytest.mark.parametrize("step_s", [-0.5, 0.128, 0.5, 1.0, WALL_SLACK_S - 0.001])
def test_small_corrections_of_the_clock_end_no_life(step_s: float):
    @in_virtual_time
    async def run() -> None:
        async with scene(lifetime_s=10.0) as stage:
            first = await stage.token()
            stage.wall.ahead_s += step_s
            await asyncio.sleep(7.0)
            stage.endpoint.failure = DOWN
            assert stage.source.current(first.expires_at_s - 1e-6) is first

    run()


@in_virtual_time
async def test_where_no_other_token_is_to_be_had_the_dead_one_is_not_given():
    async with scene(lifetime_s=TEN_MINUTES) as stage:
        await stage.token()
        stage.wall.ahead_s += 3600.0
        stage.endpoint.failure = DOWN
        answers = await asyncio.gather(stage.token(), return_exceptions=True)
        assert [error.code for error in answers] == ["token_unavailable"]
        assert stage.current() is None
