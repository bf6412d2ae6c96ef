"""Why an address cannot be had, in words that name the key which asks for it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gateway.core.settings import Address

_REASONS: Final = {
    errno.EADDRINUSE: "the address is in use: another process listens there",
    errno.EADDRNOTAVAIL: "the address is none of this machine",
    errno.EACCES: "this user may not listen there",
}


class CannotListen(OSError):
    """An address cannot be had.

    Attributes:
        place: line, column and key, as ``3:5: listen[1]``; the key alone where the file does not name it.
    """

    def __init__(self, place: str, address: Address, reason: str) -> None:
        super().__init__(f"{place}: {address}: {reason}")
        self.place = place


@contextmanager
def asked_by(place: str, address: Address) -> Iterator[None]:
    """Say which key asks for what cannot be had.

    Raises:
        CannotListen: there was an error of the operating system in the block.
    """
    try:
        yield
    except OSError as error:
        raise CannotListen(place, address, _reason(error, address)) from None


def _reason(error: OSError, address: Address) -> str:
    if not error.errno:
        return "the name does not resolve"
    if error.errno == errno.EADDRINUSE and address.path is not None and not Path(address.path).is_socket():
        return "the address is in use: a file that is no socket lies there"
    return _REASONS.get(error.errno, os.strerror(error.errno))


def refuse_living_socket(address: Address) -> None:
    """Binding a unix socket takes it from whoever serves there; a file that nobody serves is replaced.

    Raises:
        OSError: somebody serves there.
    """
    if address.path is None or not Path(address.path).is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe, suppress(ConnectionRefusedError):
        probe.settimeout(1.0)
        probe.connect(address.path)
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
