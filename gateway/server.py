"""The process: one event loop, its signals, its end.

SIGTERM and SIGINT: stop accepting, let calls end within the grace period, exit 0; a second one ends it at
once. SIGHUP: read the configuration anew, and reopen the access log; with `reload: watch`, a change of the
files makes it read them, too. SIGUSR1: reopen the access log alone, after a rotation.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import uvloop

from gateway.app import ALL, UNROUTED, Gateway, Part
from gateway.config_watch import ConfigWatch
from gateway.core.config_state import ConfigState, Reading
from gateway.core.settings.all_settings import Settings
from gateway.net.inherited_sockets import InheritedSockets, inherited_sockets
from gateway.observe.fanout import Observer
from gateway.observe.faults import Faults
from gateway.reloading import Reloads
from gateway.system.descriptors import with_descriptors
from gateway.system.first_process import end_at_next
from gateway.system.service_manager import ServiceManager, service_manager, status_of

log: Final = logging.getLogger("gateway.server")

# Requests make no reference cycles, but connections do. Look for garbage once many were made, not every 700
# objects; what waits until then takes a MiB or two.
GC_THRESHOLDS: Final = (10_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a process does for its server.

    Attributes:
        told: gets one line when it listens.
        read: reads the configuration anew; called in a thread.
        present: returns digests of files as they are now, to be compared with those of the last reading;
            called in a thread.
        use: is told of settings as they come into use, for what the gateway itself does not do with them.
    """

    told: Callable[[str], None]
    read: Callable[[], Reading]
    present: Callable[[Iterable[str]], Mapping[str, str]]
    use: Callable[[Settings], None]


def run(first: Reading, hooks: Hooks) -> None:
    """Serve until a signal comes.

    Args:
        first: the configuration to start with.
        hooks: what the command does for it.

    Raises:
        OSError, ssl.SSLError: it cannot start.
    """
    for warning in first.warnings:
        log.warning("%s", warning)
    gc.disable()  # until everything is built that lives as long as the process
    uvloop.run(_serve(first, hooks))


async def _serve(first: Reading, hooks: Hooks) -> None:
    stopped = stop_signal()
    assert first.settings is not None
    manager = service_manager(os.environ, os.getpid())
    sockets = inherited_sockets(os.environ, os.getpid())
    async with running(first.settings, inherited=sockets) as gateway:

        async def go_on(settings: Settings) -> None:
            await gateway.reload(with_descriptors(settings))
            hooks.use(settings)

        reloads = Reloads(
            first, hooks.read, go_on, time.time, partial(told, manager, partial(listening_line, gateway))
        )
        gateway.config = lambda: reloads.state
        watch = ConfigWatch(reloads.watched, hooks.present, partial(reload_changed, reloads))
        gateway.look_at_configuration = watch.look
        gateway.retired.on_end = quiet_garbage_collector
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, gateway, reloads)
        quiet_garbage_collector()
        for address in sockets.untaken():
            log.warning("the service manager passed a socket at %s, which is not in `listen`", address)
        hooks.told(listening_line(gateway))
        manager.ready(listening_line(gateway))
        manager.watch(asyncio.get_running_loop(), lambda: not gateway.overview.stale())
        await stopped.wait()
        await reloads.close()
        log.info("stopping: running requests have %g s to finish", gateway.grace_s)
        manager.stopping(gateway.grace_s)
    manager.close()
    log.info("stopped")


def told(manager: ServiceManager, where: Callable[[], str], state: ConfigState) -> None:
    """Tell the service manager how the configuration stands."""
    if state.is_reloading:
        manager.reloading()
    else:
        manager.ready(status_of(state, where()))


def _reload(gateway: Gateway, reloads: Reloads) -> None:
    log.info("SIGHUP: reading the configuration anew, and reopening the access log")
    gateway.reopen_logs()
    reloads.ask()


def reload_changed(reloads: Reloads) -> None:
    """Reload because a file has changed."""
    log.info("the configuration has changed: reading it anew")
    reloads.ask()


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; the next of them ends the process at once."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            end_at_next(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopped


@asynccontextmanager
async def running(
    settings: Settings,
    observer: Observer | None = None,
    inherited: InheritedSockets | None = None,
    part: Part = ALL,
) -> AsyncIterator[Gateway]:
    """Run a gateway while the context lasts; drain it afterwards."""
    loop = asyncio.get_running_loop()
    gateway = Gateway(with_descriptors(settings), observer, inherited=inherited, part=part)
    loop.set_exception_handler(Faults(gateway.metrics.route(UNROUTED).failed_unasked, loop.time))
    await gateway.start()
    for number in (signal.SIGHUP, signal.SIGUSR1):
        loop.add_signal_handler(number, _reopen_logs, gateway, number)
    try:
        yield gateway
    finally:
        await gateway.close()
        for number in (signal.SIGHUP, signal.SIGUSR1):
            loop.remove_signal_handler(number)


def _reopen_logs(gateway: Gateway, number: signal.Signals) -> None:
    gateway.reopen_logs()
    log.info("%s: reopening the access log", number.name)


def listening_line(gateway: Gateway) -> str:
    """Return a line that says where it listens."""
    where = ", ".join(str(address) for address in gateway.addresses)
    admin = gateway.admin_address
    return f"listening on {where}" + (f", admin on {admin}" if admin is not None else "")


def quiet_garbage_collector() -> None:
    """Collect what nothing needs any more, and look at the rest no further."""
    gc.unfreeze()  # a cycle that was frozen, such as a generation, would never be found
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
