"""What lives as long as one configuration: token sources, connections to upstreams, routes.

All else that `app` owns belongs to the process: sockets, callers, metrics, TLS contexts, names.

Rules: a generation is built beside the one before it, completely, and shares with it whatever both
configurations have alike: a source with its living token and its back-off, a pool with its connections, a
route with what it remembers. It begins when its routes are swapped in, and until then nothing of it is seen.
What the generation before had alone goes on until its last exchange is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Protocol

from gateway.access.gate import Gate
from gateway.access.limiter import Limiter
from gateway.access.signing_gate import SigningGate
from gateway.access.ways import WayParts, Ways
from gateway.core.access.asked import asked_in
from gateway.core.clock import Clock
from gateway.core.http.recovery import Acceptance
from gateway.core.http.routing import Router
from gateway.core.oauth.named_secret import NamedReader
from gateway.core.oauth.source_state import SourceState
from gateway.core.settings.access_settings import Limit
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, ClientSettings, Grant, SecretReader
from gateway.core.settings.identity_jwt import IdentitySigner
from gateway.core.settings.route_settings import RouteName, RouteSettings, TenantSettings
from gateway.core.settings.upstream_settings import GroupSettings, UpstreamSettings
from gateway.core.token import TokenSource
from gateway.instances import Instances
from gateway.net.resolver import Resolver
from gateway.observe.metrics import Metrics
from gateway.observe.route_health import RouteHealth
from gateway.proxy.outgoing.pool import Pool
from gateway.proxy.outgoing.room import Room
from gateway.proxy.outgoing.target_pool import TargetPool
from gateway.proxy.route import Route, RouteInstances, Tenants
from gateway.tls.trust import Trust
from gateway.upstreams.group import Group
from gateway.upstreams.group_queue import GroupGate
from gateway.upstreams.group_routes import GroupRoutes


@dataclass(frozen=True, slots=True)
class ProcessParts:
    """What a generation uses of its process."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    metrics: Metrics
    trust: Trust
    resolver: Resolver
    room: Room
    ways: WayParts
    signer: IdentitySigner


class TokenSources(Protocol):
    """The token sources of one configuration; `oauth.store.Sources` are those of a process of its own."""

    def __getitem__(self, grant: Grant) -> TokenSource:
        """Return the source of a grant that a route needs."""

    def get(self, grant: Grant) -> TokenSource | None:
        """Return the source of a grant, or None if no route needs it."""

    def start(self) -> None:
        """Request all first tokens, in the background."""

    async def close(self, others: Sequence[Any] = ()) -> None:
        """End; sources that any of `others` has go on."""

    def states(self) -> Iterable[SourceState]:
        """Return the state of each source."""

    def missing(self) -> Iterable[SourceState]:
        """Return the state of each source that requests cannot do without, and that has had no token yet."""

    def by_client(self) -> Mapping[ClientName, Sequence[SourceState]]:
        """Return the states of all sources by client."""


MakeSources = Callable[[Settings, Any], TokenSources]
"""Makes the sources of a configuration, and keeps what is alike in those of the one before, or None."""


