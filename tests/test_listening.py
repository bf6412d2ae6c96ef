"""Why the gateway cannot listen, in words that name the key at fault."""

import errno
import socket

import pytest

from gateway.core.settings.listener_settings import Address
from gateway.listening import CannotListen, asked_by
from gateway.net.unix_socket import SocketRefused

HERE = Address("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EADDRINUSE, "x"), "the address is in use: another process listens there"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "this machine has no such address"),
        (PermissionError(errno.EACCES, "x"), "this user is not allowed to listen there"),
        (OSError(errno.EAFNOSUPPORT, "x"), "Address family not supported by protocol"),
        (SocketRefused(errno.ENOENT, "this machine has no group web"), "this machine has no group web"),
        (OSError("uvloop has no number for this"), "the name does not resolve"),
    ],
)
def test_the_reason_is_told_with_the_key_and_the_address(error, reason):
    with pytest.raises(CannotListen) as caught, asked_by("3:5: listen[1]", HERE):
        raise error

    assert str(caught.value) == f"3:5: listen[1]: 127.0.0.1:8080: {reason}"
    assert caught.value.place == "3:5: listen[1]"
    assert caught.value.__cause__ is None


def test_an_address_that_is_free_is_no_matter():
    with asked_by("listen", HERE), socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def test_other_errors_pass():
    with pytest.raises(ValueError, match="ours"), asked_by("listen", HERE):
        raise ValueError("ours")
