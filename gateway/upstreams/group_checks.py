"""Requests of the gateway's own that tell whether the addresses of a group are alive.

Rules: each goes over a connection of its own, made as those of requests are, and bounded by one timeout. Each
address has one task, so its checks never overlap. Nothing is checked before `start` or after `stop`; whoever
stopped them can wait for their end. What a result means is decided in `core.upstreams.active_checks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from gateway import __version__
from gateway.core.clock import Clock
from gateway.core.errors import GatewayError, UpstreamTimeout
from gateway.core.settings.balance_settings import CheckSettings
from gateway.core.upstreams.active_checks import (
    CheckResult,
    check_request,
    first_wait_s,
    next_wait_s,
    result_of,
    result_of_error,
)
from gateway.observe.faults import report
from gateway.proxy.outgoing.target_pool import TargetPool
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.upstreams.target import Target

AGENT: Final = f"gateway/{__version__} (check)"

Tell = Callable[[Target, CheckResult], None]


class GroupChecks:
    """The checks of a group's addresses.

    Args:
        tell: takes each result.
    """

    def __init__(self, rule: CheckSettings, clock: Clock, tell: Tell) -> None:
        self._rule = rule
        self._clock = clock
        self._tell = tell
        self._is_on = False
        self._running: dict[Target, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<GroupChecks: {len(self._running)} running>"

    @property
    def is_on(self) -> bool:
        """Whether addresses are checked."""
        return self._is_on

    def start(self, targets: Iterable[Target]) -> None:
        """Check these from now on."""
        self._is_on = True
        self.keep(targets)

    def keep(self, targets: Iterable[Target]) -> None:
        """Check these and no others, if they are checked at all."""
        if not self._is_on:
            return
        wanted = dict.fromkeys(targets)
        for gone in [each for each in self._running if each not in wanted]:
            self._end(gone)
        loop = asyncio.get_running_loop()
        for each in wanted:
            if each not in self._running:
                self._running[each] = loop.create_task(self._check(each))  # ended by `_end`

    def stop(self) -> None:
        """Check nothing any more."""
        self._is_on = False
        for each in list(self._running):
            self._end(each)

    async def ended(self) -> None:
        """Wait for the end of what was stopped."""
        if self._ending:
            await asyncio.wait(self._ending)

    def _end(self, target: Target) -> None:
        task = self._running.pop(target)
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _check(self, target: Target) -> None:
        rule, clock = self._rule, self._clock
        request = check_request(rule.path, target.address.service.authority, AGENT)
        wait_s = first_wait_s(rule, clock.jitter())
        while True:
            await asyncio.sleep(wait_s)
            try:
                self._tell(target, await checked_once(target.pool, request, rule, clock.stopwatch_s))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the checks
                report(asyncio.get_running_loop(), error)
            wait_s = next_wait_s(rule, clock.jitter())


async def checked_once(
    pool: TargetPool, request: bytes, rule: CheckSettings, stopwatch_s: Callable[[], float]
) -> CheckResult:
    """Ask an address once whether it is alive."""
    began_s = stopwatch_s()
    connection = None
    try:
        async with asyncio.timeout(rule.timeout_s):
            connection = await pool.connect_apart(rule.timeout_s)
            await _head(connection, request)
    except TimeoutError:
        error: GatewayError = UpstreamTimeout(f"no response within {rule.timeout_s:g} s")
    except GatewayError as failure:
        error = failure
    else:
        return result_of(connection.status, stopwatch_s() - began_s, rule)
    finally:
        if connection is not None:
            connection.abort()
    return result_of_error(error, stopwatch_s() - began_s)


async def _head(connection: UpstreamConnection, request: bytes) -> None:
    """Send a request, and wait for the head of the response."""
    connection.begin(is_head=False)
    connection.write(request)
    connection.request_is_sent = True
    while True:
        connection.check()
        if connection.has_head:
            return
        await connection.happens()
