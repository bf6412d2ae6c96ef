"""What makes the credentials of all clients of a process: the one place that asks for the kind of a grant."""

from __future__ import annotations

from gateway.core.client_settings import ClientSettings
from gateway.core.clock import Clock
from gateway.core.oauth.token_events import TokenObserver
from gateway.net.resolver import Resolver
from gateway.oauth.endpoint import TokenEndpoint
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.maker import ExaminedMaker
from gateway.tls.trust import Trust


class Makers:
    """Owns what the makers of a process share; belongs to one event loop."""

    def __init__(
        self, clock: Clock, observer: TokenObserver, trust: Trust, resolver: Resolver | None = None
    ) -> None:
        self._endpoint = TokenEndpoint(clock, observer, trust, resolver=resolver)

    def of(self, client: ClientSettings) -> ExaminedMaker:
        """Return what makes the credentials of a client for its grant."""
        return GrantMaker(self._endpoint, client)

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        await self._endpoint.close()
