"""Ask an authorization server what a token of a caller is worth, as one of our clients (RFC 7662).

Rules:

- The client authenticates as it does for its tokens. Its secrets are tried in order while they are refused.
- The endpoint is the configured one, or the one that the metadata of the client's issuer names.
- Nothing but cancellation is raised, and no answer is remembered here.
"""

from __future__ import annotations

from typing import Final

from gateway.core.clock import Clock
from gateway.core.oauth.metadata import may_have_moved
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_answer import read_introspection_answer
from gateway.core.oauth.token_events import TokenObserver
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientSettings
from gateway.core.text.json_object import JsonObject
from gateway.net.resolver import Resolver
from gateway.oauth.credentials import Credentials, random_jti
from gateway.oauth.discovery import Discovery
from gateway.oauth.secret_choice import SecretChoice
from gateway.oauth.transport import DEAD_CONNECTION, ServerRequest, Transport
from gateway.tls.trust import Trust

NO_ENDPOINT: Final = Failed(FailureKind.INVALID, "the issuer names no introspection_endpoint")
_NO_SECRET: Final = Failed(FailureKind.UNSENT, "the client has no credentials")


class Introspection:
    """Implements `access.way.Introspector` for all ways of a process; belongs to one event loop."""

    def __init__(
        self, clock: Clock, observer: TokenObserver, trust: Trust, resolver: Resolver | None = None
    ) -> None:
        self._wall_s = clock.wall_s
        self._transport = Transport(trust, resolver)
        self._discovery = Discovery(self._transport, clock, observer)
        self._credentials = Credentials(clock.wall_s, random_jti, observer.told, trust.aside)
        self._choice = SecretChoice()

    async def introspect(
        self, client: ClientSettings, endpoint: str | None, token: bytes
    ) -> JsonObject | tuple[str, float | None]:
        """Return what the authorization server says of a token; `endpoint` is None if it is discovered."""
        url = endpoint or await self._discovered(client)
        found = (
            url if isinstance(url, Failed) else await self._ask(client, url, Secret(token.decode("ascii")))
        )
        if not isinstance(found, Failed):
            return found
        if endpoint is None and not isinstance(url, Failed) and may_have_moved(found):
            self._discovery.doubt(client)
        return found.reason, found.retry_after_s

    async def close(self) -> None:
        """Close the connections."""
        await self._discovery.close()
        await self._transport.close()

    async def _discovered(self, client: ClientSettings) -> str | Failed:
        if client.grant.issuer is None:
            return NO_ENDPOINT
        metadata = await self._discovery.metadata(client)
        if isinstance(metadata, Failed):
            return metadata
        shows_certificate = client.grant.certificate is not None
        return metadata.introspection_endpoint_for(shows_certificate=shows_certificate) or NO_ENDPOINT

    async def _ask(self, client: ClientSettings, url: str, token: Secret) -> JsonObject | Failed:
        found: JsonObject | Failed = _NO_SECRET
        for number in self._choice.order(client):
            found = read_introspection_answer(await self._sent(client, number, url, token), self._wall_s())
            if not isinstance(found, Failed):
                self._choice.took(client, number)
                return found
            if found.status != 401:
                break
            self._choice.refused(client, number)
        return found

    async def _sent(
        self, client: ClientSettings, number: int, url: str, token: Secret
    ) -> ServerAnswer | Failed:
        answer: ServerAnswer | Failed = DEAD_CONNECTION
        for is_fresh in (False, True):
            if answer is DEAD_CONNECTION:
                audience = await self._audience(client, url)
                request = self._credentials.request_about(client, number, audience, token)
                if isinstance(request, Failed):
                    return request
                sent = ServerRequest(request.url(url), request.headers, request.body, request.method.value)
                answer = await self._transport.send(client, sent, is_fresh=is_fresh)
        return answer

    async def _audience(self, client: ClientSettings, url: str) -> str:
        """Return what an assertion is for: the token endpoint, wherever it is sent (RFC 7523 section 3)."""
        if client.grant.token_endpoint is not None or client.grant.issuer is None:
            return client.grant.token_endpoint or url
        metadata = await self._discovery.metadata(client)
        if isinstance(metadata, Failed):
            return url
        return metadata.token_endpoint_for(shows_certificate=client.grant.certificate is not None)
