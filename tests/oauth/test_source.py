"""The heart: freshness, early refresh, back-off, rejection. On a loop whose time is virtual."""

import asyncio
from dataclasses import asdict
from itertools import pairwise

import pytest

from gateway.core.errors import TokenRefused, TokenTimeout, TokenUnavailable
from gateway.core.oauth.source_state import RequestCounts
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed, FailureKind
from tests.oauth.fakes import CLIENT_SECRET, DOWN, REFUSED, Scene, client_settings, scene, sent
from tests.oauth.virtual_time import in_virtual_time


async def until(at_s: float) -> None:
    await asyncio.sleep(at_s - asyncio.get_running_loop().time())


# ── freshness ─────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_living_token_is_given_without_a_request():
    async with scene() as stage:
        first = await stage.token()
        assert [stage.current() for _ in range(3)] == [first] * 3
        assert await stage.token() is first
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_a_token_is_expired_at_its_last_instant_and_alive_just_before():
    async with scene() as stage:
        token = await stage.token()
        expires_at_s = stage.endpoint.asked_at_s[0] + 3600.0
        assert token.expires_at_s == expires_at_s
        assert stage.source.current(expires_at_s - 1e-6) is token
        assert stage.source.current(expires_at_s) is None


@in_virtual_time
async def test_life_is_counted_from_the_instant_the_request_was_sent():
    """A slow answer must not make the token younger than it is."""
    async with scene(lifetime_s=100.0, takes_s=8.0) as stage:
        token = await stage.token()
        assert token.left_s(stage.now_s) == pytest.approx(92.0)


@in_virtual_time
async def test_an_expired_token_is_replaced_by_a_new_one():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3601.0)
        assert stage.current() is None
        assert sent(await stage.token()) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.EXPIRED]


@in_virtual_time
async def test_without_a_stated_lifetime_the_default_counts():
    async with scene(client_settings(default_lifetime_s=120.0), lifetime_s=None) as stage:
        token = await stage.token()
        assert token.expires_at_s - token.sent_at_s == 120.0


# ── the early refresh ─────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_used_token_is_refreshed_before_it_expires_and_nobody_waits():
    async with scene() as stage:
        first = await stage.token()
        await until(first.expires_at_s - 59.9)
        assert sent(stage.current()) == "Bearer access_token_2"
        assert stage.endpoint.asked_at_s[1] == pytest.approx(first.expires_at_s - 60.0)
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_while_the_refresh_is_in_flight_callers_go_on_to_the_last_second():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.gate.clear()
        await until(first.expires_at_s - 0.001)
        assert stage.current() is first
        assert stage.source.state().is_in_flight
        await until(first.expires_at_s)
        assert stage.current() is None


@in_virtual_time
async def test_a_token_that_nobody_uses_is_not_refreshed():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(20_000)
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_a_token_not_used_in_its_last_life_is_let_go():
    """The use of the first token does not count for the second."""
    async with scene() as stage:
        await stage.token()
        await asyncio.sleep(20_000)
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_use_that_begins_late_in_life_still_gets_its_early_refresh():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3600 - 50)
        assert stage.current() is not None
        await asyncio.sleep(49)
        assert sent(stage.current()) == "Bearer access_token_2"


@in_virtual_time
async def test_a_failed_refresh_keeps_the_living_token_and_is_tried_again():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.failure = DOWN
        await until(first.expires_at_s - 1.0)
        assert stage.current() is first
        assert stage.endpoint.requests > 2
        stage.endpoint.failure = None
        stage.source.current(stage.now_s)
        await until(first.expires_at_s + 60)
        assert sent(await stage.token()) == "Bearer access_token_2"


@in_virtual_time
async def test_a_token_of_two_seconds_costs_at_most_twelve_requests_in_twenty():
    """At the middle of the jitter."""
    async with scene(jitter=0.5, lifetime_s=2.0) as stage:
        began_s, waited = stage.now_s, 0
        for step in range(2000):
            waited += stage.current() is None
            await stage.token()
            await until(began_s + (step + 1) * 0.01)
        assert stage.endpoint.requests == 12
        assert waited == 1


