"""The caller's body on its way to the upstream, and the copy of it that is kept for a replay.

Rules: a body is copied while it streams through, up to `Limits.replay_bytes` each and
`Limits.replay_total_bytes` in all. A body that exceeds either is no longer kept, and cannot be replayed. A
body that the upstream did not invite can still be sent, whatever its length, since none of it was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from gateway.core.errors import BodyTooLarge, MalformedRequest
from gateway.core.http.request_head import RequestHead

MOST_PARTS: Final = 64  # then they are joined, because each has an overhead


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except RequestPayloadError:
        raise MalformedRequest("the request body is malformed") from None


class ReplayBudget:
    """The bytes that all requests together may keep for replays."""

    __slots__ = ("left_bytes",)

    def __init__(self, total_bytes: int) -> None:
        self.left_bytes = total_bytes

    def take(self, count: int) -> bool:
        """Take `count` bytes, if that many are left; return whether they were."""
        if count > self.left_bytes:
            return False
        self.left_bytes -= count
        return True

    def give_back(self, count: int) -> None:
        """Return bytes that were taken."""
        self.left_bytes += count


class RequestBody:
    """A caller's body, which can be read again as long as it is short.

    Attributes:
        received_bytes: the number of bytes received so far.
    """

    __slots__ = (
        "_budget",
        "_cursor",
        "_has_length",
        "_kept",
        "_kept_bytes",
        "_limit",
        "_most",
        "_payload",
        "received_bytes",
    )

    def __init__(
        self, payload: StreamReader, head: RequestHead, *, keep: int, most: int | None, budget: ReplayBudget
    ) -> None:
        self._payload = payload
        self._budget = budget
        self._limit = keep
        self._most = most
        self._has_length = head.content_length is not None
        self._kept: list[bytes] | None = [] if (head.content_length or 0) <= keep else None
        self._kept_bytes = 0
        self._cursor = 0
        self.received_bytes = 0

    @property
    def is_replayable(self) -> bool:
        """Whether every byte received so far can be read again after `rewind`."""
        return self._kept is not None or not self.received_bytes

    @property
    def can_be_replayed(self) -> bool:
        """Whether it will certainly be replayable: it declares a short length, or has arrived completely."""
        return self._kept is not None and (self._has_length or self.is_at_hand)

    @property
    def is_at_hand(self) -> bool:
        """Whether all of it has arrived, so that nobody needs to wait for it."""
        return self._payload.is_eof()

    @property
    def has_begun(self) -> bool:
        """Whether the caller has sent any of it."""
        return self._payload.total_bytes > 0 or self._payload.is_eof()

    def rewind(self) -> None:
        """Start reading from the first byte again."""
        self._cursor = 0

    async def read(self) -> bytes:
        """Return the next part, or an empty one at the end.

        Raises:
            CallerError: it is malformed, too long, or too slow.
        """
        if self._kept is not None and self._cursor < len(self._kept):
            self._cursor += 1
            return self._kept[self._cursor - 1]
        with _in_our_words():
            part = await self._payload.readany()
        self.note(part)
        return part

    def read_at_hand(self) -> list[bytes]:
        """Return all of a body that `is_at_hand`, without waiting.

        Raises:
            CallerError: it is too long, or malformed.
        """
        parts: list[bytes] = []
        if self._kept is not None:
            parts = self._kept[self._cursor :]
            self._cursor = len(self._kept)
        with _in_our_words():
            part = self._payload.read_nowait()
        if part:
            self.note(part)
            parts.append(part)
        return parts

    def note(self, part: bytes) -> None:
        """Count a part, and keep it for a replay as long as the limits allow.

        Raises:
            BodyTooLarge: the body exceeds what the route accepts.
        """
        self.received_bytes += len(part)
        if self._most is not None and self.received_bytes > self._most:
            raise BodyTooLarge(f"this route accepts a body of at most {self._most} bytes")
        if self._kept is None or not part:
            return
        if self._kept_bytes + len(part) > self._limit or not self._budget.take(len(part)):
            self.forget()
            return
        self._kept.append(part)
        self._kept_bytes += len(part)
        if len(self._kept) > MOST_PARTS:
            self._kept = [b"".join(self._kept)]
        self._cursor = len(self._kept)

    def forget(self) -> None:
        """Drop what was kept."""
        self._kept = None
        self._budget.give_back(self._kept_bytes)
        self._kept_bytes = 0
