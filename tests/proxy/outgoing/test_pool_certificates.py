"""Connections to an upstream, and files that are replaced: none that shows an old certificate serves again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.core.errors import RouteFileUnusable
from gateway.tls.trust import Trust
from tests.oauth.certificates import asking_context, der, pair_in
from tests.proxy.outgoing.test_pool import WAIT_S, exchange, https, pool, several, upstream, used
from tests.tls.test_trust import looked


def swap(newer, ours):
    Path(newer.certificate).replace(ours.certificate)
    Path(newer.key).replace(ours.key)


async def test_connections_that_show_an_old_certificate_serve_no_further_request(tmp_path):
    """The idle one is closed at once, the busy one at its end; a new one shows the new certificate."""
    theirs, ours, newer = (pair_in(tmp_path / name) for name in ("theirs", "ours", "newer"))
    shown = [der(ours), der(newer)]
    context = asking_context(theirs, ours, newer)
    trust = Trust()
    async with upstream(tls=context) as at:
        settings = https(at, ca_file=theirs.certificate, certificate=ours)
        async with pool(settings, trust) as made:
            [idle, busy], _ = await several(made, at, 2)
            made.release(idle)
            Path(newer.certificate).replace(ours.certificate)
            await looked(trust)
            assert idle.is_open  # certificate and key do not fit yet
            Path(newer.key).replace(ours.key)
            await looked(trust)
            assert not idle.is_open
            assert busy.is_open
            made.release(busy)
            assert made.idle_connection() is None
            await made.connect(WAIT_S)
            await at.take()
        seen = [writer.get_extra_info("ssl_object").getpeercert(True) for writer in at.writers]
        assert seen == [shown[0], shown[0], shown[1]]


async def test_a_connection_that_was_opened_while_the_files_were_replaced_serves_one_request(tmp_path):
    """Its handshake shows the old certificate, and its token was had before: no other token follows on it."""
    theirs, ours, newer = (pair_in(tmp_path / name) for name in ("theirs", "ours", "newer"))
    trust = Trust()
    async with (
        upstream(tls=asking_context(theirs, ours, newer)) as at,
        pool(https(at, ca_file=theirs.certificate, certificate=ours), trust) as made,
    ):
        connecting = asyncio.create_task(made.connect(WAIT_S))
        await asyncio.sleep(0)
        swap(newer, ours)
        connection = await connecting
        assert connection.is_open
        await exchange(connection, await at.take())
        made.release(connection)
        assert made.idle_connection() is None


async def test_connections_stay_while_nothing_is_replaced(tmp_path):
    theirs, ours = (pair_in(tmp_path / name) for name in ("theirs", "ours"))
    trust = Trust()
    async with (
        upstream(tls=asking_context(theirs, ours)) as at,
        pool(https(at, ca_file=theirs.certificate, certificate=ours), trust) as made,
    ):
        connection, _ = await used(made, at)
        for _ in range(3):
            await looked(trust)
        assert made.idle_connection() is connection


async def test_every_pool_that_shows_a_certificate_is_told_of_its_replacement(tmp_path):
    theirs, ours, newer = (pair_in(tmp_path / name) for name in ("theirs", "ours", "newer"))
    trust, tls = Trust(), asking_context(theirs, ours, newer)
    async with upstream(tls=tls) as one, upstream(tls=tls) as other:
        settings = [https(at, ca_file=theirs.certificate, certificate=ours) for at in (one, other)]
        async with pool(settings[0], trust) as of_one, pool(settings[1], trust) as of_other:
            idle = [(await used(made, at))[0] for made, at in ((of_one, one), (of_other, other))]
            swap(newer, ours)
            await looked(trust)
            assert [connection.is_open for connection in idle] == [False, False]


async def test_a_certificate_that_cannot_be_used_is_an_outage_that_ends_with_it(tmp_path):
    theirs, ours = (pair_in(tmp_path / name) for name in ("theirs", "ours"))
    good = Path(ours.key).read_text()
    Path(ours.key).write_text("hunter2")
    async with upstream(tls=asking_context(theirs, ours)) as at:
        async with pool(https(at, ca_file=theirs.certificate, certificate=ours)) as made:
            for _ in range(2):
                with pytest.raises(RouteFileUnusable, match=r"tls\.certificate: .* cannot be used"):
                    await made.connect(WAIT_S)
            Path(ours.key).write_text(good)
            assert (await made.connect(WAIT_S)).is_open
            await at.take()
        assert len(at.writers) == 1