# ── bounded, whatever the lifetimes say ───────────────────────────────────────────────────────────


async def drive(stage: Scene, seconds: float) -> None:
    """Ask as fast as a caller can."""
    ends_s = stage.now_s + seconds
    while stage.now_s < ends_s:
        await stage.token()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("lifetime_s", [0.0, -1.0, -1e300, 1e-9, 0.5, 1.0])
def test_tokens_that_hardly_live_cost_one_request_a_second(lifetime_s: float):
    @in_virtual_time
    async def run() -> None:
        async with scene(lifetime_s=lifetime_s) as stage:
            await drive(stage, 30.0)
            assert 25 <= stage.endpoint.requests <= 31
            assert all(later - earlier >= 0.999 for earlier, later in pairwise(stage.endpoint.asked_at_s))

    run()


@in_virtual_time
async def test_rejections_cost_one_request_a_second():
    async with scene() as stage:
        ends_s, token = stage.now_s + 30.0, await stage.token()
        while stage.now_s < ends_s:
            token = await stage.replacement(token)
        assert stage.endpoint.requests <= 32
        assert all(later - earlier >= 0.999 for earlier, later in pairwise(stage.endpoint.asked_at_s))


@in_virtual_time
async def test_a_server_that_hands_the_rejected_token_out_again_makes_no_loop():
    async with scene() as stage:
        stage.endpoint.same_token = "access_token_same"
        first = await stage.token()
        second = await stage.replacement(first)
        assert sent(second) == sent(first)
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_a_server_that_hands_the_same_dying_token_out_costs_few_requests():
    """Its remaining life shrinks by a fifth at each early refresh, so a handful of them reach its end."""
    async with scene(lifetime_s=60.0) as stage:
        stage.endpoint.same_token = "access_token_same"
        token = await stage.token()
        dies_at_s = token.expires_at_s
        while stage.now_s < dies_at_s:
            stage.endpoint.lifetime_s = dies_at_s - stage.now_s
            await stage.token()
            await asyncio.sleep(0.1)
        assert stage.endpoint.requests <= 6


# ── failure ───────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_refused_client_is_told_at_once_while_the_rest_lasts():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused) as waited:
            await stage.token()
        with pytest.raises(TokenRefused) as turned_away:
            await stage.token()
        assert stage.endpoint.requests == 1
        assert waited.value is not turned_away.value
        assert turned_away.value.retry_after_s == 10


@in_virtual_time
async def test_retry_after_counts_down_rounded_up_and_never_reaches_zero():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused):
            await stage.token()
        seen = []
        for _ in range(4):
            await asyncio.sleep(2.49)
            with pytest.raises(TokenRefused) as caught:
                await stage.token()
            seen.append(caught.value.retry_after_s)
        assert seen == [8, 6, 3, 1]


@in_virtual_time
async def test_the_servers_own_retry_after_is_honoured():
    async with scene() as stage:
        stage.endpoint.failure = Failed(FailureKind.UNREACHABLE, "it rests", retry_after_s=90.0)
        with pytest.raises(TokenUnavailable) as caught:
            await stage.token()
        assert caught.value.retry_after_s == 90
        await asyncio.sleep(89.0)
        assert stage.endpoint.requests == 1


@pytest.mark.parametrize(
    ("kind", "waited", "turned_away"),
    [
        (FailureKind.REFUSED, "token_refused", "token_refused"),
        (FailureKind.INVALID, "token_answer_invalid", "token_answer_invalid"),
        (FailureKind.UNREACHABLE, "token_unavailable", "token_unavailable"),
        (FailureKind.SLOW, "token_timeout", "token_unavailable"),
    ],
)
def test_each_failure_has_its_answer(kind: FailureKind, waited: str, turned_away: str):
    @in_virtual_time
    async def run() -> None:
        async with scene() as stage:
            stage.endpoint.failure = Failed(kind, "it failed")
            answers = await asyncio.gather(stage.token(), return_exceptions=True)
            answers += await asyncio.gather(stage.token(), return_exceptions=True)
            assert [error.code for error in answers] == [waited, turned_away]

    run()


