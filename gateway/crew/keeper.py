"""The keeper: token sources, the configuration, the admin listener; one for all workers.

Rules:

- It is a gateway without listeners: its sources request tokens, its routes are for show.
- A configuration is used by all or by nobody. The keeper builds its own part and binds what is new; all
  workers build theirs; then all of them go on. One refusal, and everything is as before.
- A worker that comes gets the configuration in use, whenever it comes.
- A generation ends here once no worker has a request of it: whoever waits for a token of a client that is
  gone gets it.
- What the next keeper must know, if this one dies, is with the supervisor: the configuration in use, and the
  counts of workers that have ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from gateway.app import Gateway, Part, Prepared
from gateway.config_watch import ConfigWatch
from gateway.core.clock import Clock
from gateway.core.config_state import Reading
from gateway.core.crew.records import (
    Counts,
    End,
    Hold,
    HoldOnly,
    IdentityKeyIs,
    InForce,
    Notify,
    Ping,
    Pong,
    Prepare,
    Ready,
    Record,
    Rejected,
    Remember,
    Stop,
    Used,
    Want,
    WorkerAt,
)
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.crew.berths import BerthPlan, Berths
from gateway.crew.channel import Channel
from gateway.crew.joint_overview import Joint, JointOverview
from gateway.crew.links import Link, Links
from gateway.crew.mirrors import KEYS_OF_A_KEEPER
from gateway.crew.packets import Received
from gateway.crew.parts import Left, own_part, part_of_worker
from gateway.crew.publisher import Publisher
from gateway.crew.supervision import Legacy
from gateway.crew.tally import Tally
from gateway.generation import Generation, refuse_unchangeable
from gateway.oauth.store import Sources
from gateway.packing import packed
from gateway.reloading import Reloads
from gateway.server import Hooks, quiet_garbage_collector, reload_changed, running, told
from gateway.system.service_manager import ServiceManager

log: Final = logging.getLogger("gateway.crew")

_GENERATIONS_OF_A_KEEPER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What a keeper begins with.

    Attributes:
        left: the configuration in use, or the one to start with.
        lent: where the service manager opened sockets.
        places: where the supervisor holds others.
        manager: the service manager.
    """

    workers: int
    left: Left
    hooks: Hooks
    legacy: Legacy
    lent: frozenset[str]
    places: frozenset[str]
    manager: ServiceManager


