"""HTTP to authorization servers: shared sessions, and the one place where foreign exceptions are mapped.

Rules:

- Redirects are not followed, cookies not kept, and proxies not taken from the environment.
- At most 1 MiB is read, or unpacked from an answer that is compressed although nobody asked for it.
- TLS is verified.
- The client's ``timeout`` covers everything from connecting to the last byte, except the wait for a place
  at its server (`places`).
- No exception leaves this module, except for cancellation.

A request on a kept connection that turns out dead gives `DEAD_CONNECTION`: not a byte was answered, so it
may be made once more, at once and on a fresh connection. A GET without credentials is repeated here. They
are sent only once, so whoever sends them makes them anew.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
from yarl import URL

from gateway import __version__
from gateway.core.cause import Cause, clause
from gateway.core.oauth.server_answer import MAX_ANSWER_BYTES, ServerAnswer, read_fields
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.text.content_coding import Flaw, unpack
from gateway.net.resolver import Resolver
from gateway.oauth.aiohttp_resolver import Addresses
from gateway.oauth.connections import Connector, Trail
from gateway.oauth.places import NO_PLACE, NoPlace, Places
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from gateway.verdict import Way, verdict

USER_AGENT: Final = f"gateway/{__version__}"

# Below the 5 s after which Node closes idle connections: one that dies during a request costs time.
KEEPALIVE_S: Final = 4.0

SERVER: Final = "authorization server"
DEAD_CONNECTION: Final = Failed(
    FailureKind.UNREACHABLE, "the authorization server had closed the kept connection"
)
TOO_LONG: Final = Failed(FailureKind.INVALID, "the authorization server answered more than 1 MiB")


def _unreachable(reason: str, cause: Cause = Cause.CONNECTION_BROKEN) -> Failed:
    return Failed(FailureKind.UNREACHABLE, reason, cause=cause)


# What `gateway.verdict` does not know, or not as well. The first match counts: most specific first.
_THERE: Final = Way(SERVER)
_UNSENT: Final = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
_PROXY_FAILURES: Final[tuple[tuple[type[Exception], Failed], ...]] = (
    (aiohttp.ClientProxyConnectionError, _unreachable("the proxy cannot be reached", Cause.PROXY_FAILED)),
    (aiohttp.ClientHttpProxyError, _unreachable("the proxy refused to connect", Cause.PROXY_FAILED)),
)
_FAILURES: Final[tuple[tuple[type[Exception], Failed], ...]] = (
    (
        aiohttp.ConnectionTimeoutError,
        _unreachable(clause(Cause.CONNECT_TIMEOUT, SERVER), Cause.CONNECT_TIMEOUT),
    ),
    (TimeoutError, Failed(FailureKind.SLOW, "the authorization server did not answer in time")),
    (
        aiohttp.ClientConnectorError,
        _unreachable("the authorization server cannot be reached", Cause.NOT_REACHED),
    ),
    (aiohttp.ClientPayloadError, _unreachable("the authorization server broke off its answer")),
    (aiohttp.ServerDisconnectedError, _unreachable("the authorization server closed the connection")),
    (
        aiohttp.ClientResponseError,
        Failed(FailureKind.INVALID, "the authorization server did not answer in HTTP"),
    ),
    (aiohttp.InvalidURL, Failed(FailureKind.INVALID, "the token_endpoint is not a URL")),
    (aiohttp.ClientOSError, _unreachable("the authorization server broke the connection")),
    (aiohttp.ClientError, _unreachable("the token request failed")),
    (OSError, _unreachable("the connection to the authorization server broke")),
    (ValueError, Failed(FailureKind.INVALID, "the token request cannot be sent")),
)


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A request to an authorization server.

    Attributes:
        method: empty for a POST of `body`, or a GET if there is none.
    """

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    method: str = ""


