"""Mirrors of a keeper's sources: one token request for all workers, and nobody waits for a process in vain.

The records travel by way of their packets, a step of the loop later, on a loop whose time is virtual.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.core.crew.packet_form import decoded, encoded
from gateway.core.crew.records import KeyIs, NoTokenIs, TokenIs, Want
from gateway.core.errors import TokenRefused, TokenTimeout, TokenUnavailable
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.crew.mirrors import KEYS_OF_A_KEEPER, Mirrors
from gateway.crew.publisher import Publisher
from tests.oauth.fakes import DOWN, REFUSED, client_settings, loop_clock, scene, sent
from tests.oauth.virtual_time import in_virtual_time

GRANT = client_settings().grant
UPSTREAM = UpstreamSettings(Scheme.HTTP, "127.0.0.1", 1)
SETTINGS = Settings((), None, {}, (RouteSettings(RouteName("r"), "/", UPSTREAM, grant=GRANT),))


class Worker:
    """One worker: its mirrors, and the way to and from the keeper, which may be cut."""

    def __init__(self, stage, serial=1):
        self.loop = asyncio.get_running_loop()
        self.clock = replace(loop_clock(), wall_s=stage.wall)
        self.publisher = None
        self.said = []
        self.got = []
        self.mirrors = Mirrors(self.clock, self._say, lambda key, ath: (key, ath))
        self.sources = None

    @property
    def mirror(self):
        return self.sources[GRANT]

    def join(self, publisher, source):
        self.publisher = publisher
        self.mirrors.keys = {GRANT: publisher.key_of(source)}
        self.sources = self.mirrors.of(SETTINGS, self.sources)
        publisher.tell_everything(self.tell)
        self.mirrors.say_again()

    def _say(self, record):
        self.said.append(record)
        if self.publisher is not None:
            self.loop.call_soon(self.publisher.heard, decoded(encoded(record)), self.tell)

    def tell(self, record):
        self.got.append(record)
        self.loop.call_soon(self.mirrors.took, decoded(encoded(record)))

    def now_s(self):
        return self.loop.time()

    async def token(self, within_s=60.0, **wanted):
        return await self.mirror.token(self.now_s() + within_s, **wanted)

    async def replacement(self, rejected, within_s=60.0):
        return await self.mirror.replacement(rejected, self.now_s() + within_s)

    def current(self):
        return self.mirror.current(self.now_s())

    def close(self):
        for mirror in self.sources.by_grant.values():
            self.mirrors.end(mirror)


@asynccontextmanager
async def crew(workers=2, **members):
    async with scene(**members) as stage:
        crew = [Worker(stage) for _ in range(workers)]

        def tell_all(record):
            for worker in crew:
                if worker.publisher is publisher:
                    worker.tell(record)

        publisher = Publisher(replace(loop_clock(), wall_s=stage.wall), KEYS_OF_A_KEEPER, tell_all)
        for worker in crew:
            worker.join(publisher, stage.source)
        yield stage, crew
        await publisher.close()
        for worker in crew:
            worker.close()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


@in_virtual_time
async def test_five_hundred_cold_callers_of_four_workers_cost_one_token_request():
    async with crew(4) as (stage, workers):
        tokens = await asyncio.gather(*(worker.token() for worker in workers for _ in range(125)))
        assert {sent(token) for token in tokens} == {"Bearer access_token_1"}
        assert stage.endpoint.requests == 1
        assert [len(worker.said) for worker in workers] == [1] * 4


@in_virtual_time
async def test_a_living_token_is_given_without_a_record():
    async with crew() as (_, workers):
        first = await workers[0].token()
        assert workers[0].current() is first
        assert await workers[0].token() is first
        assert len(workers[0].said) == 1
        await settle()
        assert sent(workers[1].current()) == "Bearer access_token_1"
        assert workers[1].said == []


@in_virtual_time
async def test_a_token_is_what_the_source_has():
    async with crew(1, lifetime_s=100.0) as (stage, (worker,)):
        token, ours = await worker.token(), stage.current()
        assert token == ours
        assert worker.mirror.body_margin_s() == stage.source.body_margin_s() == 20.0


@in_virtual_time
async def test_a_token_expires_by_either_clock():
    async with crew(1) as (stage, (worker,)):
        token = await worker.token()
        assert worker.mirror.current(token.expires_at_s) is None
        assert worker.current() is token
        stage.wall.ahead_s = 3700.0
        assert worker.current() is None


@in_virtual_time
async def test_an_expired_token_is_replaced():
    async with crew(1) as (stage, (worker,)):
        stage.source.start()
        await asyncio.sleep(3601.0)
        assert worker.current() is None
        assert sent(await worker.token()) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.EXPIRED]


@in_virtual_time
async def test_what_both_refuse_is_recovered_once():
    async with crew() as (stage, (one, two)):
        first, second = await one.token(), await two.token()
        assert first == second
        await asyncio.sleep(10.0)
        found = await asyncio.gather(
            *(w.replacement(t) for w, t in ((one, first), (two, second)) for _ in range(9))
        )
        assert {sent(token) for token in found} == {"Bearer access_token_2"}
        assert stage.endpoint.requests == 2
        assert stage.events.rejected == [1]


@in_virtual_time
async def test_a_token_refused_late_costs_no_recovery():
    """The other worker's recovery has already served everybody."""
    async with crew() as (stage, (one, two)):
        first, old = await one.token(), await two.token()
        await asyncio.sleep(10.0)
        await one.replacement(first)
        two.mirror._token, two.mirror._serial = old, 1  # as if the news were still under way
        assert sent(await two.replacement(old)) == "Bearer access_token_2"
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_everyone_else_goes_on_with_a_suspect_token():
    async with crew() as (stage, (one, two)):
        first = await one.token()
        await asyncio.sleep(10.0)
        stage.endpoint.gate.clear()
        waiting = asyncio.ensure_future(one.replacement(first))
        await settle()
        assert one.current() is first
        assert two.current() is not None
        stage.endpoint.gate.set()
        assert sent(await waiting) == "Bearer access_token_2"


