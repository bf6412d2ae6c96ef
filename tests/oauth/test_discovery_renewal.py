"""Metadata while it ages: renewed in the background, kept while that fails, one question at a time."""

import asyncio
from itertools import pairwise

import pytest

from gateway.core.oauth.metadata import LIFETIME_S, ServerMetadata
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.oauth.discovery import RENEW_INTERVAL_S
from tests.oauth.authorization_server import OAUTH, OPENID, http
from tests.oauth.test_discovery import discovered, stage


def questions() -> set[asyncio.Task]:
    return {task for task in asyncio.all_tasks() if "Discovery._ask" in repr(task)}


async def renewed(at) -> None:
    """Until no question is in flight."""
    await at.until(lambda: not questions())


async def test_metadata_is_used_to_its_last_instant_without_a_question():
    async with stage() as at:
        at.server.publish(cache="max-age=600")
        await at.endpoint()
        at.now_s += 599.999
        await at.endpoint()
        assert not questions()
        at.now_s += 0.001
        await at.endpoint()
        assert questions()
        await renewed(at)
        assert at.server.gets == [OAUTH] * 2


async def test_what_is_past_its_life_is_used_while_it_is_renewed():
    async with stage() as at:
        at.server.publish()
        old = await at.endpoint()
        at.now_s += LIFETIME_S
        at.server.publish(token_endpoint=f"{at.server.origin}/moved")
        at.server.gate.clear()
        assert [await at.endpoint() for _ in range(20)] == [old] * 20
        at.server.gate.set()
        await renewed(at)
        assert await at.endpoint() == f"{at.server.origin}/moved"
        assert len(at.server.gets) == 2


async def test_where_renewing_fails_it_is_kept_and_told_and_asked_again_after_a_while():
    async with stage() as at:
        at.server.publish()
        old = await at.endpoint()
        at.now_s += LIFETIME_S
        at.server.places[OAUTH] = http(503)
        for asked in (2, 3):
            assert await at.endpoint() == old
            await renewed(at)
            assert len(at.events.kept) == asked - 1
            at.now_s += RENEW_INTERVAL_S - 0.001
            assert await at.endpoint() == old
            assert not questions()
            at.now_s += 0.001
        assert set(at.events.kept) == {"the issuer answered 503 when asked for its metadata"}
        at.server.publish(token_endpoint=f"{at.server.origin}/moved")
        await at.endpoint()
        await renewed(at)
        assert await at.endpoint() == f"{at.server.origin}/moved"
        assert len(at.events.kept) == 2


async def test_an_issuer_that_asks_for_time_is_given_it():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        at.now_s += LIFETIME_S
        at.server.places[OAUTH] = http(503, Retry_After="120")
        await at.endpoint()
        await renewed(at)
        at.now_s += 119.999
        await at.endpoint()
        assert not questions()
        at.now_s += 0.001
        await at.endpoint()
        assert questions()
        await renewed(at)


async def test_who_comes_while_nothing_is_known_hears_how_long_to_wait():
    async with stage() as at:
        at.server.places = {OAUTH: http(503, Retry_After="120"), OPENID: http(503, Retry_After="120")}
        assert (await at.failure()).retry_after_s == 120.0


async def test_metadata_in_another_name_never_takes_the_place_of_what_is_known():
    async with stage() as at:
        at.server.publish()
        old = await at.endpoint()
        at.now_s += LIFETIME_S
        at.server.publish(issuer="https://other.test", token_endpoint="https://other.test/token")
        await at.endpoint()
        await renewed(at)
        assert await at.endpoint() == old
        assert at.events.kept == ["the issuer's metadata names another issuer"]


async def test_doubt_renews_it_at_once():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        at.now_s += 1.0
        at.server.publish(token_endpoint=f"{at.server.origin}/moved")
        at.discovery.doubt(at.client)
        assert questions()
        assert await at.endpoint() == f"{at.server.origin}/moved", "who comes meanwhile waits for it"
        assert len(at.server.gets) == 2


async def test_doubts_in_a_row_are_further_and_further_apart():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        asked_at_s = []
        for _ in range(4000):
            at.now_s += 0.1
            at.discovery.doubt(at.client)
            if questions():
                asked_at_s.append(at.now_s)
            await renewed(at)
        apart = [round(later - earlier) for earlier, later in pairwise([1000.0, *asked_at_s])]
        assert apart[:8] == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_an_endpoint_that_answers_ends_the_row():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        for _ in range(5):
            at.now_s += RENEW_INTERVAL_S
            at.discovery.doubt(at.client)
            await renewed(at)
        at.discovery.trust(at.client)
        at.now_s += 1.0
        at.discovery.doubt(at.client)
        assert questions()
        await renewed(at)


