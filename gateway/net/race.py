"""Race several addresses for one connected socket (RFC 8305 section 5).

The next address is tried when the last one fails, or has not answered for `DELAY_S`. Sockets that lose are
closed, and nothing is left behind, however the race ends.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiohappyeyeballs

from gateway.core.resolution import Ip

DELAY_S: Final = 0.25  # RFC 8305 section 8: "recommended"

# If each address failed for a different reason, the first of these says most.
_MOST_TELLING: Final = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH)
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")


async def connected(addresses: Sequence[Ip], port: int) -> tuple[socket.socket, Ip]:
    """Connect to the first of `addresses` that answers; return the socket and its address.

    Raises:
        OSError: none answered; the `errno` is the most telling one.
    """
    infos = [_info(address, port) for address in addresses]
    task = asyncio.current_task()
    cancellations = task.cancelling() if task is not None else 0
    try:
        sock = await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=DELAY_S, interleave=0)
    except RuntimeError as error:  # uvloop's, for a socket that was closed meanwhile
        raise ConnectionError(str(error)) from None
    except OSError as error:
        raise _telling(error) from None
    if task is not None and task.cancelling() > cancellations:
        sock.close()  # the library swallows a cancellation that arrives while it closes the losers
        raise asyncio.CancelledError
    return sock, _peer(sock, addresses)


def _info(address: Ip, port: int) -> tuple[int, int, int, str, tuple[str, int]]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def _telling(error: OSError) -> OSError:
    """The library joins the texts of several failures, and keeps the errno only if all have the same."""
    if error.errno is not None:
        return error
    numbers = [int(number) for number in _ERRNO.findall(str(error))]
    if not numbers:
        return error
    number = next((each for each in _MOST_TELLING if each in numbers), numbers[0])
    return OSError(number, os.strerror(number))


def _peer(sock: socket.socket, addresses: Sequence[Ip]) -> Ip:
    with suppress(OSError):  # already reset: the next step finds out
        return Ip(sock.getpeername()[0])
    return addresses[0]
