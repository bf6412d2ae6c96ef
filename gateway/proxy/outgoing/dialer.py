"""Opening connections to a service, wherever it currently is.

A *service* (`UpstreamSettings`) has a name, a ``Host``, and a name that its certificate must carry. An
*address* is where a connection goes. This module finds the addresses of a service; no other part of the
request's way knows them.

Rules: the addresses of a name are raced, and the one that worked goes first next time (`core.resolution`). If
none can be reached, the name is looked up again before the failure is reported. TLS is verified before the
first byte is sent. If a forward proxy leads to the service, the addresses are the proxy's, and only the proxy
looks the service's name up (`proxy.outgoing.through_proxy`). One timeout covers everything. Foreign
exceptions become ours here. RFC 9110 section 4.3.4.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from gateway.core.cause import TLS_CAUSES, Cause
from gateway.core.errors import (
    OutOfDescriptors,
    RouteFileUnusable,
    UpstreamConnectTimeout,
    UpstreamError,
    UpstreamNameUnresolved,
    UpstreamTlsFailed,
    UpstreamUnreachable,
)
from gateway.core.resolution import Ip
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.core.text.server_url import is_address
from gateway.net.race import connected
from gateway.net.resolver import Name, Resolver
from gateway.proxy.census import EXHAUSTED
from gateway.proxy.outgoing.through_proxy import lead_through, proxy_error
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.tls.pem_files import CertificateUnusable
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from gateway.verdict import Way, verdict

# A protocol by its methods: a compiled class cannot inherit from asyncio's.
Make = Callable[[], UpstreamConnection]


@dataclass(slots=True)
class _Dialling:
    """One connection that is being opened.

    Attributes:
        tls: None for a service without TLS.
        bound: the timeout that covers everything.
        reached: called once the other side has accepted, before TLS.
    """

    make: Make
    tls: ssl.SSLContext | None
    bound: asyncio.Timeout
    reached: Callable[[], None] | None


class Dialer:
    """Opens connections to one service."""

    def __init__(
        self, settings: UpstreamSettings, loop: asyncio.AbstractEventLoop, trust: Trust, resolver: Resolver
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._trust = trust
        proxy = settings.proxy
        self._host, self._port = (settings.host, settings.port) if proxy is None else (proxy.host, proxy.port)
        self._name = _name_of(settings, self._host, resolver)
        self._moved: Callable[[], None] | None = None
        if settings.scheme is Scheme.HTTPS:
            with suppress(CertificateUnusable):  # its routes fail until the file can be used
                self._trust.context(trust_in_upstream(settings))

    async def dial(
        self, make: Make, timeout_s: float, reached: Callable[[], None] | None = None
    ) -> UpstreamConnection:
        """Open a connection; `reached` is called once the server, or the proxy, has accepted, before TLS.

        Raises:
            UpstreamError: there is no connection, and nothing was sent; each class is one reason.
            OutOfDescriptors: the process has no file descriptor left.
        """
        try:
            tls = await self._context()  # our own work does not count against the upstream's time
            async with asyncio.timeout(timeout_s) as bound:
                return await self._dial(_Dialling(make, tls, bound, reached))
        except TimeoutError:
            if self._name is not None:
                self._name.use_anew()  # it may have moved: the next request should know
            raise UpstreamConnectTimeout(f"{self._what_is_late()} in time") from None
        except (OSError, ssl.SSLError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno in EXHAUSTED:
                raise OutOfDescriptors("the gateway cannot open a connection", retry_after_s=1) from None
            if self._settings.proxy is not None:
                raise proxy_error(error) from None
            raise connect_error(error, way_to(self._settings)) from None

    def _what_is_late(self) -> str:
        is_nowhere = self._name is not None and not self._name.addresses
        if self._settings.proxy is not None:
            name, no_way = "forward proxy", "no connection to the upstream through the forward proxy"
        else:
            name, no_way = "upstream", "no connection to the upstream"
        return f"the {name}'s name was not resolved" if is_nowhere else no_way

    def is_elsewhere(self, connection: UpstreamConnection) -> bool:
        """Whether a connection leads to an address that the service no longer has."""
        return self._name is not None and not self._name.has(connection.address)

    def use(self, now_s: float) -> None:
        """Note that there are connections, so that the name keeps being looked up."""
        if self._name is not None:
            self._name.use(now_s)

    def watch(self, replaced: Callable[[], None], moved: Callable[[], None]) -> None:
        """Call `replaced` when files for its TLS are replaced, and `moved` when an address is gone."""
        if self._settings.scheme is Scheme.HTTPS:
            self._trust.watch(trust_in_upstream(self._settings), replaced)
        if self._name is not None:
            self._name.watch(moved)

    def unwatch(self, replaced: Callable[[], None], moved: Callable[[], None]) -> None:
        """Stop calling either."""
        if self._settings.scheme is Scheme.HTTPS:
            self._trust.unwatch(trust_in_upstream(self._settings), replaced)
        if self._name is not None:
            self._name.unwatch(moved)

    # ── from the service to one of its addresses ──────────────────────────────────────────────────

    async def _dial(self, dialling: _Dialling) -> UpstreamConnection:
        settings, tls = self._settings, dialling.tls
        if settings.socket_path is not None:
            _, connection = await self._loop.create_unix_connection(dialling.make, settings.socket_path)  # type: ignore[type-var]
            return connection
        if self._name is None:
            connection = await self._to_any(dialling, (Ip(self._host),))
        else:
            connection = await self._to_name(dialling, self._name)
        connection.way = replace(way_to(settings), is_connected=True)
        connection.needs_close_notify = tls is not None and settings.needs_close_notify
        connection.is_outdated = self._is_replaced(tls) or self.is_elsewhere(connection)
        return connection

    async def _to_name(self, dialling: _Dialling, name: Name) -> UpstreamConnection:
        addresses = await name.find()
        try:
            return await self._to_any(dialling, addresses)
        except ssl.SSLError:
            raise
        except OSError:
            others = [each for each in await name.find_anew() if each not in addresses]
            if not others:
                raise
            return await self._to_any(dialling, others)

    async def _to_any(self, dialling: _Dialling, addresses: Sequence[Ip]) -> UpstreamConnection:
        reached = dialling.reached
        is_one_step = len(addresses) == 1 and (dialling.tls is None or reached is None)
        if is_one_step and self._settings.proxy is None:
            connection = await self._to_one(dialling, addresses[0])
        else:
            sock, address = await connected(addresses, self._port)
            if reached is not None:
                reached()
            with self._missing(address, dialling.bound):
                connection = await self._over(dialling, sock)
            connection.address = address
        if self._name is not None:
            self._name.reached(connection.address)
        return connection

    @contextmanager
    def _missing(self, address: Ip, bound: asyncio.Timeout) -> Iterator[None]:
        """Try `address` last next time, if it fails here; a caller that leaves is not its failure."""
        try:
            yield
        except BaseException as error:
            if self._name is not None and (bound.expired() or isinstance(error, OSError)):
                self._name.missed(address)
            raise

    async def _over(self, dialling: _Dialling, sock: socket.socket) -> UpstreamConnection:
        proxy, tls = self._settings.proxy, dialling.tls
        try:
            if proxy is not None:
                await lead_through(self._loop, sock, self._settings, proxy)
            _, connection = await self._loop.create_connection(  # type: ignore[type-var]
                dialling.make, sock=sock, ssl=tls, server_hostname=self._verified(tls)
            )
        except BaseException as error:
            sock.close()
            if proxy is not None and isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise connect_error(error, way_to(self._settings)) from None  # the proxy did lead there
            raise
        return connection

    async def _to_one(self, dialling: _Dialling, address: Ip) -> UpstreamConnection:
        """Connect by the loop itself, which costs half of what a race does."""
        tls = dialling.tls
        _, connection = await self._loop.create_connection(  # type: ignore[type-var]
            dialling.make, address, self._port, ssl=tls, server_hostname=self._verified(tls)
        )
        connection.address = address
        return connection

    def _verified(self, tls: ssl.SSLContext | None) -> str | None:
        return self._settings.verified_name if tls is not None else None

    async def _context(self) -> ssl.SSLContext | None:
        """Return the TLS context made from the current files, or None for a service without TLS."""
        if self._settings.scheme is not Scheme.HTTPS:
            return None
        return await self._trust.fresh(trust_in_upstream(self._settings))

    def _is_replaced(self, tls: ssl.SSLContext | None) -> bool:
        """Whether its files were replaced while the connection was being opened."""
        return tls is not None and not self._trust.is_newest(trust_in_upstream(self._settings), tls)


def trust_in_upstream(settings: UpstreamSettings) -> TrustSettings:
    """Return the settings of the TLS context for an upstream."""
    return TrustSettings(settings.ca_file, settings.certificate, settings.min_tls)


def way_to(settings: UpstreamSettings) -> Way:
    """Describe how the upstream is reached."""
    is_tls = settings.scheme is Scheme.HTTPS
    return Way("upstream", is_tls=is_tls, shows_certificate=settings.certificate is not None)


def connect_error(error: Exception, way: Way) -> UpstreamError:
    """Explain in our own words why there is no connection."""
    found = verdict(error, way)
    if found is None:
        return UpstreamUnreachable("no connection to the upstream", cause=Cause.NOT_REACHED)
    if found.file is not None:
        return RouteFileUnusable(found.words, cause=found.cause, key=found.file.key)
    if found.cause is Cause.NAME_UNRESOLVED:
        return UpstreamNameUnresolved(found.words, cause=found.cause)
    if found.cause in TLS_CAUSES:
        return UpstreamTlsFailed(found.words, cause=found.cause)
    return UpstreamUnreachable(found.words, cause=found.cause)


def _name_of(settings: UpstreamSettings, host: str, resolver: Resolver) -> Name | None:
    """Return the name to look up; None for an address or a unix socket."""
    if settings.scheme is Scheme.UNIX or is_address(host):
        return None
    return resolver.name(host)
