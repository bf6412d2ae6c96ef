"""Data that was written and that the peer has not received: how much may wait, and how much does."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Final

# A transport that buffers anything counts as full, so that waiting data is in one place, in few large parts.
WRITE_LIMIT_BYTES: Final = 1
_INT: Final = struct.Struct("i")


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Count the bytes in the transport, and those in the kernel that the peer has not acknowledged.

    If the kernel does not say, only the transport's bytes count.
    """
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return waiting
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, _INT.pack(0))
    except OSError:
        return waiting
    return waiting + int(_INT.unpack(answer)[0])
