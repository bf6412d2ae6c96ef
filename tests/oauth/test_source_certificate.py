"""A certificate that is replaced while tokens are bound to it. On a loop whose time is virtual."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

from gateway.core.oauth.token_events import Reason
from gateway.core.settings.client_settings import ClientSettings, TlsFiles
from tests.oauth.fakes import DOWN, client_settings, scene, sent
from tests.oauth.virtual_time import in_virtual_time


def certified() -> ClientSettings:
    client = client_settings()
    return replace(client, grant=replace(client.grant, certificate=TlsFiles("certificate.pem", "key.pem")))


async def replaced_in_flight(stage, *, then_fails: bool = False):
    """The certificate is replaced between a token request and its answer; give the token that comes of it."""
    stage.endpoint.gate.clear()
    waiting = asyncio.create_task(stage.token())
    await asyncio.sleep(0.5)
    stage.endpoint.certificate = "as it is now"
    stage.endpoint.gate.set()
    await asyncio.sleep(0.0)  # the answer to the first request is made
    stage.endpoint.failure = DOWN if then_fails else None
    return await waiting


@in_virtual_time
async def test_a_replaced_certificate_brings_another_token_within_a_second():
    async with scene(certified()) as stage:
        await stage.token()
        stage.endpoint.certificate = "as it is now"
        await asyncio.sleep(1.1)

        assert sent(stage.current()) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]


@in_virtual_time
async def test_nobody_gets_a_token_whose_certificate_was_replaced_while_it_was_asked_for():
    async with scene(certified()) as stage:
        token = await replaced_in_flight(stage)

        assert sent(token) == sent(stage.current()) == "Bearer access_token_2"
        assert stage.events.requested == [Reason.FIRST, Reason.REPLACED]
        await asyncio.sleep(5.0)
        assert stage.endpoint.requests == 2


@in_virtual_time
async def test_it_is_used_all_the_same_where_no_other_is_to_be_had():
    async with scene(certified()) as stage:
        token = await replaced_in_flight(stage, then_fails=True)

        assert sent(token) == "Bearer access_token_1"
        assert len(stage.events.failed) == 1


@in_virtual_time
async def test_a_client_without_a_certificate_has_tokens_that_survive_its_secrets():
    async with scene() as stage:
        token = await replaced_in_flight(stage)
        await asyncio.sleep(5.0)

        assert stage.current() is token
        assert stage.events.requested == [Reason.FIRST]


@in_virtual_time
async def test_other_files_than_the_certificates_are_no_reason_to_ask_again():
    """An authority, or a secret: 100 clients of one volume asked for a token at once."""
    async with scene(certified()) as stage:
        token = await stage.token()
        stage.endpoint.proof = "as it is now"
        await asyncio.sleep(10.0)

        assert stage.current() is token
        assert stage.events.requested == [Reason.FIRST]


@in_virtual_time
async def test_many_clients_whose_certificates_are_replaced_at_once_do_not_ask_at_once():
    async with AsyncExitStack() as stack:
        chance = Random(7)
        stages = [
            await stack.enter_async_context(scene(certified(), chance=chance.random)) for _ in range(100)
        ]
        await asyncio.gather(*(stage.token() for stage in stages))
        for stage in stages:
            stage.endpoint.certificate = "as it is now"
        swapped_at_s = stages[0].now_s
        await asyncio.sleep(2.1)

        asked_after_s = [stage.endpoint.asked_at_s[-1] - swapped_at_s for stage in stages]
        assert [stage.endpoint.requests for stage in stages] == [2] * 100
        tenths = Counter(int(after_s * 10) for after_s in asked_after_s)
        assert max(tenths.values()) < 25, "a tenth of a second sees ten of them on average"
