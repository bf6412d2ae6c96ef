"""Records as packets on a SOCK_SEQPACKET pair, with descriptors beside them.

Rules: a record that is too long for a packet travels in an anonymous file beside an empty one. Whoever
receives descriptors owns them, and closes what it did not expect.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from gateway.core.crew.packet_form import BadRecord, decoded, encoded
from gateway.core.crew.records import Record
from gateway.core.settings.sizes import KIB, MIB

LONGEST_PACKET: Final = 64 * KIB  # the smallest buffer that systems give a socket is three times as long
LONGEST_RECORD: Final = 256 * MIB
_IN_FILE: Final = b"\0"
_MOST_DESCRIPTORS: Final = 253  # SCM_MAX_FD of Linux


@dataclass(frozen=True, slots=True)
class Received:
    """A record, and the descriptors that came beside it; `take` or `drop` them."""

    record: Record
    descriptors: list[int] = field(default_factory=list)

    def take(self) -> list[socket.socket]:
        """Take over the sockets beside the record."""
        sockets = [socket.socket(fileno=number) for number in self.descriptors]
        self.descriptors.clear()
        for each in sockets:
            each.setblocking(False)
        return sockets

    def drop(self) -> None:
        """Close what nobody has taken."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def pair() -> tuple[socket.socket, socket.socket]:
    """Make both ends of a channel; neither ever blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


@dataclass(frozen=True, slots=True)
class Packet:
    """What goes out at once; the descriptors are its own."""

    content: bytes
    descriptors: tuple[int, ...]

    @classmethod
    def of(cls, record: Record, beside: Sequence[int] = ()) -> Packet:
        """Make a packet of a record; the descriptors `beside` it are duplicated."""
        content = encoded(record)
        own = [os.dup(number) for number in beside]
        if len(content) > LONGEST_PACKET:
            own.append(_file_with(content))
            content = _IN_FILE
        return cls(content, tuple(own))

    def send(self, sock: socket.socket) -> None:
        """Send it whole, or not at all.

        Raises:
            BlockingIOError: the other end does not read.
            OSError: it is gone.
        """
        socket.send_fds(sock, [self.content], self.descriptors, socket.MSG_NOSIGNAL)

    def close(self) -> None:
        """Close its descriptors, whether it was sent or not."""
        for number in self.descriptors:
            os.close(number)


def send(sock: socket.socket, record: Record, beside: Sequence[int] = ()) -> bool:
    """Send a record now; return whether that was possible."""
    packet = Packet.of(record, beside)
    try:
        packet.send(sock)
    except OSError:
        return False
    finally:
        packet.close()
    return True


def receive(sock: socket.socket) -> Received | None:
    """Receive a record; None: the other end is gone, or no longer to be believed.

    Raises:
        BlockingIOError: there is none yet.
    """
    try:
        content, descriptors, _, _ = socket.recv_fds(
            sock, LONGEST_PACKET, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
    except BlockingIOError:
        raise
    except OSError:
        return None
    try:
        return _received(content, list(descriptors))
    except (BadRecord, OSError):
        with suppress(OSError):
            for number in descriptors:
                os.close(number)
        return None


def _received(content: bytes, descriptors: list[int]) -> Received | None:
    if content == _IN_FILE and descriptors:
        content = _content_of(descriptors[-1])
        os.close(descriptors.pop())
    return Received(decoded(content), descriptors) if content else None


def _file_with(content: bytes) -> int:
    number = os.memfd_create("gateway-record", os.MFD_CLOEXEC)
    with open(number, "wb", closefd=False) as file:
        file.write(content)
    return number


def _content_of(number: int) -> bytes:
    if os.fstat(number).st_size > LONGEST_RECORD:
        raise BadRecord("a record is too long")
    with open(number, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()
