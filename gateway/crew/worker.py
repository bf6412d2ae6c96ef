"""A worker: listeners, routes and connections to upstreams; its tokens and its settings come from the keeper.

Rules:

- It binds no address, reads no configuration, and never has a secret of a client. What it has of tokens is
  what it sends.
- The first configuration that the keeper tells is used at once; each further one is built when it is to be
  prepared, and used when it is committed. Both are done one after the other.
- Without a keeper it goes on as it is. Without a supervisor it ends, as at SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import ssl
import time
from base64 import b64decode
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

from gateway.app import Gateway, Part, Prepared
from gateway.core.clock import Clock
from gateway.core.crew.records import (
    Abort,
    Adopt,
    Commit,
    Counts,
    CountsWanted,
    IdentityKeyIs,
    InUse,
    KeeperAt,
    KeyIs,
    LetGo,
    NoTokenIs,
    Ping,
    Pong,
    Prepare,
    Ready,
    Record,
    Refused,
    TokenIs,
)
from gateway.core.crew.records import Prepared as IsPrepared
from gateway.core.settings.all_settings import Settings
from gateway.core.token import Prover
from gateway.crew.channel import Channel
from gateway.crew.counting import Counter
from gateway.crew.held import SlotSockets
from gateway.crew.mirrors import Mirrors
from gateway.crew.packets import Received
from gateway.crew.told_signer import ToldSigner
from gateway.generation import CannotChange, Generation
from gateway.packing import CannotPack, unpacked
from gateway.server import quiet_garbage_collector, running
from gateway.system.descriptors import with_descriptors

log: Final = logging.getLogger("gateway.crew")

TELL_S: Final = 1.0
"""How often use and counts are told, where they have changed."""

Use = Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class _Coming:
    """A configuration to prepare, and the sockets that came beside it."""

    record: Prepare
    sockets: list[socket.socket]


@dataclass(slots=True)
class _Built:
    """What was prepared, and is not committed yet."""

    record: Prepare
    settings: Settings
    prepared: Prepared


class Worker:
    """One worker, on the running loop.

    Args:
        sock: leads to the supervisor.
        sockets: those of its slot.
        use: is told of settings as they come into use.
    """

    def __init__(self, sock: socket.socket, sockets: list[socket.socket], use: Use) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._use = use
        self._held = SlotSockets(sockets)
        self._stopped = asyncio.Event()
        self._supervisor = Channel(sock, loop, self._from_supervisor, self._stopped.set)
        self._keeper: Channel | None = None
        self._orders: asyncio.Queue[_Coming | Commit | Abort] = asyncio.Queue()
        clock = Clock(loop.time, time.time, random.random, time.perf_counter)
        self._mirrors = Mirrors(clock, self._tell_keeper, _prover)
        self._signer = ToldSigner()
        self._stack = AsyncExitStack()
        self._gateway: Gateway | None = None
        self._counter: Counter | None = None
        self._built: _Built | None = None
        self._numbers: dict[int, int] = {}
        self._in_use = 0
        self._places: tuple[str, ...] = ()
        self._told_at_s = 0.0
        self._status = 0

    async def work(self) -> int:
        """Serve until SIGTERM; return the exit status."""
        self._loop.add_signal_handler(signal.SIGTERM, self._stop)
        obeying = self._loop.create_task(self._obey())
        stopped = self._loop.create_task(self._stopped.wait())
        async with self._stack:
            await asyncio.wait((obeying, stopped), return_when=asyncio.FIRST_COMPLETED)
            for task in (obeying, stopped):
                task.cancel()
            await asyncio.wait((obeying, stopped))
            self._held.only(())
        self._tell_counts(0, is_whole=True)
        return self._status

    def _stop(self) -> None:
        self._stopped.set()
        self._loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor ends at once whom it wants to

    # ── configurations ────────────────────────────────────────────────────────────────────────────

    async def _obey(self) -> None:
        while True:
            order = await self._orders.get()
            if isinstance(order, _Coming):
                await self._prepare(order)
                if self._status:
                    return
            elif isinstance(order, Commit):
                self._commit(order.generation)
            else:
                await self._abort(order.generation)

    async def _prepare(self, coming: _Coming) -> None:
        number = coming.record.generation
        await self._abort(0)
        self._held.add(coming.sockets)
        try:
            settings, self._mirrors.keys = unpacked(b64decode(coming.record.settings))
            await self._build(coming.record, settings)
        except (CannotChange, CannotPack, OSError, ssl.SSLError) as error:
            self._refuse(number, str(error))
        except Exception:
            log.exception("a configuration could not be built")
            self._refuse(number, "a worker failed; the log names the place")
        else:
            self._tell_keeper(IsPrepared(number))

    def _refuse(self, number: int, problem: str) -> None:
        self._tell_keeper(Refused(number, problem))
        if self._gateway is None:
            log.error("cannot start: %s", problem)
            self._status = 1

    async def _build(self, record: Prepare, settings: Settings) -> None:
        if self._gateway is None:
            await self._begin(record, settings)
        else:
            settings = with_descriptors(settings)
            self._built = _Built(record, settings, await self._gateway.prepare(settings))

    async def _begin(self, record: Prepare, settings: Settings) -> None:
        gateway = await self._stack.enter_async_context(
            running(
                settings,
                inherited=self._held,
                part=Part(self._mirrors.of, watched=_watched_here, signer=self._signer),
            )
        )
        self._gateway, self._counter = gateway, Counter(gateway)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            self._loop.add_signal_handler(number, gateway.reopen_logs)  # the supervisor says so once
        gateway.look_at_configuration = self._look
        gateway.retired.on_end = self._has_retired
        self._is_in_use(record, settings, gateway.generation)
        quiet_garbage_collector()
        self._supervisor.send(Ready())

    def _commit(self, number: int) -> None:
        built, self._built = self._built, None
        if built is None or built.record.generation != number or self._gateway is None:
            self._built = built
            return
        self._gateway.commit(built.prepared)
        self._is_in_use(built.record, built.settings, self._gateway.generation)
        self._tell_in_use()

    def _is_in_use(self, record: Prepare, settings: Settings, generation: Generation) -> None:
        self._in_use = record.generation
        self._numbers[id(generation)] = record.generation
        self._places = record.sockets
        self._held.only(self._places)
        self._use(settings)

    async def _abort(self, number: int) -> None:
        """Forget what was prepared, be it this number or, at 0, any."""
        built = self._built
        if built is not None and self._gateway is not None and number in {0, built.record.generation}:
            self._built = None
            await self._gateway.forget(built.prepared)
        if self._built is None and self._gateway is not None:
            self._held.only(self._places)

    def _has_retired(self) -> None:
        quiet_garbage_collector()
        self._tell_in_use()

    def _tell_in_use(self) -> None:
        """Tell the oldest configuration that a request still needs."""
        if self._gateway is not None:
            living = {id(each) for each in self._gateway.retired.generations}
            living.add(id(self._gateway.generation))
            self._numbers = {key: number for key, number in self._numbers.items() if key in living}
            self._tell_keeper(InUse(min(self._numbers.values(), default=self._in_use)))

    # ── the keeper ────────────────────────────────────────────────────────────────────────────────

    def _tell_keeper(self, record: Record) -> None:
        if self._keeper is not None:
            self._keeper.send(record)

    def _from_keeper(self, received: Received) -> None:
        match received.record:
            case TokenIs() | KeyIs() | NoTokenIs():
                self._mirrors.took(received.record)
            case IdentityKeyIs():
                self._signer.take(received.record)
            case Prepare():
                self._orders.put_nowait(_Coming(received.record, received.take()))
            case Commit() | Abort():
                self._orders.put_nowait(received.record)
            case CountsWanted(number):
                self._tell_counts(number, is_whole=True)
            case _:
                log.error("the keeper sent a record that is not for a worker")

    def _meet(self, sock: socket.socket) -> None:
        self._lose_keeper()
        self._keeper = Channel(sock, self._loop, self._from_keeper, self._lose_keeper)
        if self._counter is not None:
            self._counter.forget()
            self._tell_in_use()
        self._mirrors.say_again()

    def _lose_keeper(self) -> None:
        """Whatever it wanted to be prepared, it will not commit."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
            self._orders.put_nowait(Abort(0))

    def _look(self, now_s: float) -> None:
        if now_s - self._told_at_s >= TELL_S:
            self._told_at_s = now_s
            self._mirrors.tell_use()
            self._tell_counts(0)

    def _tell_counts(self, number: int, *, is_whole: bool = False) -> None:
        if self._counter is not None and self._keeper is not None:
            text = self._counter.changed(is_whole=is_whole)
            if text is not None:
                self._keeper.send(Counts(number, text))

    # ── the supervisor ────────────────────────────────────────────────────────────────────────────

    def _from_supervisor(self, received: Received) -> None:
        match received.record:
            case Ping():
                self._supervisor.send(Pong())
            case KeeperAt() if received.descriptors:
                self._meet(received.take()[0])
            case Adopt(slot) if self._gateway is not None:
                self._gateway.doors.adopt(slot, received.take())
            case LetGo(slot) if self._gateway is not None:
                self._gateway.doors.let_go(slot)
            case _:
                log.error("the supervisor sent a record that is not for a worker")


def _watched_here(settings: Settings) -> Settings:
    """Leave files to the keeper, which says once what is wrong with them."""
    return replace(settings, listeners=(), routes=())


def _prover(key: KeyIs, ath: str) -> Prover:
    # Only where tokens are bound: it brings cryptography.
    from gateway.crew.mirrored_key import prover  # noqa: PLC0415

    return prover(key, ath)


async def serve(sock: socket.socket, sockets: list[socket.socket], use: Use) -> int:
    """Be a worker; return the exit status."""
    status = await Worker(sock, sockets, use).work()
    log.debug("worker %d ends with status %d", os.getpid(), status)
    return status
