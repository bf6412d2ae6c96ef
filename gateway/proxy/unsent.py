"""How much of what was written the other side has not taken."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios

_INT = struct.Struct("i")


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Count what waits in the transport, and in the kernel, which holds what was not acknowledged.

    Where the kernel does not tell, only the transport's part counts.
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
