"""One end of a channel on an event loop: records in, records out, nobody ever waits."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence

from gateway.core.crew.records import Record
from gateway.crew.packets import Packet, Received, receive

_AT_ONCE = 64  # then the loop serves others


class Channel:
    """A socket to another process of the gateway.

    Args:
        came: is told of each record, in the order in which they were sent.
        ended: is told once, when the other end is gone or sends what is no record.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        came: Callable[[Received], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._sock = sock
        self._loop = loop
        self._came = came
        self._ended = ended
        self._waiting: deque[Packet] = deque()
        self.is_open = True
        loop.add_reader(sock.fileno(), self._read)

    def __repr__(self) -> str:
        return f"<Channel {'open' if self.is_open else 'closed'}, {len(self._waiting)} packets wait>"

    def send(self, record: Record, beside: Sequence[int] = ()) -> None:
        """Send a record, and duplicates of descriptors; where the other end is gone, nobody gets it."""
        if not self.is_open:
            return
        self._waiting.append(Packet.of(record, beside))
        if len(self._waiting) == 1:
            self._write()
            if self._waiting and self.is_open:
                self._loop.add_writer(self._sock.fileno(), self._write)

    def close(self) -> None:
        """Close this end."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
            while self._waiting:
                self._waiting.popleft().close()

    def _write(self) -> None:
        try:
            while self._waiting:
                self._waiting[0].send(self._sock)
                self._waiting.popleft().close()
            self._loop.remove_writer(self._sock.fileno())
        except BlockingIOError:
            pass
        except OSError:
            self._end()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if not self.is_open:
                return
            try:
                received = receive(self._sock)
            except BlockingIOError:
                return
            if received is None:
                self._end()
                return
            try:
                self._came(received)
            finally:
                received.drop()

    def _end(self) -> None:
        self.close()
        self._ended()