@in_virtual_time
async def test_a_failure_reaches_whoever_waits_and_turns_others_away_at_once():
    async with crew() as (stage, (one, two)):
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused) as refused:
            await one.token()
        assert "invalid_client" in str(refused.value)
        assert refused.value.retry_after_s >= 1
        await settle()
        before = stage.now_s
        with pytest.raises(TokenRefused):
            await two.token()
        assert stage.now_s == before
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_a_failed_recovery_leaves_the_token_in_use():
    async with crew(1) as (stage, (worker,)):
        first = await worker.token()
        await asyncio.sleep(10.0)
        stage.endpoint.failure = DOWN
        with pytest.raises(TokenUnavailable):
            await worker.replacement(first)
        assert worker.current() is first
        stage.endpoint.failure = None
        await asyncio.sleep(100.0)
        assert sent(await worker.replacement(first)) == "Bearer access_token_2"


@in_virtual_time
async def test_a_repaired_secret_ends_the_back_off_for_workers_too():
    async with crew(1) as (stage, (worker,)):
        stage.source.start()
        await asyncio.sleep(3601.0)
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused) as refused:
            await worker.token()
        assert refused.value.retry_after_s > 5
        stage.endpoint.failure, stage.endpoint.proof = None, "repaired"
        await asyncio.sleep(1.5)
        with pytest.raises(TokenRefused):
            await worker.token()
        await asyncio.sleep(1.0)
        assert sent(await worker.token()) == "Bearer access_token_2"


@in_virtual_time
async def test_during_a_back_off_the_keeper_is_asked_once_a_second():
    async with crew(1) as (stage, (worker,)):
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused):
            await worker.token()
        begun = len(worker.said)
        for _ in range(50):
            await asyncio.sleep(0.1)
            with pytest.raises(TokenRefused):
                await worker.token()
        assert len(worker.said) - begun <= 6
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_a_deadline_is_the_callers_own():
    async with crew(1) as (stage, (worker,)):
        stage.endpoint.gate.clear()
        patient = asyncio.ensure_future(worker.token(50.0))
        with pytest.raises(TokenTimeout):
            await worker.token(2.0)
        stage.endpoint.gate.set()
        assert sent(await patient) == "Bearer access_token_1"


@in_virtual_time
async def test_a_caller_that_leaves_takes_nobody_along():
    async with crew(1) as (stage, (worker,)):
        stage.endpoint.gate.clear()
        leaving, staying = (asyncio.ensure_future(worker.token()) for _ in range(2))
        await settle()
        leaving.cancel()
        await settle()
        stage.endpoint.gate.set()
        assert sent(await staying) == "Bearer access_token_1"


@in_virtual_time
async def test_a_used_token_is_refreshed_early_and_an_unused_one_is_not():
    async with crew(1, lifetime_s=100.0) as (stage, (worker,)):
        stage.source.start()
        await asyncio.sleep(1.0)
        worker.mirrors.tell_use()
        assert worker.current() is not None
        worker.mirrors.tell_use()
        worker.mirrors.tell_use()
        assert sum(type(record).__name__ == "Used" for record in worker.said) == 1
        await asyncio.sleep(95.0)
        assert sent(worker.current()) == "Bearer access_token_2"
        await asyncio.sleep(200.0)
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_a_body_that_cannot_be_replayed_gets_a_longer_lived_token():
    async with crew(1, lifetime_s=100.0) as (stage, (worker,)):
        await worker.token()
        await asyncio.sleep(75.0)
        assert sent(await worker.token(min_left_s=30.0)) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_if_none_lives_longer_the_present_one_is_given():
    async with crew(1, lifetime_s=100.0) as (stage, (worker,)):
        first = await worker.token()
        assert await worker.token(min_left_s=500.0) is first  # as new as can be
        await asyncio.sleep(75.0)
        stage.endpoint.failure = DOWN
        assert await worker.token(min_left_s=30.0) is first
        assert await worker.token(min_left_s=30.0) is first
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_tokens_outlive_the_keeper_and_the_next_one_serves_who_waited():
    async with crew(1) as (_stage, (worker,)):
        first = await worker.token()
        worker.publisher = None
        await asyncio.sleep(10.0)
        assert worker.current() is first
        waiting = asyncio.ensure_future(worker.replacement(first))
        await asyncio.sleep(1.0)
        async with scene(takes_s=0.5) as other:
            other.endpoint._granted = 40
            next_keeper = Publisher(loop_clock(), 2 * KEYS_OF_A_KEEPER, worker.tell)
            worker.join(next_keeper, other.source)
            assert worker.current() is first
            assert sent(await waiting) == "Bearer access_token_41"
            assert other.endpoint.requests == 1
            await next_keeper.close()