class Transport:
    """Sends requests for all clients of a process; belongs to one event loop."""

    def __init__(self, trust: Trust, resolver: Resolver | None = None) -> None:
        self._trust = trust
        self._addresses = Addresses(resolver or Resolver())
        self._places = Places()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(
        self, client: ClientSettings, request: ServerRequest, *, is_fresh: bool = False
    ) -> ServerAnswer | Failed:
        """Send one request with the connection settings of `client`, and return the unpacked answer.

        With `is_fresh` it does not use a kept connection.
        """
        answer = await self._send(client, request, is_fresh=is_fresh)
        if answer is DEAD_CONNECTION and request.body is None and not request.method:
            return await self._send(client, request, is_fresh=True)
        return answer

    async def _send(
        self, client: ClientSettings, request: ServerRequest, *, is_fresh: bool
    ) -> ServerAnswer | Failed:
        try:
            async with self._places.one(client, request.url):
                return await self._send_at_once(client, request, is_fresh=is_fresh)
        except NoPlace:
            return NO_PLACE

    async def _send_at_once(
        self, client: ClientSettings, request: ServerRequest, *, is_fresh: bool
    ) -> ServerAnswer | Failed:
        try:
            trust = await self._context(client)
        except OSError as error:
            return replace(failure_of(error, way_of(client, request.url)), was_sent=False)
        session, trail = self._session(is_fresh=is_fresh), Trail()
        try:
            return await _exchange(session, client, request, trust)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            if trail.led_to_dead_connection and not isinstance(error, TimeoutError):
                return DEAD_CONNECTION
            way = replace(way_of(client, request.url), is_connected=trail.is_connected)
            failed = failure_of(await trail.tls_error() or error, way)
            return replace(failed, was_sent=trail.is_connected and not isinstance(error, _UNSENT))

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        for session in self._sessions.values():
            await session.close()

    async def _context(self, client: ClientSettings) -> ssl.SSLContext | bool:
        settings = trust_in_server(client)
        # True is aiohttp's own context with the system's CA bundle, which most clients share.
        return True if settings == TrustSettings() else await self._trust.fresh(settings)

    def _session(self, *, is_fresh: bool) -> aiohttp.ClientSession:
        if is_fresh not in self._sessions:  # not in __init__: a session needs the running loop
            session = aiohttp.ClientSession(
                connector=self._connector(keeps=not is_fresh),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                auto_decompress=False,
                trust_env=False,
            )
            # Or it would repeat a GET or PUT by itself, with the same credentials; no public option says so.
            session._retry_connection = False  # noqa: SLF001
            self._sessions[is_fresh] = session
        return self._sessions[is_fresh]

    def _connector(self, *, keeps: bool) -> Connector:
        lasting = {"keepalive_timeout": KEEPALIVE_S} if keeps else {"force_close": True}
        # No limits: aiohttp's are shared by all servers, and a wait for a place looks like a slow server.
        return Connector(self._addresses, limit=0, limit_per_host=0, **lasting)


def trust_in_server(client: ClientSettings) -> TrustSettings:
    """Return what the TLS context for a client's authorization server is made of."""
    return TrustSettings(client.reach.ca_file, client.grant.certificate, client.reach.min_tls)


def way_of(client: ClientSettings, url: str) -> Way:
    """Return how `client` reaches its authorization server."""
    is_tls = url.lower().startswith("https:")
    return Way(SERVER, is_tls=is_tls, shows_certificate=client.grant.certificate is not None)


def failure_of(error: Exception, way: Way = _THERE) -> Failed:
    """Map a foreign exception to a failure, without its text, which may contain a proxy's password."""
    for kind, failed in _PROXY_FAILURES:
        if isinstance(error, kind):
            return failed
    is_ours = isinstance(error, aiohttp.InvalidURL) or (isinstance(error, TimeoutError) and not error.errno)
    found = None if is_ours else verdict(error, way)
    if found is None:
        return next(failed for kind, failed in _FAILURES if isinstance(error, kind))
    if found.file is not None:
        return Failed(FailureKind.UNSENT, found.words, cause=found.cause, key=found.file.key)
    return _unreachable(found.words, found.cause)


async def _exchange(
    session: aiohttp.ClientSession,
    client: ClientSettings,
    request: ServerRequest,
    trust: ssl.SSLContext | bool,
) -> ServerAnswer | Failed:
    reach = client.reach
    async with session.request(
        request.method or ("GET" if request.body is None else "POST"),
        URL(request.url, encoded=True),
        data=request.body,
        headers=request.headers,
        timeout=aiohttp.ClientTimeout(total=reach.timeout_s, connect=reach.connect_timeout_s),
        proxy=reach.proxy,
        ssl=trust,
        server_hostname=reach.server_name,
        allow_redirects=False,
    ) as response:
        return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> ServerAnswer | Failed:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            return TOO_LONG
    codings = ",".join(response.headers.getall("Content-Encoding", ()))
    plain = unpack(bytes(body), codings, MAX_ANSWER_BYTES)
    if plain is Flaw.TOO_LONG:
        return TOO_LONG
    # A body that cannot be unpacked stays as it came: the status may say enough, or the field may be wrong.
    return ServerAnswer(
        response.status,
        read_fields(response.headers.items()),
        bytes(body) if isinstance(plain, Flaw) else plain,
        tuple(response.headers.getall("Set-Cookie", ())),
    )
