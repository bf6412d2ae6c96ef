"""All sources of a process: one for each grant that a route needs.

The key is the whole `Grant`: equal grants share a source, and grants that differ in anything never do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from gateway.core.client_settings import ClientName, ClientSettings, Grant
from gateway.core.oauth.source_state import SourceState
from gateway.core.settings import Settings
from gateway.core.token import Token
from gateway.net.resolver import Resolver
from gateway.oauth.endpoint import TokenEndpoint
from gateway.oauth.requester import Surroundings
from gateway.oauth.revoker import Revoker
from gateway.oauth.source import GrantSource
from gateway.tls.trust import Trust


class Sources:
    """Owns the sources and their endpoint; belongs to one event loop."""

    def __init__(
        self, settings: Settings, around: Surroundings, trust: Trust, resolver: Resolver | None = None
    ) -> None:
        self._endpoint = TokenEndpoint(around.clock, around.observer, trust, resolver=resolver)
        self._revoker = Revoker(self._endpoint.revoke, around.observer, self._is_held)
        self._by_grant = {
            client.grant: GrantSource(client, self._endpoint, around, self._revoker.retire)
            for client in needed_clients(settings)
        }

    def __getitem__(self, grant: Grant) -> GrantSource:
        return self._by_grant[grant]

    def start(self) -> None:
        """Request all first tokens at once, in the background."""
        for source in self._by_grant.values():
            source.start()

    async def close(self) -> None:
        """Stop all token requests, revoke tokens where wanted, then close the connections."""
        await asyncio.gather(*(source.close() for source in self._by_grant.values()))
        await self._revoker.close()
        await self._endpoint.close()

    def is_ready(self) -> bool:
        """Whether each grant that a route needs has had a token."""
        return all(source.has_had_token for source in self._by_grant.values())

    def states(self) -> Iterator[SourceState]:
        """Yield the state of each source, in the order of the routes that need them."""
        return (source.state() for source in self._by_grant.values())

    def missing(self) -> Iterator[SourceState]:
        """Yield the state of each source that has had no token yet."""
        return (source.state() for source in self._by_grant.values() if not source.has_had_token)

    def by_client(self) -> dict[ClientName, list[SourceState]]:
        """Return the states of all sources by client."""
        states: dict[ClientName, list[SourceState]] = {}
        for state in self.states():
            states.setdefault(state.client, []).append(state)
        return states

    def _is_held(self, token: Token) -> bool:
        return any(source.holds(token) for source in self._by_grant.values())


def needed_clients(settings: Settings) -> tuple[ClientSettings, ...]:
    """Return the clients that routes need, once for each grant that a route makes of them."""
    grants = dict.fromkeys(route.grant for route in settings.routes if route.grant is not None)
    return tuple(replace(settings.clients[grant.client], grant=grant) for grant in grants)
