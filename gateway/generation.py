"""What lives as long as one configuration: token sources, connections to upstreams, routes.

All else that `app` owns belongs to the process: sockets, callers, metrics, TLS contexts, names.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from gateway.core.client_settings import ClientName, Grant
from gateway.core.clock import Clock
from gateway.core.http.recovery import Acceptance
from gateway.core.oauth.token_events import TokenObserver
from gateway.core.server_url import is_address, origin_of, url_host
from gateway.core.settings import RouteSettings, Settings, UpstreamSettings
from gateway.net.resolver import Resolver
from gateway.oauth.requester import Surroundings
from gateway.oauth.store import Sources
from gateway.observe.metrics import Metrics
from gateway.observe.route_health import RouteHealth
from gateway.proxy.pool import Pool
from gateway.proxy.room import Room
from gateway.proxy.route import Route
from gateway.tls.trust import Trust


@dataclass(frozen=True, slots=True)
class ProcessParts:
    """What a generation uses of its process."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    metrics: Metrics
    trust: Trust
    resolver: Resolver
    room: Room


class Generation:
    """Token sources, pools and routes of one configuration.

    Attributes:
        pools: one for each upstream, however many routes lead there.
        routes: in the order of the configuration.
    """

    def __init__(self, settings: Settings, process: ProcessParts, observer: TokenObserver) -> None:
        self._process = process
        around = Surroundings(process.clock, observer, secrets.token_bytes(32))
        self.sources = Sources(settings, around, process.trust, process.resolver)
        self.pools: dict[UpstreamSettings, Pool] = {}
        self._acceptances: dict[tuple[UpstreamSettings, Grant | None], Acceptance] = {}
        self.routes = [self._route(route, index) for index, route in enumerate(settings.routes)]

    def start(self) -> None:
        """Request the first tokens in the background."""
        self.sources.start()

    async def close(self) -> None:
        """Close all connections, and end all token requests."""
        for pool in self.pools.values():
            pool.close()
        await self.sources.close()

    def _route(self, settings: RouteSettings, index: int) -> Route:
        process = self._process
        source = self.sources[settings.grant] if settings.grant is not None else None
        acceptance = self._acceptances.setdefault((settings.upstream, settings.grant), Acceptance())
        client = settings.grant.client if settings.grant is not None else ""
        health = RouteHealth(settings.name, f"routes[{index}]", client, process.loop.time)
        counters = process.metrics.route(settings.name)
        return Route(settings, self._pool(settings.upstream), source, counters, acceptance, health)

    def _pool(self, upstream: UpstreamSettings) -> Pool:
        pool = self.pools.get(upstream)
        if pool is None:
            process = self._process
            pool = Pool(upstream, process.room, process.loop, process.trust, process.resolver)
            self.pools[upstream] = pool
        return pool


def names_in(settings: Settings) -> list[str]:
    """Return the names that the gateway will look up, as far as the configuration holds them."""
    upstreams = [route.upstream for route in settings.routes if route.upstream.socket_path is None]
    urls = [url for client in settings.clients.values() for url in client.endpoints]
    hosts = [upstream.host for upstream in upstreams] + [url_host(url) for url in urls]
    return [host for host in dict.fromkeys(hosts) if host and not is_address(host)]


def servers_of(settings: Settings) -> dict[ClientName, str]:
    """Return where each client requests its tokens: its issuer, or the origin of its token endpoint."""
    grants = ((name, client.grant) for name, client in settings.clients.items())
    return {name: origin_of(grant.token_endpoint or grant.issuer or "") for name, grant in grants}