@in_virtual_time
async def test_a_sick_server_sees_a_bounded_number_of_requests_whatever_the_load():
    async with scene() as stage:
        stage.endpoint.failure = DOWN
        ends_s = stage.now_s + 600.0
        while stage.now_s < ends_s:
            await asyncio.gather(*(stage.token() for _ in range(5)), return_exceptions=True)
            await asyncio.sleep(0.1)
        assert stage.endpoint.requests <= 601  # no jitter: the shortest rest each time, one second
        assert stage.endpoint.most_at_once == 1


@in_virtual_time
async def test_it_comes_back_with_the_server():
    async with scene() as stage:
        stage.endpoint.failure = DOWN
        with pytest.raises(TokenUnavailable):
            await stage.token()
        stage.endpoint.failure = None
        await asyncio.sleep(2.0)
        assert sent(await stage.token()) == "Bearer access_token_1"
        assert stage.source.state().last_error == ""


# ── rejection ─────────────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_rejected_token_is_replaced_once_for_everybody():
    async with scene() as stage:
        first = await stage.token()
        given = await asyncio.gather(*(stage.replacement(first) for _ in range(100)))
        assert {sent(token) for token in given} == {"Bearer access_token_2"}
        assert stage.endpoint.requests == 2
        assert stage.events.rejected == [1]
        assert stage.events.requested == [Reason.FIRST, Reason.REJECTED]


@in_virtual_time
async def test_a_late_rejection_does_not_drop_a_newer_token():
    async with scene() as stage:
        first = await stage.token()
        second = await stage.replacement(first)
        assert await stage.replacement(first) is second
        assert stage.current() is second
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_a_rejection_joins_the_early_refresh_that_is_in_flight():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.gate.clear()
        await until(first.expires_at_s - 50.0)
        replacing = asyncio.create_task(stage.replacement(first))
        await asyncio.sleep(1.0)
        assert stage.current() is first
        stage.endpoint.gate.set()
        assert sent(await replacing) == "Bearer access_token_2"
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_a_suspect_stays_in_use_while_its_replacement_fails():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.failure = DOWN
        with pytest.raises(TokenUnavailable):
            await stage.replacement(first)
        assert stage.current() is first
        assert await stage.token() is first
        assert stage.events.rejected == [1]


@in_virtual_time
async def test_nobody_but_who_had_it_rejected_waits_for_the_successor_of_a_suspect():
    async with scene(takes_s=20.0) as stage:
        first = await stage.token(within_s=30.0)
        replacing = asyncio.create_task(stage.replacement(first))
        for _ in range(19):
            await asyncio.sleep(1.0)
            assert await stage.token() is first
            assert stage.source.state().token.is_suspect
        second = await replacing
        assert stage.current() is second
        assert not stage.source.state().token.is_suspect


@in_virtual_time
async def test_a_suspect_is_used_to_its_last_instant_and_no_longer():
    async with scene(jitter=0.99) as stage:
        first = await stage.token()
        await until(first.expires_at_s - 70.0)
        stage.endpoint.failure = DOWN
        with pytest.raises(TokenUnavailable):
            await stage.replacement(first)
        await until(first.expires_at_s - 0.1)
        assert stage.current() is first
        await until(first.expires_at_s + 0.1)
        assert stage.current() is None


@in_virtual_time
async def test_a_suspect_that_has_expired_meanwhile_is_told_as_rejected():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.failure = DOWN
        with pytest.raises(TokenUnavailable):
            await stage.replacement(first)
        await until(first.expires_at_s + 70.0)
        stage.endpoint.failure = None
        assert sent(await stage.token()) == "Bearer access_token_2"
        assert stage.events.requested[-1] is Reason.REJECTED


@in_virtual_time
async def test_a_rejection_during_a_rest_fails_at_once():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.failure = REFUSED
        await until(first.expires_at_s - 59.0)
        asked, began_s = stage.endpoint.requests, stage.now_s
        with pytest.raises(TokenRefused):
            await stage.replacement(first)
        assert (stage.endpoint.requests, stage.now_s) == (asked, began_s)


