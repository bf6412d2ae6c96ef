"""Files that are replaced while a source rests, or while it holds a token that is bound to a certificate."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.errors import TokenRefused, TokenUnavailable
from gateway.core.oauth.token_events import Reason
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientSettings, TlsFiles
from gateway.oauth.requester import LOOK_AT_FILES_S
from tests.oauth.fakes import DOWN, REFUSED, client_settings, scene, sent
from tests.oauth.virtual_time import in_virtual_time


def bound() -> ClientSettings:
    client = client_settings()
    return replace(client, grant=replace(client.grant, certificate=TlsFiles("c.pem", "k.pem")))


# ── a rest ends when what was refused is replaced ─────────────────────────────────────────────────


@in_virtual_time
async def test_a_source_that_never_had_a_token_asks_within_a_second_of_the_repair():
    async with scene(jitter=0.99) as stage:
        stage.endpoint.failure = REFUSED
        stage.source.start()
        await asyncio.sleep(5.5)
        assert stage.endpoint.requests == 1
        stage.endpoint.failure, stage.endpoint.proof = None, "repaired"
        await asyncio.sleep(LOOK_AT_FILES_S + 0.1)
        assert sent(stage.current()) == "Bearer access_token_1"
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_a_living_token_gets_its_refresh_within_a_second_of_the_repair():
    async with scene(jitter=0.99) as stage:
        first = await stage.token()
        stage.endpoint.failure = REFUSED
        await asyncio.sleep(first.expires_at_s - 25.0 - stage.now_s)
        assert stage.current() is first
        asked = stage.endpoint.requests
        stage.endpoint.failure, stage.endpoint.proof = None, "repaired"
        await asyncio.sleep(LOOK_AT_FILES_S + 0.1)
        assert sent(stage.current()) == "Bearer access_token_2"
        assert stage.endpoint.requests == asked + 1


@in_virtual_time
async def test_a_caller_who_comes_after_the_repair_is_not_turned_away():
    async with scene(jitter=0.99) as stage:
        first = await stage.token()
        stage.endpoint.failure = REFUSED
        with pytest.raises(TokenRefused):
            await stage.replacement(first)
        with pytest.raises(TokenRefused):
            await stage.replacement(first)
        stage.endpoint.failure, stage.endpoint.proof = None, "repaired"
        await asyncio.sleep(LOOK_AT_FILES_S)
        assert sent(await stage.replacement(first)) == "Bearer access_token_2"


@in_virtual_time
async def test_a_replacement_that_repairs_nothing_costs_one_request():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        stage.source.start()
        await asyncio.sleep(2.0)
        stage.endpoint.proof = "as bad"
        await asyncio.sleep(7.0)
        assert stage.endpoint.requests == 2
        assert stage.source.state().retry_in_s > 0.0


@in_virtual_time
async def test_time_that_the_server_asked_for_is_given_all_the_same():
    async with scene() as stage:
        stage.endpoint.failure = Failed(FailureKind.UNREACHABLE, "it rests", retry_after_s=90.0)
        stage.source.start()
        await asyncio.sleep(1.0)
        stage.endpoint.proof = "replaced"
        with pytest.raises(TokenUnavailable):
            await stage.token()
        await asyncio.sleep(88.0)
        assert stage.endpoint.requests == 1
        await asyncio.sleep(3.0)
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_files_that_change_all_the_time_cost_one_request_a_second():
    async with scene() as stage:
        stage.endpoint.failure = REFUSED
        ends_s = stage.now_s + 30.0
        while stage.now_s < ends_s:
            stage.endpoint.proof = f"as of {stage.now_s}"
            await asyncio.gather(stage.token(), return_exceptions=True)
            await asyncio.sleep(0.1)
        assert stage.endpoint.requests <= 31


# ── a bound token is asked for anew when the certificate is replaced ──────────────────────────────


@in_virtual_time
async def test_a_token_that_is_bound_to_a_certificate_is_asked_for_anew_when_it_is_replaced():
    async with scene(bound()) as stage:
        await stage.token()
        await asyncio.sleep(100.0)
        assert stage.endpoint.requests == 1
        stage.endpoint.certificate = "renewed"
        await asyncio.sleep(LOOK_AT_FILES_S + 0.1)
        assert sent(stage.current()) == "Bearer access_token_2"
        await asyncio.sleep(100.0)
        assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]


@in_virtual_time
async def test_it_is_asked_for_though_nobody_uses_it():
    async with scene(bound()) as stage:
        stage.source.start()
        await asyncio.sleep(10.0)
        stage.endpoint.certificate = "renewed"
        await asyncio.sleep(LOOK_AT_FILES_S + 0.1)
        assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]


@pytest.mark.parametrize("left_s", [55.0, 20.0, 3.0])
def test_so_it_is_in_the_last_minute_of_a_token_that_nobody_used(left_s: float):
    @in_virtual_time
    async def run() -> None:
        async with scene(bound()) as stage:
            stage.source.start()
            await asyncio.sleep(3600.0 - left_s)
            stage.endpoint.certificate = "renewed"
            await asyncio.sleep(LOOK_AT_FILES_S + 0.1)
            assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]

    run()


@in_virtual_time
async def test_any_other_token_stays_whatever_is_replaced():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.certificate = "renewed"
        await asyncio.sleep(3500.0)
        assert stage.current() is first
        await asyncio.sleep(60.0)
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_it_is_asked_for_until_it_is_had():
    """The server may be down in that very second, or not know the new certificate yet."""
    async with scene(bound()) as stage:
        await stage.token()
        stage.endpoint.certificate, stage.endpoint.failure = "renewed", DOWN
        await asyncio.sleep(10.0)
        stage.endpoint.failure = None
        await asyncio.sleep(3.0)
        assert sent(stage.current()) == "Bearer access_token_2"
        assert set(stage.events.requested) == {Reason.FIRST, Reason.REPLACED}


@in_virtual_time
async def test_what_is_replaced_while_a_token_is_asked_for_counts():
    async with scene(bound(), takes_s=5.0) as stage:
        asking = asyncio.create_task(stage.token())
        await asyncio.sleep(2.0)
        stage.endpoint.certificate = "renewed"
        await asking
        await asyncio.sleep(7.0)
        assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]
        assert sent(stage.current()) == "Bearer access_token_2"


@in_virtual_time
async def test_a_bound_token_still_gets_its_early_refresh():
    async with scene(bound()) as stage:
        first = await stage.token()
        while stage.now_s < first.expires_at_s - 30.0:
            stage.current()
            await asyncio.sleep(10.0)
        assert stage.events.requested == [Reason.FIRST, Reason.EARLY]


@in_virtual_time
async def test_after_the_end_nothing_is_looked_at():
    async with scene(bound()) as stage:
        await stage.token()
        await stage.source.close()
        stage.endpoint.certificate = "renewed"
        await asyncio.sleep(100.0)
        assert stage.endpoint.requests == 1