async def test_an_issuer_in_doubt_that_asks_for_time_is_given_it():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        at.server.places[OAUTH] = http(503, Retry_After="30")
        at.now_s += 10.0
        at.discovery.doubt(at.client)
        await renewed(at)
        at.now_s += 29.0
        at.discovery.doubt(at.client)
        assert not questions()
        at.now_s += 1.0
        at.discovery.doubt(at.client)
        assert questions()
        await renewed(at)


async def test_who_waits_for_an_issuer_that_hangs_goes_on_with_what_is_known(monkeypatch):
    monkeypatch.setattr("gateway.oauth.discovery.WAIT_S", 0.01)
    async with stage() as at:
        at.server.publish()
        old = await at.endpoint()
        at.now_s += 1.0
        at.server.gate.clear()
        at.discovery.doubt(at.client)
        assert await at.endpoint() == old


async def test_doubt_about_nothing_known_changes_nothing():
    async with stage() as at:
        at.discovery.doubt(at.client)
        await at.failure()
        at.discovery.doubt(at.client)
        at.server.publish()
        at.now_s += 1.1
        assert await at.endpoint() == f"{at.server.origin}/token"


async def test_doubt_never_puts_a_renewal_off():
    async with stage() as at:
        at.server.publish(cache="max-age=300")
        await at.endpoint()
        for _ in range(9):
            at.discovery.doubt(at.client)
        at.now_s += 300.0
        await at.endpoint()
        assert len(at.server.gets) == 2


# ── one question at a time ────────────────────────────────────────────────────────────────────────


async def test_a_hundred_who_come_at_once_cost_one_question():
    async with stage() as at:
        at.server.publish()
        given = await asyncio.gather(*(at.metadata() for _ in range(100)))
        assert {found.token_endpoint for found in given} == {f"{at.server.origin}/token"}
        assert at.server.gets == [OAUTH]


async def test_a_hundred_who_come_at_once_hear_of_one_failure():
    async with stage() as at:
        at.server.places[OAUTH] = http(503)
        given = await asyncio.gather(*(at.metadata() for _ in range(100)))
        assert {found.kind for found in given} == {FailureKind.UNREACHABLE}
        assert at.server.gets == [OAUTH, OPENID]


async def test_clients_of_one_issuer_share_it_unless_they_reach_it_differently():
    async with stage() as at:
        at.server.publish()
        for timeout_s in (1.0, 1.0, 2.0):
            await at.metadata(discovered(at.server.origin, timeout_s=timeout_s))
        assert at.server.gets == [OAUTH] * 2


async def test_the_question_goes_on_though_who_asked_first_was_cancelled():
    async with stage() as at:
        at.server.publish()
        at.server.gate.clear()
        waiting = [asyncio.create_task(at.metadata()) for _ in range(10)]
        await at.server.asked.wait()
        for task in waiting[:9]:
            task.cancel()
        at.server.gate.set()
        *cancelled, found = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in cancelled} == {asyncio.CancelledError}
        assert isinstance(found, ServerMetadata)
        assert at.server.gets == [OAUTH]


async def test_the_question_is_answered_though_everybody_was_cancelled():
    async with stage() as at:
        at.server.publish()
        at.server.gate.clear()
        waiting = asyncio.create_task(at.metadata())
        await at.server.asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        at.server.gate.set()
        await renewed(at)
        assert await at.endpoint() == f"{at.server.origin}/token"
        assert at.server.gets == [OAUTH]


# ── the end ───────────────────────────────────────────────────────────────────────────────────────


async def test_closing_lets_who_waits_go_with_a_failure():
    async with stage() as at:
        at.server.gate.clear()
        waiting = [asyncio.create_task(at.metadata()) for _ in range(3)]
        await at.server.asked.wait()
        await at.discovery.close()
        assert {await task for task in waiting} == {
            Failed(FailureKind.UNREACHABLE, "the gateway is shutting down")
        }
        assert not questions()


async def test_closing_in_the_instant_of_a_question_leaves_nobody_waiting():
    """A task cancelled before its first step runs none of its own clean-up."""
    async with stage() as at:
        waiting = asyncio.create_task(at.metadata())
        await asyncio.sleep(0)
        await at.discovery.close()
        assert isinstance(await waiting, Failed)
        assert at.server.requests == []


async def test_closing_ends_a_renewal_in_the_background():
    async with stage() as at:
        at.server.publish()
        await at.endpoint()
        at.now_s += LIFETIME_S
        at.server.gate.clear()
        await at.endpoint()
        await at.discovery.close()
        assert not questions()
        assert at.events.kept == []