class Keeper:
    """One keeper, on the running loop."""

    def __init__(self, sock: socket.socket, kept: Kept) -> None:
        loop = asyncio.get_running_loop()
        self._kept = kept
        self._loop = loop
        assert kept.left.reading.settings is not None
        self._settings = kept.left.reading.settings
        number, remembered = kept.legacy.number, json.loads(kept.legacy.text or "{}")
        self._tally = Tally(remembered.get("base", {}))
        self._berths = Berths(kept.workers, kept.lent, kept.places, remembered.get("ports"))
        self._links = Links(self._wanted, self._counted, self._has_gone)
        self._links.on_prepared = self._is_prepared
        clock = Clock(loop.time, time.time, random.random, time.perf_counter)
        self._publisher = Publisher(clock, number * KEYS_OF_A_KEEPER, self._links.tell_all)
        self._supervisor = Channel(sock, loop, self._from_supervisor, self._end)
        self._manager = kept.manager.through(lambda text: self._supervisor.send(Notify(text)))
        self._stopped = asyncio.Event()
        self._newest = number * _GENERATIONS_OF_A_KEEPER
        self._reading = self._used = kept.left.reading
        self._in_force: Prepare | None = None
        self._numbers: dict[int, int] = {}
        self._listeners: Sequence[ListenerSettings] = ()
        self._places: tuple[str, ...] = ()
        self._gateway: Gateway | None = None

    async def keep(self) -> int:
        """Do all that until the supervisor wants its end; return the exit status."""
        plan = await self._berths.plan(self._settings)
        joint = Joint(
            self._loop,
            self._links,
            self._tally,
            lambda: any(link.oldest for link in self._links),
            lambda: self._settings.limits.connections,
        )
        part = Part(
            oversee=lambda gateway: JointOverview(gateway, joint),
            watched=lambda _: self._settings,
            keys_left=self._kept.left.keys,
        )
        try:
            async with running(own_part(self._settings), part=part) as gateway:
                self._begin(gateway, plan)
                await self._go_on(gateway)
        finally:
            self._links.close()
            await self._publisher.close()
        return 0

    def _begin(self, gateway: Gateway, plan: BerthPlan) -> None:
        self._gateway = gateway
        gateway.metrics.shown_routes = partial(self._tally.routes, gateway.metrics)
        gateway.metrics.shown_groups = partial(self._tally.groups, gateway.metrics)
        gateway.metrics.shown_names = partial(self._tally.names, gateway.metrics)
        gateway.retired.is_needed = self._is_needed
        gateway.retired.on_end = self._has_retired
        gateway.identity_keys.on_change = self._key_has_changed
        self._tell_key(self._links.tell_all)
        self._hold(plan)
        self._use(self._prepare(self._settings, plan, gateway.generation), plan)
        self._leave(self._kept.left.reading)
        # A service manager may send SIGTERM to all; workers need tokens until their end, which `End` tells.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._supervisor.send(Ready())

    async def _go_on(self, gateway: Gateway) -> None:
        """Wait until all workers are ready; reload until the end."""
        kept, hooks = self._kept, self._kept.hooks
        reloads = Reloads(
            kept.left.reading,
            self._read,
            self._reload,
            time.time,
            partial(told, self._manager, self._where),
        )
        gateway.config = lambda: reloads.state
        await self._until_ready()
        if self._stopped.is_set():
            return
        watch = ConfigWatch(reloads.watched, hooks.present, partial(reload_changed, reloads))
        gateway.look_at_configuration = watch.look
        self._loop.add_signal_handler(signal.SIGHUP, reloads.ask)
        quiet_garbage_collector()
        if kept.legacy.number == 1:
            self._tell_of_start()
        self._manager.ready(self._where())
        self._manager.watch(self._loop, lambda: not gateway.overview.stale())
        await self._stopped.wait()
        await reloads.close()
        self._manager.close()
        log.info("stopped")

    def _tell_of_start(self) -> None:
        for warning in self._kept.left.reading.warnings:
            log.warning("%s", warning)
        for place in sorted(self._kept.lent.difference(self._places)):
            where = place if place.startswith(("/", "\0")) else place.replace(" ", ":")
            log.warning("the service manager passed a socket at %s, which is not in `listen`", where)
        self._kept.hooks.told(self._where())

    async def _until_ready(self) -> None:
        """Wait for the workers of the start; a later keeper takes over those that are there."""
        assert self._in_force is not None
        count = self._kept.workers if self._kept.legacy.number == 1 else 0
        waiting = self._loop.create_task(self._links.prepared(self._in_force.generation, count))
        stopped = self._loop.create_task(self._stopped.wait())
        await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if waiting.done():
            waiting.result()
        else:
            waiting.cancel()

    # ── configurations ────────────────────────────────────────────────────────────────────────────

    def _read(self) -> Reading:
        """Read the configuration anew; called in a thread, while nobody else asks."""
        self._reading = self._kept.hooks.read()
        return self._reading

    async def _reload(self, settings: Settings) -> None:
        """Go on under other settings, with all workers or not at all."""
        gateway = self._gateway
        assert gateway is not None
        refuse_unchangeable(self._settings, settings)
        prepared, plan = await gateway.prepare(own_part(settings)), BerthPlan()
        try:
            plan = await self._berths.plan(settings)
            record = await self._prepared_by_all(settings, plan, prepared)
        except BaseException:
            if self._in_force is not None and self._newest > self._in_force.generation:
                self._links.abort(self._newest)
            self._supervisor.send(HoldOnly(tuple(self._berths.places)))
            plan.drop()
            await gateway.forget(prepared)
            raise
        self._settings = settings
        gateway.commit(prepared)
        self._use(record, plan)
        self._links.commit(record.generation)
        self._kept.hooks.use(settings)
        self._leave(self._reading)

    async def _prepared_by_all(self, settings: Settings, plan: BerthPlan, prepared: Prepared) -> Prepare:
        self._hold(plan)
        record = self._prepare(settings, plan, prepared.generation)
        self._tell_to_prepare(record, plan)
        await self._links.prepared(record.generation)
        return record

    def _tell_to_prepare(self, record: Prepare, plan: BerthPlan) -> None:
        for link in self._links:
            if link.prepared < record.generation and link.channel is not None:
                link.channel.send(record, [plan.new[place].of(link.slot) for place in record.new])

    def _prepare(self, settings: Settings, plan: BerthPlan, generation: Generation) -> Prepare:
        self._newest += 1
        self._numbers[id(generation)] = self._newest
        sources = cast("Sources", generation.sources).by_grant
        keys = {grant: self._publisher.key_of(source) for grant, source in sources.items()}
        of_worker = part_of_worker(settings, plan.listeners, self._kept.workers)
        text = b64encode(packed((of_worker, keys))).decode("ascii")
        places = dict.fromkeys((*plan.places, *self._kept.lent))  # what is lent stays, wanted or not
        return Prepare(self._newest, text, tuple(places), tuple(plan.new))

    def _use(self, record: Prepare, plan: BerthPlan) -> None:
        """Let a configuration be the one in use, for workers to come as well."""
        self._in_force = replace(record, new=())
        self._listeners, self._places = plan.listeners, tuple(plan.places)
        self._berths.places = frozenset(plan.places) - self._kept.lent
        self._supervisor.send(HoldOnly(tuple(self._berths.places)))
        self._tell_to_prepare(record, plan)  # those who have come meanwhile
        plan.close()

    def _hold(self, plan: BerthPlan) -> None:
        for place, new in plan.new.items():
            numbers = [sock.fileno() for sock in new.sockets]
            self._supervisor.send(Hold(place, new.device, new.inode), numbers)

    def _is_needed(self, generation: Generation) -> bool:
        number = self._numbers.get(id(generation), 0)
        return self._links.oldest(self._newest) <= number

    def _has_retired(self) -> None:
        gateway = self._gateway
        assert gateway is not None
        living = (gateway.generation, *gateway.retired.generations)
        self._numbers = {id(each): self._numbers[id(each)] for each in living if id(each) in self._numbers}
        sources = [source for each in living for source in cast("Sources", each.sources).by_grant.values()]
        self._publisher.keep(sources)
        quiet_garbage_collector()

    def _where(self) -> str:
        where = ", ".join(str(listener.address) for listener in self._listeners)
        admin = self._gateway.admin_address if self._gateway is not None else None
        more = f", admin on {admin}" if admin is not None else ""
        return f"listening on {where}{more}; {self._kept.workers} workers"

    # ── workers ───────────────────────────────────────────────────────────────────────────────────

    def _is_prepared(self, link: Link) -> None:
        """Go on with a worker that has built something: if that is in use already, it is to use it, too."""
        if link.prepared == link.oldest:  # it has just come
            self._publisher.tell_everything(link.tell)
        in_force = self._in_force
        if in_force is not None and link.prepared == in_force.generation:
            self._links.commit(in_force.generation)
            self._publisher.tell_everything(link.tell)

    def _wanted(self, link: Link, record: Want | Rejected | Used) -> None:
        self._publisher.heard(record, link.tell)

    def _counted(self, link: Link, record: Counts) -> None:
        self._tally.took(link.pid, link.slot, record.text)

    def _has_gone(self, link: Link) -> None:
        self._tally.gone(link.pid)
        self._remember()

    def _tell_key(self, tell: Callable[[Record], None]) -> None:
        """Tell the key that signs who calls, if there is one."""
        pem = self._gateway.identity_keys.pem() if self._gateway is not None else None
        if pem is not None:
            tell(IdentityKeyIs(pem.reveal()))

    def _key_has_changed(self) -> None:
        """Leave the new key to the next keeper before anything is signed with it."""
        self._leave(self._used)
        self._tell_key(self._links.tell_all)

    # ── the supervisor ────────────────────────────────────────────────────────────────────────────

    def _from_supervisor(self, received: Received) -> None:
        match received.record:
            case Ping():
                self._supervisor.send(Pong())
            case WorkerAt(slot, pid) if received.descriptors:
                link = self._links.add(slot, pid, received)
                self._tell_key(link.tell)
                if self._in_force is not None:
                    link.tell(self._in_force)
            case Stop():
                self._begin_to_stop()
            case End():
                self._end()
            case _:
                log.error("the supervisor sent a record that is not for the keeper")

    def _begin_to_stop(self) -> None:
        """Be not ready from now on; tokens go on until the workers have ended."""
        grace_s = self._settings.grace_s
        log.info("stopping: running requests have %g s to finish", grace_s)
        self._loop.add_signal_handler(signal.SIGHUP, lambda: None)  # no reload any more
        if self._gateway is not None:
            self._gateway.is_draining = True
            self._gateway.look_at_configuration = lambda _: None
        self._manager.stopping(grace_s)

    def _end(self) -> None:
        self._stopped.set()

    def _remember(self) -> None:
        text = json.dumps({"base": self._tally.base, "ports": self._berths.ports})
        self._supervisor.send(Remember(text))

    def _leave(self, reading: Reading) -> None:
        """Leave the configuration in use to whoever comes next: in memory, and in no process of its own."""
        self._used = reading
        number = os.memfd_create("gateway-configuration", os.MFD_CLOEXEC)
        try:
            with open(number, "wb", closefd=False) as file:
                keys = self._gateway.identity_keys.left() if self._gateway is not None else None
                file.write(packed(Left(replace(reading, settings=self._settings), keys)))
            self._supervisor.send(InForce(), [number])
        finally:
            os.close(number)
        self._remember()


async def keep(sock: socket.socket, kept: Kept, refuse: Callable[[OSError], None]) -> int:
    """Be the keeper; return the exit status. `refuse` says why it cannot start."""
    try:
        return await Keeper(sock, kept).keep()
    except OSError as error:  # which ssl.SSLError is, too
        refuse(error)
        return 1
