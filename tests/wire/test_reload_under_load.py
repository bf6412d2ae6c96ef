"""Reloads while callers, streams and uploads are at work: nobody notices, and nothing of before is kept."""

import asyncio
import base64
import gc
import weakref
from collections import Counter
from dataclasses import replace

from gateway.core.oauth.named_secret import NamedReader
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.client_settings import ClientName, ClientSettings
from tests.wire.messages import ok, read_chunked, request
from tests.wire.rig import Rig
from tests.wire.test_reload import others, until_alone

RELOADS, CALLERS, STREAMS, UPLOADS = 24, 8, 4, 4
OTHER = ClientName("other")
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Work:
    """An upstream for streams, which grow when told to, and for everything else."""

    def __init__(self):
        self.streams = []
        self.let = asyncio.Event()

    async def __call__(self, exchange):
        if exchange.target == b"/stream":
            exchange.write(STREAM_HEAD)
            self.streams.append(exchange)
            await self.let.wait()
            exchange.write(b"0\r\n\r\n")
            return
        await exchange.body()
        exchange.write(ok(exchange.content or b"ok"))


def routes(rig):
    return [rig.route("/stream"), rig.route("/up"), rig.route("/")]


def changed(rig, number):
    """The settings of a reload: a route, a client of its own with its route, and limits, each changed in turn."""
    grant = replace(rig.grant, client=OTHER, client_id="other", scope=(f"s{number // 3}",))
    other = ClientSettings(grant, (NamedReader(lambda: Secret(f"secret-{number // 3}"), "file:x"),))
    more = (rig.route(f"/extra{number}"), rig.route("/other", grant=grant))
    limits = Limits(headers=100 + number % 3, connections=1000 + number)
    clients = {**rig.settings.clients, OTHER: other}
    return others(rig, routes=(*routes(rig), *more), clients=clients, limits=limits)


async def test_callers_streams_and_uploads_go_on_through_many_reloads():
    work, is_over = Work(), False
    answered = Counter()

    async def keep_asking(caller):
        while not is_over:
            answered[(await caller.ask(request("GET", "/"))).status] += 1

    async with Rig(work, routes=routes) as rig:
        kept = [await rig.caller() for _ in range(CALLERS)]
        asking = [asyncio.create_task(keep_asking(each)) for each in kept]
        streams = [await rig.caller() for _ in range(STREAMS)]
        for each in streams:
            await each.send(request("GET", "/stream"))
            await each.head()
        uploads = [await rig.caller() for _ in range(UPLOADS)]
        for each in uploads:
            await each.send(request("POST", "/up", f"Content-Length: {RELOADS}"))
        await rig.upstream.until(lambda: len(work.streams) == STREAMS)
        generations = []
        for number in range(RELOADS):
            generations.append(weakref.ref(rig.gateway.generation))
            await rig.gateway.reload(changed(rig, number))
            seen = answered.total()
            await rig.upstream.until(lambda: answered.total() > seen + CALLERS)  # noqa: B023 - awaited here
            for each in uploads:
                await each.send(b"x")
            for exchange in work.streams:
                exchange.write(b"1\r\ny\r\n")
        is_over = True
        await asyncio.gather(*asking)
        for each in uploads:
            assert (await each.answer()).body == b"x" * RELOADS
        work.let.set()
        for each in streams:
            content, *_ = await read_chunked(each.reader)
            assert content == b"y" * RELOADS
        await until_alone(rig)
        await rig.told.until(lambda: len(rig.told.obtained) >= RELOADS // 3)

        assert set(answered) == {200}
        assert [(await each.ask(request("GET", "/"))).status for each in (*kept, *streams, *uploads)] == [
            200
        ] * (CALLERS + STREAMS + UPLOADS)
        asked = Counter(_client_of(each) for each in rig.authorization_server.requests)
        assert asked[rig.grant.client_id] == 1
        gc.collect()
        assert [each() for each in generations] == [None] * RELOADS


def _client_of(exchange):
    _, _, value = exchange.head.value("Authorization").partition(b" ")
    return base64.b64decode(value).decode().partition(":")[0]
