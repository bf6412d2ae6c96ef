"""The POST to a token endpoint: one session for the process, every foreign exception mapped here.

Rules: no redirect is followed, no cookie kept, no proxy taken from the environment, nothing decompressed,
no more than 1 MiB read; TLS is verified; the client's ``timeout`` covers all from connecting to the last
byte. Nothing leaves this module as an exception but cancellation.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from typing import Final

import aiohttp
from yarl import URL

from gateway import __version__
from gateway.core.secret import Secret
from gateway.core.settings import ClientSettings
from gateway.core.token_answer import MAX_ANSWER_BYTES, TokenAnswer, read_token_answer
from gateway.core.token_outcome import Failed, FailureKind, Outcome
from gateway.core.token_request import TokenRequest, build_token_request
from gateway.oauth.trust import CertificateUnusable, Trust

USER_AGENT: Final = f"gateway/{__version__}"

# Below the 5 s after which Node's servers close an idle connection: a POST is never sent twice, so a
# connection that dies under it costs a failed token request.
KEEPALIVE_S: Final = 4.0
MOST_CONNECTIONS: Final = 64
MOST_CONNECTIONS_PER_SERVER: Final = 16

SECRET_UNREADABLE: Final = Failed(FailureKind.UNREACHABLE, "the client's secret cannot be read")
CERTIFICATE_UNUSABLE: Final = Failed(
    FailureKind.UNREACHABLE, "the client's certificate or its key cannot be used"
)
CA_FILE_UNREADABLE: Final = Failed(FailureKind.UNREACHABLE, "the client's ca_file cannot be used")
TOO_LONG: Final = Failed(FailureKind.INVALID, "the authorization server answered more than 1 MiB")


def _unreachable(reason: str) -> Failed:
    return Failed(FailureKind.UNREACHABLE, reason)


# The first match counts: most specific first.
_FAILURES: Final[tuple[tuple[type[Exception], Failed], ...]] = (
    (TimeoutError, Failed(FailureKind.SLOW, "the authorization server did not answer in time")),
    (aiohttp.ClientConnectorDNSError, _unreachable("the authorization server's name does not resolve")),
    (aiohttp.ClientProxyConnectionError, _unreachable("the proxy cannot be reached")),
    (aiohttp.ClientHttpProxyError, _unreachable("the proxy refused to connect")),
    (aiohttp.ClientSSLError, _unreachable("no trusted TLS connection to the authorization server")),
    (ssl.SSLError, _unreachable("the TLS connection to the authorization server broke")),
    (aiohttp.ClientConnectorError, _unreachable("the authorization server cannot be reached")),
    (aiohttp.ClientPayloadError, _unreachable("the authorization server broke off its answer")),
    (aiohttp.ServerDisconnectedError, _unreachable("the authorization server closed the connection")),
    (aiohttp.ClientResponseError, Failed(FailureKind.INVALID, "the authorization server answered no HTTP")),
    (aiohttp.InvalidURL, Failed(FailureKind.INVALID, "the token_endpoint is no URL")),
    (aiohttp.ClientOSError, _unreachable("the authorization server broke the connection")),
    (aiohttp.ClientError, _unreachable("the token request failed")),
    (OSError, _unreachable("the connection to the authorization server broke")),
    (ValueError, Failed(FailureKind.INVALID, "the token request cannot be sent")),
)


def _random_jti() -> str:
    return secrets.token_urlsafe(16)  # 128 bits: no two are ever equal


class TokenEndpoint:
    """Sends token requests, for all clients of the process; belongs to one event loop."""

    def __init__(self, wall_s: Callable[[], float], new_jti: Callable[[], str] = _random_jti) -> None:
        self._wall_s = wall_s
        self._new_jti = new_jti
        self._session: aiohttp.ClientSession | None = None
        self._trust = Trust()

    async def fetch(self, client: ClientSettings) -> Outcome:
        """Ask once for a token of the client's grant and give what came of it."""
        answer = await self.exchange(client)
        if isinstance(answer, Failed):
            return answer
        return read_token_answer(answer, client.grant.scope, self._wall_s())

    async def exchange(self, client: ClientSettings) -> TokenAnswer | Failed:
        """Send one token request and give the answer as it came, whatever its status."""
        proof = self.prove(client)
        return proof if isinstance(proof, Failed) else await self.send(client, proof)

    def prove(self, client: ClientSettings) -> Secret | Failed:
        """Give what goes out to prove who we are: the secret, or an assertion made for this one request."""
        try:
            credential = client.credential()
            return credential if client.grant.assertion is None else self._signed(client, credential)
        except (OSError, ValueError):
            return SECRET_UNREADABLE

    async def send(self, client: ClientSettings, proof: Secret) -> TokenAnswer | Failed:
        """Send one token request with `proof` and give the answer as it came, whatever its status."""
        try:
            request = build_token_request(client.grant, proof)
        except ValueError:
            return SECRET_UNREADABLE
        try:
            trust = self._trust.context(client)
        except CertificateUnusable:
            return CERTIFICATE_UNUSABLE
        except OSError:  # ssl.SSLError among them
            return CA_FILE_UNREADABLE
        try:
            return await self._post(client, request, trust)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failure_of(error)

    async def close(self) -> None:
        """Close the connections; nothing may be asked afterwards."""
        if self._session is not None:
            await self._session.close()

    async def _post(
        self, client: ClientSettings, request: TokenRequest, trust: ssl.SSLContext | bool
    ) -> TokenAnswer | Failed:
        async with self._open_session().post(
            URL(client.grant.token_endpoint, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=client.timeout_s),
            proxy=client.proxy,
            ssl=trust,
            allow_redirects=False,
        ) as response:
            return await _read(response)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:  # not in __init__: a session needs the running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=MOST_CONNECTIONS,
                    limit_per_host=MOST_CONNECTIONS_PER_SERVER,
                    keepalive_timeout=KEEPALIVE_S,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _signed(self, client: ClientSettings, credential: Secret) -> Secret | Failed:
        # Imported by the first client that signs: who needs no signatures does not pay for them in memory.
        from gateway.oauth import client_authentication as signing  # noqa: PLC0415

        try:
            return signing.signed_assertion(client.grant, credential, self._wall_s(), self._new_jti())
        except signing.CredentialUnusable as unusable:
            return _unreachable(f"the client cannot sign its assertion: {unusable}")


def failure_of(error: Exception) -> Failed:
    """Give the failure that a foreign exception means, without its text: that may hold a proxy's password."""
    return next(failed for kind, failed in _FAILURES if isinstance(error, kind))


async def _read(response: aiohttp.ClientResponse) -> TokenAnswer | Failed:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            return TOO_LONG
    fields = {name.lower(): value for name, value in response.headers.items()}
    return TokenAnswer(response.status, fields, bytes(body))
