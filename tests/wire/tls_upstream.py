"""An upstream over TLS that ends its connections in any manner, by blocking sockets in a thread.

A naive fake closes a transport of the loop, which sends a close_notify where it can: it would hide all that
depends on there being none.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

WAIT_S = 20.0


def with_close_notify(tls: ssl.SSLSocket) -> None:
    """In good order; without waiting for the other side's."""
    tls.setblocking(False)
    with suppress(OSError):
        tls.unwrap()
    tls.close()


def with_close_notify_and_open(tls: ssl.SSLSocket) -> None:
    """In good order, and leaves closing the connection to the other side."""
    with suppress(OSError):
        tls.unwrap().recv(1)
    tls.close()


def with_close_notify_in_halves(tls: ssl.SSLSocket) -> None:
    """In good order, then the end of the sending half only."""
    tls.setblocking(False)
    with suppress(OSError):
        tls.unwrap()
    half(tls)


def without_close_notify(tls: ssl.SSLSocket) -> None:
    """As old servers do, and whoever cuts a connection."""
    socket.socket(fileno=tls.detach()).close()


def half_without_close_notify(tls: ssl.SSLSocket) -> None:
    """The same of the sending half only."""
    half(tls)


def half(tls: ssl.SSLSocket) -> None:
    """End the sending half, and read on: closing with bytes unread would reset what was sent."""
    with socket.socket(fileno=tls.detach()) as plain:
        plain.settimeout(WAIT_S)
        with suppress(OSError):
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass


class TlsUpstream:
    """Answers the first request of each connection with some bytes, and ends the connection.

    Attributes:
        requests: as they came.
        errors: what handshakes and reading failed with.
        names: that callers sent as SNI.
    """

    def __init__(self, context: ssl.SSLContext, answer: bytes, end=with_close_notify) -> None:
        self.requests: list[bytes] = []
        self.errors: list[OSError] = []
        self.names: list[str | None] = []
        context.sni_callback = lambda _tls, name, _context: self.names.append(name)
        self._context = context
        self._answer = answer
        self._end = end
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._listener.close()
        self._thread.join(WAIT_S)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                plain.settimeout(WAIT_S)
                try:
                    self._answer_one(plain)
                except OSError as error:
                    self.errors.append(error)
                    plain.close()

    def _answer_one(self, plain: socket.socket) -> None:
        tls = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
        except OSError:
            half(tls)
            raise
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            part = tls.recv(4096)
            if not part:
                tls.close()
                return
            request += part
        self.requests.append(request)
        tls.sendall(self._answer)
        self._end(tls)