class Generation:
    """Token sources, pools and routes of one configuration.

    Args:
        before: the generation to be replaced, whose settings `carried_over` has compared with these.

    Attributes:
        ways: those to know a caller.
        limiters: one for each route with limits.
        pools: one for each upstream, however many routes lead there.
        groups: one for each group of upstream addresses, by the same rule.
        routes: in the order of the configuration.
        acceptances: of the tokens of a grant at an upstream.
    """

    def __init__(
        self,
        settings: Settings,
        process: ProcessParts,
        make_sources: MakeSources,
        before: Generation | None = None,
    ) -> None:
        self._process = process
        self._before = before
        earlier = before.sources if before is not None else None
        self.sources: TokenSources = make_sources(settings, earlier)
        self.ways: Ways = Ways(
            settings.callers,
            process.ways,
            before.ways if before is not None else None,
            settings.clients,
        )
        self.ways.keep(asked_in(settings.routes))
        self.limiters: dict[tuple[RouteName, tuple[Limit, ...]], Limiter] = {}
        self.pools: dict[UpstreamSettings, Pool] = {}
        self.groups: dict[GroupSettings, Group] = {}
        self._successions: list[tuple[Group, Group]] = []
        self.acceptances: dict[tuple[UpstreamSettings, Grant | None], Acceptance] = {}
        try:
            self.routes = [self._route(route, index) for index, route in enumerate(settings.routes)]
        except BaseException:
            self._close_pools([before] if before is not None else ())  # nobody else knows them
            raise
        self._before = None

    def router(self) -> Router[Route]:
        """Return what finds a route for each request."""
        return Router((route.settings, route) for route in self.routes)

    def start(self) -> None:
        """Request the tokens that are missing, in the background, and begin to check upstreams."""
        self.sources.start()
        self.ways.start()
        for group, earlier in self._successions:
            group.take_over(earlier)
        self._successions.clear()
        for group in self.groups.values():
            group.start()

    async def close(self, others: Sequence[Generation] = ()) -> None:
        """Close all connections, and end all token requests; what any of `others` has goes on."""
        self._close_pools(others)
        kept_instances = {id(each) for other in others for each in other.instances()}
        for instances in self.instances():
            if id(instances) not in kept_instances:
                instances.close()
        for group in self.groups.values():
            await group.ended()
        await self.sources.close([other.sources for other in others])
        await self.ways.close([other.ways for other in others])

    def _close_pools(self, others: Sequence[Generation]) -> None:
        """Close the pools and groups that none of `others` has."""
        kept = {id(each) for other in others for each in other.connections()}
        for each in self.connections():
            if id(each) not in kept:
                each.close()

    def connections(self) -> list[Pool | Group]:
        """Return what holds connections to upstreams that the configuration names."""
        return [*self.pools.values(), *self.groups.values()]

    def instances(self) -> list[RouteInstances]:
        """Return the upstreams that credentials name, by the routes for which they do."""
        return [route.instances for route in self.all_routes() if route.instances is not None]

    def give_way(self, to: Generation) -> None:
        """Keep no idle connection to an upstream that `to` does not have."""
        kept = {id(each) for each in to.connections()}
        for each in self.connections():
            if id(each) not in kept:
                each.give_up()
        for instances in set(self.instances()).difference(to.instances()):
            instances.give_up()

    def is_over(self, busy: set[Route], now: Generation) -> bool:
        """Whether none of the `busy` routes belongs to it, but for those that are routes of `now` as well."""
        return busy.isdisjoint(set(self.all_routes()).difference(now.all_routes()))

    def all_routes(self) -> list[Route]:
        """Return the routes, and what they are for each tenant."""
        tenants = (route.tenants.all for route in self.routes if route.tenants is not None)
        return [*self.routes, *chain.from_iterable(tenants)]

    def _route(self, settings: RouteSettings, index: int) -> Route:
        process = self._process
        source = self.sources[settings.grant] if settings.grant is not None else None
        group = self._group(settings.group) if settings.group is not None else None
        pool = group.pool if group is not None else self._pool(settings.upstream)
        acceptance = self._acceptance(settings, source)
        gate = self._gate_of(settings, group)
        kept = self._kept_route(settings, pool, source, index)
        if kept is not None:
            return kept
        client = settings.grant.client if settings.grant is not None else ""
        group_name = settings.group.name if settings.group is not None else ""
        health = RouteHealth(settings.name, f"routes[{index}]", client, process.loop.time, group_name)
        counters = process.metrics.route(settings.name)
        route = Route(settings, pool, source, counters, acceptance, health, gate)
        self._lead_elsewhere(route)
        if settings.tenants is not None:
            route.tenants = self._tenants(settings.tenants, route)
        return route

    def _tenants(self, settings: TenantSettings, whole: Route) -> Tenants:
        """Return what a route is for each tenant: the same, but for its tokens and what it knows of them."""
        default = settings.default
        return Tenants(
            settings.by,
            {value: self._tenant(each, whole) for value, each in settings.routes},
            self._tenant(default, whole) if default is not None else None,
        )

    def _tenant(self, settings: RouteSettings, whole: Route) -> Route:
        source = self.sources[settings.grant] if settings.grant is not None else None
        acceptance = self._acceptance(settings, source)
        route = Route(settings, whole.pool, source, whole.counters, acceptance, whole.health)
        self._lead_elsewhere(route)
        return route

    def _lead_elsewhere(self, route: Route) -> None:
        """Let a route's credential lead to its upstream, or its group choose an address of it."""
        settings = route.settings
        if settings.instances is not None:
            route.leads = route.instances = Instances(settings, partial(_to_instance, self._process, route))
        elif settings.group is not None:
            group = self.groups[settings.group]
            route.leads = route.targets = GroupRoutes(
                settings, group, partial(_to_target, route), self._process.clock.now_s
            )

    def _kept_route(
        self, settings: RouteSettings, pool: Pool, source: TokenSource | None, index: int
    ) -> Route | None:
        routes = self._before.routes if self._before is not None else ()
        same = (each for at, each in enumerate(routes) if at == index and each.settings == settings)
        route = next(same, None)
        if route is None or route.pool is not pool or route.source is not source:
            return None
        if route.tenants is not None and not self._has_sources(route.tenants):
            return None
        rule = settings.gate.rule
        before = self._before.ways if self._before is not None else self.ways
        return route if rule is None or self.ways.has_same(rule.ways, before) else None

    def _has_sources(self, tenants: Tenants) -> bool:
        return all(
            each.settings.grant is not None and self.sources.get(each.settings.grant) is each.source
            for each in tenants.all
        )

    def _gate_of(self, settings: RouteSettings, group: Group | None) -> Gate | SigningGate | GroupGate | None:
        gate = self._gate(settings)
        return gate if group is None or group.queue is None else GroupGate(gate, group.queue)

    def _gate(self, settings: RouteSettings) -> Gate | SigningGate | None:
        asked = settings.gate
        if asked.is_open:
            return None
        limiter = self._limiter(settings.name, asked.limits) if asked.limits else None
        process = self._process
        counted = process.metrics.route(settings.name).accessed
        gate = Gate(asked, self.ways, limiter, counted, process.clock.wall_s)
        if asked.identity_jwt is None:
            return gate
        return SigningGate(gate, asked.identity_jwt, process.signer, process.clock.wall_s)

    def _limiter(self, name: RouteName, limits: tuple[Limit, ...]) -> Limiter:
        kept = self._before.limiters.get((name, limits)) if self._before is not None else None
        limiter = self.limiters[name, limits] = kept or Limiter(limits)
        return limiter

    def _acceptance(self, settings: RouteSettings, source: TokenSource | None) -> Acceptance:
        key = (settings.upstream, settings.grant)
        kept = None
        if self._before is not None and source is not None and settings.grant is not None:
            is_same = self._before.sources.get(settings.grant) is source
            kept = self._before.acceptances.get(key) if is_same else None
        return self.acceptances.setdefault(key, kept or Acceptance())

    def _group(self, settings: GroupSettings) -> Group:
        group = self.groups.get(settings)
        if group is None and self._before is not None:
            group = self._before.groups.get(settings)
        if group is None:
            process = self._process
            group = Group(
                settings,
                partial(_new_target_pool, process),
                process.resolver.name,
                process.clock,
                process.metrics.group(settings.name),
            )
            earlier = self._before.groups.values() if self._before is not None else ()
            same = (each for each in earlier if each.settings.name == settings.name)
            self._successions += [(group, each) for each in same]
        self.groups[settings] = group
        return group

    def _pool(self, upstream: UpstreamSettings) -> Pool:
        pool = self.pools.get(upstream)
        if pool is None and self._before is not None:
            pool = self._before.pools.get(upstream)
        if pool is None:
            pool = _new_pool(self._process, upstream)
        self.pools[upstream] = pool
        return pool


