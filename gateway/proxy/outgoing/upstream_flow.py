"""The bytes of a connection to an upstream, and how fast they go in either direction.

Rules: reading pauses while more than `HIGH_WATER_BYTES` of a response wait to be taken. Small parts are
joined, because each has an overhead. What the transport cannot send yet, it keeps; whoever writes more waits
in `drain`.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from gateway.core.settings.all_settings import Limits
from gateway.core.settings.sizes import KIB
from gateway.proxy.outgoing.answer import Answer, Data
from gateway.proxy.outgoing.answer_reader import AnswerReader
from gateway.proxy.unsent import WRITE_LIMIT_BYTES

# uvloop reads up to 256 000 bytes at once; reading stops while this much of a response is waiting.
HIGH_WATER_BYTES: Final = 32 * KIB
# A read that fills uvloop's buffer is followed by the next, up to 32 times, before others have a turn. What
# may have filled it is left to a task: meanwhile its connection is not read.
FULL_READ_BYTES: Final = 128 * KIB
# Of an upload, every second such read in a row is: to stop and go on costs an eighth of the whole.
FULL_READS_AT_ONCE: Final = 1
MOST_PARTS: Final = 64


class UpstreamFlow(AnswerReader):
    """The transport of a connection, with flow control for what is read and written.

    Attributes:
        is_gone: the connection is lost, or was closed here.
        writing_paused: the upstream does not take what is written.
        paused_at_s: when it last stopped taking it, monotonic.
    """

    __slots__ = (
        "_drain",
        "_loop",
        "_reading_paused",
        "is_gone",
        "paused_at_s",
        "transport",
        "writing_paused",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(limits)
        self._loop = loop
        self._drain: asyncio.Future[None] | None = None
        self._reading_paused = False
        self.transport: asyncio.Transport | None = None
        self.is_gone = False
        self.writing_paused = False
        self.paused_at_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nothing prevents its use."""
        transport = self.transport
        return not self.is_gone and transport is not None and not transport.is_closing()

    @property
    def is_stuck(self) -> bool:
        """Whether it holds data that either side is not taking at the moment."""
        return self.writing_paused or self._reading_paused

    def held_bytes(self) -> int:
        """Return how many bytes it holds in buffers."""
        transport = self.transport
        unsent = transport.get_write_buffer_size() if transport is not None and not self.is_gone else 0
        return self.buffered_bytes + unsent

    # ── to the upstream ───────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send data; the transport keeps what cannot go yet (see `writing_paused`)."""
        if self.transport is not None and not self.is_gone:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the upstream takes more of the request, or the connection is gone."""
        if self.writing_paused and not self.is_gone:
            self._drain = self._loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    def pause_writing(self) -> None:
        self.writing_paused = True
        self.paused_at_s = self._loop.time()

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    # ── from the upstream ─────────────────────────────────────────────────────────────────────────

    def take(self) -> list[Data]:
        """Take the parts of the body that have arrived, and continue reading."""
        if self._reading_paused and self.transport is not None and not self.is_gone:
            self._reading_paused = False
            self.transport.resume_reading()
        answer = self.answer
        assert answer is not None
        chunks, answer.chunks = answer.chunks, []
        self.buffered_bytes = 0
        return chunks

    def hold(self) -> None:
        """Stop reading until `take`, because what was taken is not sent yet."""
        if not self._reading_paused and self.transport is not None and not self.is_gone:
            self._reading_paused = True
            self.transport.pause_reading()

    def _keep(self, answer: Answer) -> None:
        """Keep what has arrived of a response within bounds until it is taken."""
        if len(answer.chunks) > MOST_PARTS:
            answer.chunks = [b"".join(answer.chunks)]
        if self.buffered_bytes > HIGH_WATER_BYTES:
            self.hold()

    # ── beginning and end ─────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.set_write_buffer_limits(WRITE_LIMIT_BYTES)

    def abort(self) -> None:
        """Close at once, without waiting for what is still to be sent."""
        if self.transport is not None and not self.is_gone:
            self.is_gone = True
            self.transport.abort()
