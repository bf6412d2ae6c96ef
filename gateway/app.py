"""The composition root: `Settings` in, a running `Gateway` out.

Owns every long-lived object, and is the only place where clock and chance come from. Everything is built
before anything listens, and what listens is closed first.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.access.allowance import Allowance
from gateway.access.ways import WayParts
from gateway.admin.service import AdminServer, start_admin
from gateway.core.clock import Clock
from gateway.core.config_state import ConfigState
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.identity_jwt import IdentitySigner, KeysLeft
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.reserved import reserved_fields
from gateway.core.settings.route_settings import RouteName
from gateway.core.settings.shortest_timeout import shortest_timeout_s
from gateway.core.text.http_time import HttpDate
from gateway.doors import Doors, Plan
from gateway.files_in_use import watched_files
from gateway.generation import Generation, MakeSources, ProcessParts, carried_over, refuse_unchangeable
from gateway.identity_keys import IdentityKeys, PreparedKey
from gateway.listening import asked_by
from gateway.net.inherited_sockets import InheritedSockets
from gateway.net.lookups import GetAddrInfo
from gateway.net.resolver import Resolver
from gateway.oauth.documents import Documents
from gateway.oauth.requester import Surroundings
from gateway.oauth.store import Sources
from gateway.observe.access_log import AccessLog
from gateway.observe.fanout import Observer
from gateway.observe.file_watch import FileWatch
from gateway.observe.metrics import Metrics
from gateway.observe.sweeper import REST_S, SWEEP_S, Look, Sweeper
from gateway.observers import Observers
from gateway.overview import Overseen, Overview
from gateway.proxy.buffers import Buffers
from gateway.proxy.caller import Terms
from gateway.proxy.census import Census
from gateway.proxy.fast_lane import FastLane
from gateway.proxy.front import FrontTerms
from gateway.proxy.handler import Handler, Serving
from gateway.proxy.outgoing.room import Room
from gateway.proxy.tunnels import Tunnels
from gateway.request_ids import RequestIds
from gateway.retired import Retired
from gateway.tls.trust import Trust

UNROUTED: Final = RouteName("-")

if TYPE_CHECKING:
    from gateway.oauth.introspection import Introspection


@dataclass(frozen=True, slots=True)
class Part:
    """The part that a process has in its gateway, if it is not the only one.

    Attributes:
        make_sources: makes the token sources of a generation; None: they are of this process.
        oversee: makes what is shown.
        watched: returns the settings whose files are watched here, given those in use.
        signer: signs who calls; None: this process has the keys for that, as its settings say.
        keys_left: those that a process before this one has left.
    """

    make_sources: MakeSources | None = None
    oversee: Callable[[Overseen], Overview] = Overview
    watched: Callable[[Settings], Settings] = lambda settings: settings
    signer: IdentitySigner | None = None
    keys_left: KeysLeft | None = None


ALL: Final = Part()


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a reload needs, built beside what is in use: `Gateway.commit` or `Gateway.forget` it."""

    settings: Settings
    plans: Sequence[Plan]
    generation: Generation
    access_log: AccessLog | None
    identity_key: PreparedKey


