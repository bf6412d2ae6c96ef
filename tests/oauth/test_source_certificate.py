"""A certificate that is replaced while tokens are bound to it. On a loop whose time is virtual."""

import asyncio
from dataclasses import replace

from gateway.core.client_settings import ClientSettings, TlsFiles
from gateway.core.record import Reason
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
    stage.endpoint.proof = "as it is now"
    stage.endpoint.gate.set()
    await asyncio.sleep(0.0)  # the answer to the first request is made
    stage.endpoint.failure = DOWN if then_fails else None
    return await waiting


@in_virtual_time
async def test_a_replaced_certificate_brings_another_token_within_a_second():
    async with scene(certified()) as stage:
        await stage.token()
        stage.endpoint.proof = "as it is now"
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