# ── a token that must live a while longer ─────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_token_with_too_little_left_is_replaced_before_a_long_body():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3580.0)
        assert sent(await stage.token(min_left_s=stage.source.body_margin_s())) == "Bearer access_token_2"


@in_virtual_time
async def test_where_no_longer_lived_token_is_to_be_had_the_living_one_goes():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3580.0)
        stage.endpoint.failure = DOWN
        first = await stage.token(min_left_s=30.0)
        assert sent(first) == "Bearer access_token_1"
        assert await stage.token(min_left_s=30.0) is first
        assert stage.endpoint.requests == 2  # not one more while the rest lasts


@in_virtual_time
async def test_after_the_end_no_longer_lived_token_is_asked_for():
    async with scene() as stage:
        first = await stage.token()
        await stage.source.close()
        await asyncio.sleep(10.0)
        assert await stage.token(min_left_s=3600.0) is first
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_the_living_token_goes_when_the_longer_lived_one_does_not_come_in_time():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3580.0)
        stage.endpoint.gate.clear()
        assert sent(await stage.token(5.0, min_left_s=30.0)) == "Bearer access_token_1"


@in_virtual_time
async def test_short_tokens_are_not_asked_for_before_every_long_body():
    async with scene(lifetime_s=10.0) as stage:
        for _ in range(100):
            await stage.token(min_left_s=stage.source.body_margin_s())
            await asyncio.sleep(0.05)
        assert stage.endpoint.requests == 1


# ── start, state, end ─────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_started_source_asks_until_it_has_had_a_token():
    async with scene() as stage:
        stage.endpoint.failure = DOWN
        stage.source.start()
        await asyncio.sleep(10.0)
        assert not stage.source.has_had_token
        stage.endpoint.failure = None
        await asyncio.sleep(60.0)
        assert stage.source.has_had_token
        assert set(stage.events.requested) == {Reason.FIRST}


@in_virtual_time
async def test_the_state_tells_all_but_secrets():
    async with scene() as stage:
        await stage.token()
        await asyncio.sleep(100.0)
        state = stage.source.state()
        assert state.requests == RequestCounts(granted=1)
        assert state.token is not None
        assert state.token.age_s == pytest.approx(100.01)
        assert state.token.expires_in_s == pytest.approx(3499.99)
        assert (state.facts.asked_scope, state.token.granted_scope) == (("a", "b"), ("a",))
        told = repr((state, asdict(state), stage.source, stage.current()))
        assert "access_token" not in told
        assert CLIENT_SECRET not in told


@in_virtual_time
async def test_the_state_tells_why_there_is_no_token():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused):
            await stage.token()
        state = stage.source.state()
        assert (state.last_error, state.last_code) == ("token_refused", "invalid_client")
        assert state.requests == RequestCounts(refused=1)
        assert state.retry_in_s == pytest.approx(10.0)
        assert state.token is None


@in_virtual_time
async def test_closing_lets_every_waiter_go_with_an_error():
    async with scene() as stage:
        stage.endpoint.gate.clear()
        waiting = [asyncio.create_task(stage.token()) for _ in range(3)]
        await asyncio.sleep(1.0)
        await stage.source.close()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(error) for error in errors] == [TokenUnavailable] * 3
        with pytest.raises(TokenUnavailable):
            await stage.token()


@in_virtual_time
async def test_closing_in_the_instant_of_the_launch_leaves_nobody_waiting():
    """A task cancelled before its first step runs none of its own clean-up."""
    async with scene() as stage:
        stage.source.start()
        await stage.source.close()
        assert stage.endpoint.requests == 0
        with pytest.raises(TokenUnavailable):
            await stage.token()


@in_virtual_time
async def test_an_impatient_waiter_gets_a_timeout_of_their_own():
    async with scene(takes_s=5.0) as stage:
        patient = asyncio.create_task(stage.token(60.0))
        with pytest.raises(TokenTimeout):
            await stage.token(1.0)
        assert sent(await patient) == "Bearer access_token_1"
        assert stage.endpoint.requests == 1