@in_virtual_time
async def test_a_token_of_a_former_keeper_does_not_accuse_one_of_the_next():
    """Their numbers are alike: both count from 1."""
    async with crew(1) as (_, (worker,)):
        first = await worker.token()
        async with scene() as other:
            next_keeper = Publisher(loop_clock(), 2 * KEYS_OF_A_KEEPER, worker.tell)
            worker.join(next_keeper, other.source)
            asyncio.get_running_loop().call_later(0.0, other.source.start)
            assert sent(await worker.replacement(first)) == "Bearer access_token_1"
            assert other.events.rejected == []
            await next_keeper.close()


@in_virtual_time
async def test_another_source_of_the_same_keeper_has_another_mirror():
    """Its client has another secret, say: the token of the former is none of its."""
    async with crew(1) as (_, (worker,)):
        await worker.token()
        former = worker.mirror
        async with scene() as other:
            worker.join(worker.publisher, other.source)
            assert worker.mirror is not former
            assert worker.current() is None
            worker.publisher.keep([other.source])
        former.close()


@in_virtual_time
async def test_a_closed_mirror_lets_nobody_wait():
    async with crew(1) as (stage, (worker,)):
        stage.endpoint.gate.clear()
        waiting = asyncio.ensure_future(worker.token())
        await settle()
        worker.mirrors.end(worker.mirror)
        with pytest.raises(TokenUnavailable):
            await waiting
        with pytest.raises(TokenUnavailable):
            await worker.token()
        stage.endpoint.gate.set()


@in_virtual_time
async def test_news_of_unknown_sources_and_old_tokens_change_nothing():
    async with crew(1) as (_, (worker,)):
        token = await worker.token()
        key = worker.mirror.key
        old = TokenIs(key, 0, "Bearer old", (), 0.0, 9e9, 9e9, 0.0, "", ())
        worker.mirrors.took(old)
        worker.mirrors.took(replace(old, key=7, serial=99))
        worker.mirrors.took(NoTokenIs(7, "token_refused", "no", 9e9))
        assert worker.current() is token
        worker.publisher.heard(Want(7), worker.tell)


@in_virtual_time
async def test_a_bound_token_comes_with_its_key():
    async with crew(1) as (_, (worker,)):
        await worker.token()
        key = worker.mirror.key
        worker.mirrors.took(KeyIs(5, "ES256", "pem"))
        worker.mirrors.took(TokenIs(key, 2, "DPoP t", (), 0.0, 9e9, 9e9, 0.0, "", (), 5, "ath"))
        assert worker.current().prover == (KeyIs(5, "ES256", "pem"), "ath")


# ── what upstreams renew ──────────────────────────────────────────────────────────────────────────


def renews(stage):
    """Let the source's maker take each cookie for a renewed token."""
    stage.source._requester._maker.renewed = lambda _, cookies: Granted(Secret(cookies[0]), 3600.0, ())


@in_virtual_time
async def test_what_an_upstream_renewed_at_one_worker_is_used_by_all():
    async with crew() as (stage, workers):
        renews(stage)
        first = await workers[0].token()
        workers[0].mirror.renewed(first, ["renewed"])
        await settle()
        assert {sent(worker.current()) for worker in workers} == {"Bearer renewed"}
        workers[0].mirror.renewed(first, ["late"])
        await settle()
        assert {sent(worker.current()) for worker in workers} == {"Bearer renewed"}
        assert stage.endpoint.requests == 1


@in_virtual_time
async def test_whoever_was_refused_before_a_renewal_waits_for_another_session():
    async with crew() as (stage, workers):
        renews(stage)
        first = await workers[0].token()
        await workers[1].token()
        workers[0].mirror.renewed(first, ["renewed"])
        await settle()
        successor = await workers[1].replacement(first)
        assert sent(successor) == "Bearer access_token_2"
        assert stage.endpoint.requests == 2
