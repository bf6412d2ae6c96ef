"""The rest of a response that is still arriving, on its way to the caller.

Rules: a response is sent only as fast as the caller reads it. As long as the caller reads everything, each
part is written as soon as it arrives, while the call's task sleeps. The task runs for the end, and whenever
something has to wait. A caller's TLS transport gets little at a time (`proxy.link`).
"""

from __future__ import annotations

from gateway.proxy.call import Call
from gateway.proxy.link import TLS_PART_BYTES
from gateway.proxy.outgoing.answer import Answer, Data
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.proxy.outgoing.upstream_flow import FULL_READ_BYTES


class Stream:
    """Relays the rest of the body that an upstream sends."""

    __slots__ = ("_answer", "_call", "_idle_s", "_is_chunked", "_link", "_upstream")

    def __init__(
        self, call: Call, upstream: UpstreamConnection, answer: Answer, idle_s: float, *, is_chunked: bool
    ) -> None:
        self._call = call
        self._link = call.link
        self._upstream = upstream
        self._answer = answer
        self._idle_s = idle_s
        self._is_chunked = is_chunked

    async def run(self) -> None:
        """Relay all of it.

        Raises:
            GatewayError: either side broke off or was too slow.
        """
        link, upstream, answer = self._link, self._upstream, self._answer
        while True:
            if link.writing_paused:
                upstream.has_time()  # the gateway waits for the caller now, not for the upstream
                upstream.hold()
                await link.drain(self._idle_s)
                if not answer.chunks:
                    upstream.take()
            if not answer.chunks:
                if answer.is_complete:
                    return
                await self._more()
            if not link.is_tls:
                link.write_parts(self._parts())
            elif answer.chunks:
                await self._write_in_pieces()

    async def _more(self) -> None:
        """Wait until something arrives that `_pass_on` cannot relay."""
        upstream = self._upstream
        upstream.is_due(self._link.now_s() + self._idle_s)
        upstream.pass_on = self._pass_on
        try:
            await upstream.happens()
        finally:
            upstream.pass_on = None
        upstream.check()

    def _pass_on(self) -> bool:
        """Write what has arrived at once; return whether the task may keep sleeping."""
        link, upstream = self._link, self._upstream
        if link.writing_paused or link.transport is None:
            return False
        if upstream.buffered_bytes > (TLS_PART_BYTES if link.is_tls else FULL_READ_BYTES):
            return False
        link.write_parts(self._parts())
        upstream.is_due(link.now_s() + self._idle_s)
        return not link.writing_paused

    def _parts(self) -> list[Data]:
        """Take what has arrived, framed for the caller."""
        chunks = self._upstream.take()
        length = sum(map(len, chunks))
        self._call.answer_bytes += length
        return [b"%x\r\n" % length, *chunks, b"\r\n"] if self._is_chunked and chunks else chunks

    async def _write_in_pieces(self) -> None:
        upstream = self._upstream
        parts = self._parts()
        upstream.has_time()
        upstream.hold()
        await self._link.write_in_pieces(parts, self._idle_s)
        if not self._answer.chunks:
            upstream.take()
