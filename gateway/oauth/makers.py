"""What makes the credentials of all clients of a process: the one place that asks for the kind of a grant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from gateway.core.clock import Clock
from gateway.core.oauth.logins.login_pace import LoginCount
from gateway.core.oauth.token_events import TokenObserver
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.net.resolver import Resolver
from gateway.oauth.endpoint import TokenEndpoint
from gateway.oauth.grant_maker import GrantMaker
from gateway.oauth.maker import ExaminedMaker
from gateway.oauth.transport import Transport
from gateway.tls.trust import Trust

if TYPE_CHECKING:
    from gateway.oauth.login_maker import LoginSurroundings


class Makers:
    """Owns what the makers of a process share; belongs to one event loop."""

    def __init__(
        self, clock: Clock, observer: TokenObserver, trust: Trust, resolver: Resolver | None = None
    ) -> None:
        self._endpoint = TokenEndpoint(clock, observer, trust, resolver=resolver)
        self._transport = Transport(trust, resolver)
        self._clock = clock
        self._logins: LoginSurroundings | None = None
        self._counts: WeakValueDictionary[ClientName, LoginCount] = WeakValueDictionary()

    def of(self, client: ClientSettings) -> ExaminedMaker:
        """Return what makes the credentials of a client for its grant."""
        if client.grant.login is None:
            return GrantMaker(self._endpoint, client)
        return self._login(client)

    def _login(self, client: ClientSettings) -> ExaminedMaker:
        # Logins are rare: others do not pay for their modules.
        from gateway.oauth.login_maker import LoginMaker, LoginSurroundings  # noqa: PLC0415

        if self._logins is None:
            endpoint = self._endpoint
            self._logins = LoginSurroundings(
                self._transport, self._clock, endpoint.credentials_mark, endpoint.certificate_mark
            )
        count = self._counts.get(client.name)
        if count is None:
            count = self._counts[client.name] = LoginCount()
        return LoginMaker(client, self._logins, count)

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        await self._endpoint.close()
        await self._transport.close()