def _to_target(route: Route, settings: RouteSettings, pool: TargetPool) -> Route:
    """Make a route to an address of the group of `route`."""
    return Route(settings, pool, route.source, route.counters, route.acceptance, route.health)


def _new_pool(process: ProcessParts, upstream: UpstreamSettings) -> Pool:
    return Pool(upstream, process.room, process.loop, process.trust, process.resolver)


def _new_target_pool(process: ProcessParts, upstream: UpstreamSettings) -> TargetPool:
    return TargetPool(upstream, process.room, process.loop, process.trust, process.resolver)


def _to_instance(process: ProcessParts, route: Route, settings: RouteSettings) -> Route:
    """Make a route to an upstream that a credential of `route` names."""
    # Bound to no generation: the route may outlive its own.
    pool = _new_pool(process, settings.upstream)
    return Route(settings, pool, route.source, route.counters, Acceptance(), route.health)


class CannotChange(Exception):
    """What differs cannot change while the process runs; the message names its key."""


def refuse_unchangeable(before: Settings, after: Settings) -> None:
    """Refuse settings that the running process cannot take.

    Raises:
        CannotChange: with the key, and what to do.
    """
    if before.admin != after.admin:
        raise CannotChange("admin: its address cannot change while the gateway runs; restart it")
    if before.workers != after.workers:
        words = "the number of processes cannot change while the gateway runs; restart it"
        raise CannotChange(f"workers: {words}")
    access = {each.address: each.access for each in before.listeners if each.address.path is not None}
    for each in after.listeners:
        if access.get(each.address, each.access) != each.access:
            words = "mode and group of a unix socket cannot change while the gateway runs; restart it"
            raise CannotChange(f"{each.place}: {words}")


def carried_over(before: Settings, after: Settings) -> Settings:
    """Return `after`, with the clients of `before` that are alike in all, their secrets too.

    A client's readers of its secrets know their files; so those in use stay in use.
    """
    clients = {
        name: replace(ours, is_required=client.is_required)
        if (ours := before.clients.get(name)) is not None and _are_alike(ours, client)
        else client
        for name, client in after.clients.items()
    }
    return replace(after, clients=clients)


def _are_alike(ours: ClientSettings, theirs: ClientSettings) -> bool:
    pairs = zip((*ours.credentials, ours.dpop_key), (*theirs.credentials, theirs.dpop_key), strict=False)
    is_as_long = len(ours.credentials) == len(theirs.credentials)
    return ours == theirs and is_as_long and all(_read_alike(mine, yours) for mine, yours in pairs)


def _read_alike(ours: SecretReader | None, theirs: SecretReader | None) -> bool:
    if ours is theirs:
        return True
    if not isinstance(ours, NamedReader) or not isinstance(theirs, NamedReader):
        return False
    is_from_same = ours.source == theirs.source and [one.path for one in ours.files] == [
        one.path for one in theirs.files
    ]
    return is_from_same and ours() == theirs()