class Gateway:
    """A gateway at work. Build it on the running loop, then `start` and `close` it.

    Args:
        get_addr_info: how names are looked up; called in threads.
        inherited: sockets that the service manager opened for us.
        part: what is its own.

    Attributes:
        config: returns how its configuration stands.
        look_at_configuration: called once a second at least, with the loop's time.
        retired: generations of earlier configurations.
        identity_keys: those that sign who calls, where this process has them.

    Raises:
        OSError, ssl.SSLError: a file cannot be read (when built); an address is not available (at `start`).
    """

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        get_addr_info: GetAddrInfo = socket.getaddrinfo,
        inherited: InheritedSockets | None = None,
        part: Part = ALL,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._part = part
        self._loop = loop
        self._clock = Clock(loop.time, time.time, random.random, time.perf_counter)
        self.is_draining = False
        started = ConfigState("", time.time())
        self.config: Callable[[], ConfigState] = lambda: started
        self.look_at_configuration: Callable[[float], None] = lambda _: None
        self.overview = part.oversee(self)
        self.metrics = Metrics(self.overview.gauges(), time.time)
        self._trust = Trust()
        self.observers = Observers(settings, loop, self.metrics, observer)
        self._resolver = Resolver(self.metrics.resolutions, get_addr_info, loop.time, random.random)
        self._is_hasty = shortest_timeout_s(settings) < REST_S
        self._sweeper = Sweeper(loop, (), self._is_busy)
        self.census = Census(settings.limits.connections, self._sweeper.wake)
        self._buffers = Buffers(settings.limits.buffers_bytes, self.census)
        self._room = Room(settings.limits, self.census)
        self._documents = Documents(self._trust, self._resolver)
        self._introspection: Introspection | None = None
        ways = WayParts(self._clock, self._documents, Allowance(loop.time), self._introspector)
        self.identity_keys = IdentityKeys(time.time, part.keys_left)
        self.identity_keys.begin(settings.identity_jwt)
        signer = part.signer or self.identity_keys
        self._parts = ProcessParts(
            loop, self._clock, self.metrics, self._trust, self._resolver, self._room, ways, signer
        )
        self._make_sources = part.make_sources or self._own_sources()
        self.generation = Generation(settings, self._parts, self._make_sources)
        self.file_watch = self._watch(settings)
        self.retired = Retired(loop)
        self.tunnels = Tunnels(settings.limits, loop, self._clock.wall_s)
        self.tunnels.guarded_by(self.generation.routes)
        self._handler = Handler(
            self._serving(settings), self._clock, self.metrics.route(UNROUTED), self.tunnels
        )
        self._date = HttpDate()
        self._ids = RequestIds()
        self._lane = FastLane(self._handler, loop, self._clock.now_s)
        self.front = self._front_terms(settings)
        self.doors = Doors(inherited or InheritedSockets())
        self._admin: AdminServer | None = None
        self._sweeper.go_on(self._looks())

    # ── life ──────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Listen, and request the first tokens in the background."""
        try:
            if (admin := self._settings.admin) is not None:
                with asked_by(self._settings.admin_place, admin):
                    self._admin = await start_admin(admin, self.overview.view(), self._settings.limits)
            self._open(await self.doors.plans(self._settings))
        except BaseException:
            await self.close(grace_s=0.0)
            raise
        self.generation.start()
        self._sweeper.start()

    async def close(self, grace_s: float | None = None) -> None:
        """Stop accepting, let calls end within `grace_s` (the settings' grace if None), end the rest."""
        self.is_draining = True
        self.doors.close()
        self.tunnels.drain((self._settings.grace_s if grace_s is None else grace_s) / 2)
        await self.doors.drain(self._settings.grace_s if grace_s is None else grace_s)
        self._sweeper.stop()
        await self.retired.close(self.generation)
        await self.generation.close()
        await self._documents.close()
        if self._introspection is not None:
            await self._introspection.close()
        self._resolver.close()
        if self._admin is not None:
            await self._admin.close()
        if (access_log := self.observers.access_log) is not None:
            await asyncio.to_thread(access_log.writer.close)  # it waits for a reader, but not for long
        await asyncio.sleep(0)  # so that closed transports tell their protocols

    async def reload(self, settings: Settings) -> None:
        """Go on under other settings: whatever is alike in both stays, and no connection is closed for it.

        Raises what `prepare` raises; then nothing has changed.
        """
        self.commit(await self.prepare(settings))

    async def prepare(self, settings: Settings) -> Prepared:
        """Build everything for other settings, and bind every new address, before anything changes.

        Raises:
            CannotChange: the settings differ in what cannot change while the process runs.
            OSError, ssl.SSLError: an address or a file cannot be had. Nothing has changed.
        """
        refuse_unchangeable(self._settings, settings)
        settings = carried_over(self._settings, settings)
        access_log = self.observers.access_log_for(settings)
        identity_key = self.identity_keys.prepared(settings.identity_jwt)
        plans: Sequence[Plan] = ()
        try:
            plans = await self.doors.plans(settings)
            generation = Generation(settings, self._parts, self._make_sources, self.generation)
        except BaseException:
            self.doors.drop(plans)
            self.observers.drop(access_log)
            raise
        return Prepared(settings, plans, generation, access_log, identity_key)

    def commit(self, prepared: Prepared) -> None:
        """Go on with what was prepared last; nothing else has been since."""
        self.identity_keys.go_on(prepared.settings.identity_jwt, prepared.identity_key)
        self._swap(prepared.settings, prepared.generation, prepared.access_log)
        self._open(prepared.plans)
        prepared.generation.start()
        self._sweeper.wake()  # to end what gave way

    async def forget(self, prepared: Prepared) -> None:
        """Close what was prepared and is not to be used."""
        self.doors.drop(prepared.plans)
        self.observers.drop(prepared.access_log)
        await prepared.generation.close([self.generation])

    def _swap(self, settings: Settings, generation: Generation, access_log: AccessLog | None) -> None:
        """Let what is new take over, at once: nothing is awaited here."""
        self._lane.catch_up()  # these heads were read by what was reserved then
        before, self._settings, self.generation = self.generation, settings, generation
        closed = self.observers.access_log
        limits = settings.limits
        self.census.most = limits.connections
        self._buffers = Buffers(limits.buffers_bytes, self.census)
        self._room.limits = limits
        self._is_hasty = shortest_timeout_s(settings) < REST_S
        self.observers.go_on(settings, access_log)
        self.file_watch = self._watch(settings)
        self._handler.go_on(self._serving(settings))
        self.tunnels.go_on(limits, settings.permitted())
        self.tunnels.guarded_by(generation.routes)
        self.front = self._front_terms(settings)
        self.retired.add(before, generation)
        self._sweeper.go_on(self._looks())
        if closed is not None and closed is not access_log:
            self.retired.end(asyncio.to_thread(closed.writer.close))

    def _end_retired(self, _now_s: float) -> None:
        if self.retired.generations:
            busy = {route for listener in self.doors.listeners() for route in listener.busy_routes()}
            if self.retired.end_those_over(busy, self.generation):
                self._sweeper.go_on(self._looks())

    def now_s(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    @property
    def grace_s(self) -> float:
        """How long running requests have to finish at the end."""
        return self._settings.grace_s

    @property
    def generations(self) -> int:
        """How many configurations are in use: one, and those whose last exchange is not over."""
        return 1 + len(self.retired.generations)

    def reopen_logs(self) -> None:
        """Reopen the file of the access log, after a rotation."""
        if self.observers.access_log is not None:
            self.observers.access_log.writer.reopen()

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, with the real ports."""
        return self.doors.addresses()

    @property
    def admin_address(self) -> Address | None:
        """Where the admin listener is, or None."""
        return self._admin.address if self._admin is not None else None

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────

    def _open(self, plans: Sequence[Plan]) -> None:
        terms = Terms(
            self._settings.limits,
            self._clock,
            lambda: self._date.at(self._clock.wall_s()),
            self._handler,
            self.front,
            self.census,
        )
        self.doors.open(plans, terms, self._settings.trusted_proxies)

    def _serving(self, settings: Settings) -> Serving:
        return Serving(
            self.generation.router(),
            settings.limits,
            reserved_fields(settings),
            any(route.gate.cors is not None for route in settings.routes),
            self.observers.of_requests(),
        )

    def _introspector(self) -> Introspection:
        # Few ask about tokens: others do not pay for its modules.
        from gateway.oauth.introspection import Introspection  # noqa: PLC0415

        if self._introspection is None:
            told = self.observers.of_tokens()
            self._introspection = Introspection(self._clock, told, self._trust, self._resolver)
        return self._introspection

    def _watch(self, settings: Settings) -> FileWatch:
        of_callers = (*self.generation.ways.files(), *self.identity_keys.files())
        return FileWatch([*watched_files(self._part.watched(settings)), *of_callers])

    def _front_terms(self, settings: Settings) -> FrontTerms:
        timeout_s = settings.limits.keepalive_timeout_s
        return FrontTerms(self._lane.turn, self._handler.reader, self._ids, timeout_s)

    def _looks(self) -> list[Look]:
        looks: list[Look] = [
            self.doors.look,
            self._look_at_buffers,
            self._look_at_admin,
            self._end_retired,
        ]
        looks += [pool.sweep for pool in self.retired.pools_with(self.generation)]
        looks += [group.sweep for group in self.retired.groups_with(self.generation)]
        looks += [instances.sweep for instances in self.retired.instances_with(self.generation)]
        looks.append(self.tunnels.look)
        looks.append(lambda now_s: self.look_at_configuration(now_s))  # noqa: PLW0108 - it is set later
        return [*looks, lambda _now_s: self._trust.look(), self.identity_keys.look, self.file_watch.look]

    def _own_sources(self) -> MakeSources:
        around = Surroundings(self._clock, self.observers.of_tokens(), secrets.token_bytes(32))
        return lambda settings, before: Sources(settings, around, self._trust, self._resolver, before)

    def _look_at_buffers(self, now_s: float) -> None:
        self._buffers.look(self.doors.listeners(), now_s)

    def _look_at_admin(self, now_s: float) -> None:
        if self._admin is not None:
            self._admin.server.look(now_s)

    def _is_busy(self) -> bool:
        """Whether a deadline can pass before a sweeper that rests looks again."""
        if self._room.open or (self.census.open and self._is_hasty) or self.retired.generations:
            return True
        until_s = self._loop.time() + REST_S + SWEEP_S  # it may look late
        return not all(listener.is_idle(until_s) for listener in self.doors.listeners())

    @property
    def is_stale(self) -> bool:
        """Whether it looks after its deadlines no more."""
        return self._sweeper.is_stale(self._loop.time())
