"""The connections to one upstream: opened, kept while idle, used again, closed.

Rules: the connection used last is used first, so that what is not needed grows old and is closed;
TLS is verified before the first byte is sent; once a certificate or a file of authorities was replaced, no
request goes out on a connection that was made with the old one; foreign exceptions become ours in one
place. RFC 9112 section 9.3; RFC 9110 section 4.3.4.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Final

from gateway.core.errors import (
    UpstreamConnectTimeout,
    UpstreamError,
    UpstreamNameUnresolved,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.settings import Limits, Scheme, UpstreamSettings
from gateway.proxy.upstream import UpstreamConnection
from gateway.trust import CertificateUnusable, Trust, TrustSettings

# Shorter than the 5 s after which Node.js closes, the shortest of the common servers.
IDLE_TIMEOUT_S: Final = 4.5
MOST_IDLE: Final = 256


class Pool:
    """All connections to one upstream.

    Attributes:
        nonce: the newest that it wants in proofs (RFC 9449 section 9), or empty.
    """

    def __init__(
        self, settings: UpstreamSettings, limits: Limits, loop: asyncio.AbstractEventLoop, trust: Trust
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._loop = loop
        self._trust = trust
        if settings.scheme is Scheme.HTTPS:
            with suppress(CertificateUnusable):  # an outage of its routes, which ends when it can be used
                self._context()
            trust.watch(trust_of(settings), self._renew)
        self._idle: list[UpstreamConnection] = []
        self._all: set[UpstreamConnection] = set()
        self.nonce = ""

    def __repr__(self) -> str:
        return f"<Pool {self._settings.authority}: {len(self._all)} open, {len(self._idle)} idle>"

    def idle_connection(self) -> UpstreamConnection | None:
        """Give the connection that was used last, or None; the hot path."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def connect(self, timeout_s: float) -> UpstreamConnection:
        """Open a connection.

        Raises:
            UpstreamError: nothing was sent; see the classes for each reason.
        """
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._open()
        except TimeoutError:
            raise UpstreamConnectTimeout("no connection to the upstream in time") from None
        except (OSError, ssl.SSLError, UnicodeError) as error:
            raise connect_error(error) from None
        self._all.add(connection)
        return connection

    async def _open(self) -> UpstreamConnection:
        tls = self._context()
        connection = await self._made_with(tls)
        connection.is_outdated = tls is not self._context()
        return connection

    async def _made_with(self, tls: ssl.SSLContext | None) -> UpstreamConnection:
        settings = self._settings
        if settings.socket_path is not None:
            _, connection = await self._loop.create_unix_connection(self._make, settings.socket_path)
            return connection
        name = settings.host if tls is not None else None
        _, connection = await self._loop.create_connection(
            self._make,
            settings.host,
            settings.port,
            ssl=tls,
            server_hostname=name,
        )
        return connection

    def _context(self) -> ssl.SSLContext | None:
        """Give the verifying TLS context as its files are now, or None for an upstream without TLS."""
        return (
            self._trust.context(trust_of(self._settings)) if self._settings.scheme is Scheme.HTTPS else None
        )

    def _renew(self) -> None:
        """Let no further request go out on the connections that were made so far."""
        for connection in self._all:
            connection.is_outdated = True
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _make(self) -> UpstreamConnection:
        return UpstreamConnection(self._loop, self._limits, self._gone)

    def _gone(self, connection: UpstreamConnection) -> None:
        self._all.discard(connection)
        if connection.answer is None and connection in self._idle:
            self._idle.remove(connection)

    def release(self, connection: UpstreamConnection) -> None:
        """End the exchange of `connection`, and keep it if it may serve another."""
        if connection.end():
            connection.idle_since_s = self._loop.time()
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
            else:
                connection.abort()

    def sweep(self, now_s: float) -> None:
        """Close what has been idle for too long, and fail what is late."""
        while self._idle and now_s - self._idle[0].idle_since_s >= IDLE_TIMEOUT_S:
            self._idle.pop(0).abort()
        for connection in list(self._all):
            connection.check_deadline(now_s)

    def close(self) -> None:
        """Close every connection, also the busy ones."""
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()


def trust_of(settings: UpstreamSettings) -> TrustSettings:
    """Give what the TLS context towards an upstream is made of."""
    return TrustSettings(settings.ca_file, settings.certificate, settings.min_tls)


def connect_error(error: Exception) -> UpstreamError:
    """Say in our words why there is no connection, most specific first."""
    match error:
        case CertificateUnusable():
            return UpstreamTlsFailed("the gateway's own certificate for this upstream cannot be used")
        case ssl.SSLCertVerificationError():
            return UpstreamTlsFailed(f"the upstream's certificate was refused: {error.verify_message}")
        case ssl.SSLError():
            return UpstreamTlsFailed("the TLS handshake with the upstream failed")
        case socket.gaierror() | UnicodeError():
            return UpstreamNameUnresolved("the upstream's name does not resolve")
        case OSError() if error.errno is not None and error.strerror:
            return UpstreamUnreachable(f"no connection to the upstream: {error.strerror}")
        case _:
            return UpstreamUnreachable("no connection to the upstream")
