"""Why the gateway cannot listen on an address, and which key asks for that."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.core.settings.listener_settings import Address
from gateway.net.unix_socket import SocketRefused

_REASONS: Final = {
    errno.EADDRINUSE: "the address is in use: another process listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user is not allowed to listen there",
}


class CannotListen(OSError):
    """The gateway cannot listen on an address.

    Attributes:
        place: line, column and key, as ``3:5: listen[1]``; the key alone where the file does not name it.
    """

    def __init__(self, place: str, address: Address, reason: str) -> None:
        super().__init__(f"{place}: {address}: {reason}")
        self.place = place


@contextmanager
def asked_by(place: str, address: Address) -> Iterator[None]:
    """Name the key that asks for an address, if the block fails to listen there.

    Raises:
        CannotListen: there was an error of the operating system in the block.
    """
    try:
        yield
    except OSError as error:
        raise CannotListen(place, address, _reason(error)) from None


def _reason(error: OSError) -> str:
    if not error.errno:
        return "the name does not resolve"
    if isinstance(error, SocketRefused):
        return error.reason
    return _REASONS.get(error.errno, os.strerror(error.errno))
