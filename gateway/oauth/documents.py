"""Documents that authorization servers publish for everybody: metadata, key sets."""

from __future__ import annotations

from typing import Final

from gateway.core.oauth.token_outcome import Failed
from gateway.core.settings.client_settings import AuthMethod, ClientName, ClientSettings, Grant, Reach
from gateway.core.text.json_object import JsonObject, read_json_object
from gateway.net.resolver import Resolver
from gateway.oauth.transport import ServerRequest, Transport
from gateway.tls.trust import Trust

MOST_BYTES: Final = 512 * 1024
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


class Documents:
    """Fetches them, as the transport of token requests does: no redirects, verified TLS, bounded."""

    def __init__(self, trust: Trust, resolver: Resolver) -> None:
        self._transport = Transport(trust, resolver)

    async def fetch(self, url: str, reach: Reach) -> JsonObject | str:
        """Return the JSON object at `url`, or a few words on why there is none; never raise."""
        answer = await self._transport.send(_anybody(url, reach), ServerRequest(url, _HEADERS))
        if isinstance(answer, Failed):
            return answer.reason
        if answer.status != 200:
            return f"the authorization server answered {answer.status}"
        if len(answer.body) > MOST_BYTES:
            return f"the authorization server answered more than {MOST_BYTES // 1024} KiB"
        document = read_json_object(answer.body)
        return "the authorization server's answer is not a JSON object" if document is None else document

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()


def _anybody(url: str, reach: Reach) -> ClientSettings:
    """Someone who asks without credentials; the transport needs no more of them than how to get there."""
    return ClientSettings(Grant(ClientName("-"), url, "", AuthMethod.NONE), (), reach)
