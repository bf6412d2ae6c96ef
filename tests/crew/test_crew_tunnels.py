"""Tunnels of a gateway of several processes: its limit is divided, its pages show all, its end closes all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager

from gateway.core.http.frames import close_frame
from tests.crew.test_crew import children, document, page, sample, until
from tests.processes import gateway_beside, running, write_configuration
from tests.wire.caller import RawCaller
from tests.wire.test_tunnels import MASK, echo, exactly, handshake, text

HELLO, HELLO_BACK = text(b"hello", masked=True), text(b"hello", masked=False)
SWITCHING = b"HTTP/1.1 101 Switching Protocols"
TRIES = 60  # so many connections meet both workers, wherever the kernel sends them


def limited(upstream, tunnels, **more):
    return document(upstream, limits={"tunnels": tunnels}, grace="4s", **more)


@asynccontextmanager
async def crew(tmp_path, upstream, tunnels, **more):
    upstream.script = echo
    async with running(tmp_path, limited(upstream, tunnels, **more)) as child:
        callers = []
        try:
            yield child, callers
        finally:
            for each in callers:
                each.leave()


async def fill(child, callers):
    """Open tunnels until nobody gets one any more; return the statuses of those who got none."""
    refused = set()
    for _ in range(TRIES):
        caller = await RawCaller.connect(child.address)
        await caller.send(handshake("/live", "Host: localhost"))
        head = await caller.head()
        if head.line == SWITCHING:
            callers.append(caller)
        else:
            refused.add(int(head.line.split()[1]))
            await caller.close()
    return refused


async def shown(child, count):
    """Wait until /tunnels shows so many, and the metric counts as many; workers tell once a second."""
    async with asyncio.timeout(20.0):
        while True:
            found = json.loads((await page(child, "/tunnels"))[1])
            if len(found["tunnels"]) == count == await sample(child, 'gateway_tunnels_open{route="/"}'):
                return
            await asyncio.sleep(0.05)


async def echoes(callers):
    for each in callers:
        await each.send(HELLO)
        assert await exactly(each, len(HELLO_BACK)) == HELLO_BACK


async def test_the_limit_of_tunnels_is_that_of_all_workers_together(tmp_path, upstream):
    async with crew(tmp_path, upstream, 4) as (child, callers):
        assert await fill(child, callers) == {503}
        assert len(callers) == 4
        await shown(child, 4)
        await callers.pop().close()
        await shown(child, 3)
        assert await fill(child, callers) == {503}
        assert len(callers) == 4  # the place came back, and no more than that one
        await echoes(callers)


async def test_a_reload_divides_the_new_limit_and_ends_no_tunnel(tmp_path, upstream):
    admin = f"unix:{tmp_path}/admin.sock"
    async with crew(tmp_path, upstream, 2, admin=admin) as (child, callers):
        await fill(child, callers)
        assert len(callers) == 2
        write_configuration(tmp_path, limited(upstream, 6, admin=admin))
        assert (await gateway_beside(tmp_path, "reload")).status == 0
        await fill(child, callers)
        assert len(callers) == 6
        await echoes(callers)


async def test_tunnels_of_a_killed_worker_are_gone_and_count_no_more(tmp_path, upstream):
    async with crew(tmp_path, upstream, 4) as (child, callers):
        await fill(child, callers)
        await shown(child, 4)
        _, victim, _ = children(child.pid)
        os.kill(victim, signal.SIGKILL)
        await shown(child, 2)
        await until(lambda: len(children(child.pid)) == 3)
        ended = [each for each in callers if each.reader.at_eof()]
        assert len(ended) == 2
        for each in ended:
            callers.remove(each)
            await each.close()
        await echoes(callers)
        assert await fill(child, callers) == {503}
        assert len(callers) == 4  # the worker that came in its place has all of its share


async def test_the_end_of_the_crew_closes_all_tunnels_at_a_border(tmp_path, upstream):
    async with crew(tmp_path, upstream, 4) as (child, callers):
        await fill(child, callers)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        child.signal(signal.SIGTERM)

        async def closed(caller):
            assert await exactly(caller, 4) == close_frame(1001)
            ended_s = loop.time()
            await caller.send(close_frame(1001, MASK))
            assert await caller.rest() == b""
            return ended_s - began_s

        took_s = await asyncio.gather(*map(closed, callers))
        assert await child.ended() == 0

    assert len(took_s) == 4
    assert max(took_s) - min(took_s) > 0.5  # not all at once: each worker spreads its own over 2 s
