"""Tokens that a source lets go though they live, and what is told of the scope that is granted."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.errors import TokenUnavailable
from gateway.core.settings.client_settings import TlsFiles
from tests.oauth.fakes import DOWN, client_settings, scene
from tests.oauth.virtual_time import in_virtual_time

ONE, TWO = "Bearer access_token_1", "Bearer access_token_2"


@in_virtual_time
async def test_a_token_that_another_takes_the_place_of_is_retired():
    async with scene() as stage:
        first = await stage.token()
        await asyncio.sleep(first.expires_at_s - 59.0 - stage.now_s)
        assert stage.retired == [ONE]
        assert stage.source.holds(stage.current())
        assert not stage.source.holds(first)


@in_virtual_time
async def test_a_rejected_token_is_retired_once_and_not_before_its_successor_has_landed():
    async with scene() as stage:
        first = await stage.token()
        stage.endpoint.failure = DOWN
        for _ in range(3):
            with pytest.raises(TokenUnavailable):
                await stage.replacement(first)
        assert stage.retired == []
        stage.endpoint.failure = None
        await asyncio.sleep(60.0)
        await stage.replacement(first)
        assert stage.retired == [ONE]


@in_virtual_time
async def test_a_late_rejection_retires_nothing():
    async with scene() as stage:
        first = await stage.token()
        await stage.replacement(first)
        await stage.replacement(first)
        assert stage.retired == [ONE]


@in_virtual_time
async def test_a_token_bound_to_a_replaced_certificate_is_retired():
    client = client_settings()
    bound = replace(client, grant=replace(client.grant, certificate=TlsFiles("c", "k")))
    async with scene(bound) as stage:
        await stage.token()
        stage.endpoint.certificate = "renewed"
        await asyncio.sleep(2.0)
        assert stage.retired == [ONE]


@in_virtual_time
async def test_the_living_token_is_retired_at_the_end():
    async with scene() as stage:
        token = await stage.token()
        await stage.source.close()
        assert stage.retired == [ONE]
        assert not stage.source.holds(token)


@in_virtual_time
async def test_closing_twice_retires_once():
    async with scene() as stage:
        await stage.token()
        await asyncio.gather(stage.source.close(), stage.source.close())
        await stage.source.close()
        assert stage.retired == [ONE]


@in_virtual_time
async def test_a_token_that_expired_is_let_go_without_a_word():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3601.0)
        await stage.token()
        assert stage.retired == []


@in_virtual_time
async def test_at_the_end_a_token_that_expired_is_not_retired():
    async with scene() as stage:
        stage.source.start()
        await asyncio.sleep(3601.0)
        await stage.source.close()
        assert stage.retired == []


@in_virtual_time
async def test_the_same_text_again_retires_nothing():
    async with scene() as stage:
        stage.endpoint.same_token = "access_token_1"
        first = await stage.token()
        await asyncio.sleep(first.expires_at_s - 59.0 - stage.now_s)
        assert stage.endpoint.requests == 2
        assert stage.retired == []
        assert stage.source.holds(first), "its text is in use"


@in_virtual_time
async def test_where_no_token_was_had_nothing_is_retired():
    async with scene() as stage:
        stage.source.start()
        await stage.source.close()
        assert stage.retired == []


# ── the granted scope ─────────────────────────────────────────────────────────────────────────────


@in_virtual_time
async def test_a_smaller_scope_is_told_once_for_each_change():
    """What is asked is ``a b``."""
    async with scene(lifetime_s=10.0) as stage:
        granted = [("a",), ("a",), ("b",), ("a", "b"), ("a", "b", "c"), ("a",), ()]
        for scope in granted:
            stage.endpoint.scope = scope
            await stage.token()
            await asyncio.sleep(11.0)
        assert stage.endpoint.requests >= len(granted)
        assert stage.events.reduced == [("b",), ("a",), ("b",), ("a", "b")]


@in_virtual_time
async def test_more_than_was_asked_is_no_reduction():
    async with scene() as stage:
        stage.endpoint.scope = ("b", "a", "c")
        await stage.token()
        assert stage.events.reduced == []
