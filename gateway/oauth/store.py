"""All sources of a process: one for each grant that a route needs.

The key is the whole `Grant`: equal grants share a source, and grants that differ in anything never do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.core.oauth.source_state import SourceState
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, ClientSettings, Grant
from gateway.core.token import Token
from gateway.net.resolver import Resolver
from gateway.oauth.makers import Makers
from gateway.oauth.requester import Surroundings
from gateway.oauth.revoker import Revoker
from gateway.oauth.source import GrantSource
from gateway.tls.trust import Trust


class Sources:
    """Owns the sources of one configuration; those of a process share their makers. On one event loop.

    Args:
        before: the sources of the configuration before. What a client and a grant of it are alike in both
            keep their source: its token, its back-off, its suspicion.

    Attributes:
        shared: what they have in common with the sources before and after them.
        by_grant: the sources.
    """

    def __init__(
        self,
        settings: Settings,
        around: Surroundings,
        trust: Trust,
        resolver: Resolver | None = None,
        before: Sources | None = None,
    ) -> None:
        self.shared: Shared = before.shared if before is not None else Shared(around, trust, resolver)
        kept = before.by_grant if before is not None else {}
        self.by_grant: dict[Grant, GrantSource] = {
            client.grant: source
            if (source := kept.get(client.grant)) is not None and source.is_of(client)
            else self.shared.made(client, around)
            for client in needed_clients(settings)
        }
        self._optional = frozenset(
            name for name, client in settings.clients.items() if not client.is_required
        )

    def __getitem__(self, grant: Grant) -> GrantSource:
        return self.by_grant[grant]

    def get(self, grant: Grant) -> GrantSource | None:
        """Return the source of a grant, or None if no route needs it."""
        return self.by_grant.get(grant)

    def start(self) -> None:
        """Request all first tokens at once, in the background."""
        for source in self.by_grant.values():
            source.start()

    async def close(self, others: Sequence[Sources] = ()) -> None:
        """Stop all token requests, and revoke tokens where wanted; sources that any of `others` has go on.

        Without others the process ends, and the connections are closed, too.
        """
        kept = {source for other in others for source in other.by_grant.values()}
        gone = [source for source in self.by_grant.values() if source not in kept]
        await asyncio.gather(*(source.close() for source in gone))
        self.shared.living.difference_update(gone)
        if not others:
            await self.shared.close()

    def is_ready(self) -> bool:
        """Whether each grant of a required client that a route needs has had a token."""
        return all(
            source.has_had_token or grant.client in self._optional for grant, source in self.by_grant.items()
        )

    def states(self) -> Iterator[SourceState]:
        """Yield the state of each source, in the order of the routes that need them."""
        return map(self._state, self.by_grant.values())

    def missing(self) -> Iterator[SourceState]:
        """Yield the state of each source that has had no token yet."""
        return (self._state(source) for source in self.by_grant.values() if not source.has_had_token)

    def _state(self, source: GrantSource) -> SourceState:
        state = source.state()
        return replace(state, is_required=False) if state.client in self._optional else state

    def by_client(self) -> dict[ClientName, list[SourceState]]:
        """Return the states of all sources by client."""
        states: dict[ClientName, list[SourceState]] = {}
        for state in self.states():
            states.setdefault(state.client, []).append(state)
        return states


class Shared:
    """What the sources of a process share, from one configuration to the next.

    Attributes:
        living: all sources that are not closed.
    """

    def __init__(self, around: Surroundings, trust: Trust, resolver: Resolver | None) -> None:
        self._makers = Makers(around.clock, around.observer, trust, resolver)
        self._revoker = Revoker(around.observer, self._is_held)
        self.living: set[GrantSource] = set()

    def made(self, client: ClientSettings, around: Surroundings) -> GrantSource:
        """Make a source, which lives until it is closed."""
        source = GrantSource(self._makers.of(client), around, self._revoker.retire)
        self.living.add(source)
        return source

    async def close(self) -> None:
        """Revoke what waits for it, and close the connections."""
        await self._revoker.close()
        await self._makers.close()

    def _is_held(self, token: Token) -> bool:
        return any(source.holds(token) for source in self.living)


def needed_clients(settings: Settings) -> tuple[ClientSettings, ...]:
    """Return the clients that routes need, once for each grant that a route makes of them."""
    return tuple(replace(settings.clients[grant.client], grant=grant) for grant in settings.grants)
