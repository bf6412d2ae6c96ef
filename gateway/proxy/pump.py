"""The rest of a caller's body on its way to the upstream, during the wait for the response.

Rules: a body is sent only as fast as the upstream takes it. As long as the upstream takes everything, each
part is written as soon as it arrives, while the task sleeps. The task runs for the beginning, for the end,
and whenever something has to wait. A body announced by ``Expect: 100-continue`` waits until the upstream
invites it (RFC 9110 section 10.1.1).
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.core.errors import GatewayError
from gateway.core.settings.route_settings import Timeouts
from gateway.proxy.body import RequestBody
from gateway.proxy.call import Call
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.outgoing.upstream_flow import FULL_READ_BYTES, FULL_READS_AT_ONCE

# For upstreams that ignore the expectation; curl waits as long.
CONTINUE_WAIT_S: Final = 1.0


class Pump:
    """Sends the rest of a body in a task that the exchange owns; errors go to the upstream's connection."""

    __slots__ = (
        "_body",
        "_call",
        "_full_reads",
        "_invited",
        "_is_chunked",
        "_task",
        "_timeouts",
        "_upstream",
    )

    def __init__(
        self,
        call: Call,
        body: RequestBody,
        upstream: UpstreamConnection,
        timeouts: Timeouts,
        invited: asyncio.Event | None,
    ) -> None:
        self._call = call
        self._full_reads = 0
        self._body = body
        self._upstream = upstream
        self._timeouts = timeouts
        self._invited = invited
        self._is_chunked = call.head.is_chunked
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Stop sending."""
        self._task.cancel()

    async def stopped(self) -> None:
        """Wait until the pump has released the body."""
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        upstream = self._upstream
        try:
            await self._be_invited()
            await self._send()
            upstream.request_is_sent = True
            if not upstream.has_head:
                upstream.is_due(self._call.link.now_s() + self._timeouts.response_s)
        except GatewayError as error:
            upstream.fail(error)
        except Exception as error:  # noqa: BLE001 - nobody awaits this task: it must not die silently
            upstream.fault(error)

    async def _be_invited(self) -> None:
        if self._invited is None:
            return
        try:
            async with asyncio.timeout(CONTINUE_WAIT_S):
                await self._invited.wait()
        except TimeoutError:
            self._call.say_continue()

    async def _send(self) -> None:
        link, body, upstream = self._call.link, self._body, self._upstream
        idle_s = self._timeouts.idle_s
        while part := await link.await_body(body, idle_s, None if self._is_chunked else self._pass_on):
            upstream.write(framed(part, is_chunked=self._is_chunked))
            if upstream.writing_paused:
                await self._drain()
        upstream.write(last_part(is_chunked=self._is_chunked))

    def _pass_on(self, part: bytes) -> bool:
        """Send a part as soon as it arrives; return False if the task must read it instead."""
        upstream = self._upstream
        if upstream.writing_paused or self._has_had_its_turn(len(part)):
            return False
        try:
            self._body.note(part)
            upstream.write(part)
            self._call.link.body_is_due(self._timeouts.idle_s)
        except Exception as error:  # noqa: BLE001 - it must not reach the caller's transport
            upstream.fault(error)
        return True

    def _has_had_its_turn(self, count: int) -> bool:
        """Whether the caller was read so often in a row that others must have their turn."""
        self._full_reads = self._full_reads + 1 if count > FULL_READ_BYTES else 0
        if self._full_reads <= FULL_READS_AT_ONCE:
            return False
        self._full_reads = 0
        return True

    async def _drain(self) -> None:
        upstream = self._upstream
        upstream.is_due(self._call.link.now_s() + self._timeouts.idle_s)
        await upstream.drain()
        if not upstream.has_head:
            upstream.has_time()  # the wait for the response begins when the request is sent


def framed(part: bytes, *, is_chunked: bool) -> bytes:
    """Frame a part of a body (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part


def last_part(*, is_chunked: bool) -> bytes:
    """Return the end of a body."""
    return b"0\r\n\r\n" if is_chunked else b""
