"""One address of a group that requests can go to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from gateway.core.errors import UpstreamError
from gateway.core.resolution import Ip
from gateway.core.settings.upstream_settings import AddressSettings, UpstreamSettings
from gateway.core.text.http_time import read_retry_after
from gateway.core.upstreams.active_checks import UNCHECKED, Checked
from gateway.core.upstreams.ejection import WELL, Health
from gateway.core.upstreams.signs import Sign, sign_of, sign_of_error
from gateway.proxy.outgoing.target_pool import TargetPool
from gateway.proxy.outgoing.upstream import UpstreamConnection


class TargetId(NamedTuple):
    """What makes a target itself, however often it comes and goes.

    Attributes:
        entry: the number of its entry in the list of addresses.
        ip: one address of that entry's name; empty where the entry is no name.
    """

    entry: int
    ip: Ip


class Condition(NamedTuple):
    """How a target is, by requests and by checks."""

    health: Health = WELL
    checked: Checked = UNCHECKED


def place_of(address: AddressSettings, ip: Ip) -> UpstreamSettings:
    """Return where connections to one address of a name go; the name stays the one that is verified."""
    place = address.place
    return replace(place, host=ip, server_name=place.verified_name) if ip else place


def shown(address: AddressSettings, ip: Ip) -> str:
    """Return a target as it is shown: ``10.0.0.1:8443``, ``unix:/run/app.sock``."""
    place = address.place
    if place.socket_path is not None:
        return f"unix:{place.socket_path}"
    host = ip or place.host
    return f"[{host}]:{place.port}" if ":" in host else f"{host}:{place.port}"


class Bench(Protocol):
    """What a target tells of itself."""

    def learns(self, target: Target, sign: Sign, *, is_trial: bool, wait_s: float | None) -> None:
        """Take note of a sign; `wait_s` is how long the target wants to be left alone."""

    def ends(self, connection: UpstreamConnection, sign: Sign) -> None:
        """Take note that an exchange is over."""


class Target:
    """One address that requests can go to; implements `core.upstreams.balance.Candidate`.

    Attributes:
        address: the entry of the list.
        place: where its connections go.
        name: as it is shown.
        health: how it is, by what became of requests.
        checked: how it is, by checks.
        trial: the exchange that tries it, while it is out; True until that has a connection.
        failures: how often it failed, by sign.
        ejections: how often it was taken out.
    """

    def __init__(
        self,
        target_id: TargetId,
        address: AddressSettings,
        pool: TargetPool,
        bench: Bench,
        wall_s: Callable[[], float],
    ) -> None:
        self.id = target_id
        self.address = address
        self.place = place_of(address, target_id.ip)
        self.pool = pool
        self.name = shown(address, target_id.ip)
        self.key = self.name.encode()
        self.weight = address.weight
        self.is_backup = address.is_backup
        self.credit = 0.0
        self.health = WELL
        self.checked = UNCHECKED
        self.trial: UpstreamConnection | bool = False
        self.failures: dict[Sign, int] = {}
        self.ejections = 0
        self._bench = bench
        self._wall_s = wall_s
        pool.watch = self

    def __repr__(self) -> str:
        state = "down" if self.checked.is_down else "out" if self.health.is_out else "serving"
        return f"<Target {self.name}: {state}, {self.running} running>"

    @property
    def condition(self) -> Condition:
        """What is worth knowing of it should it come back."""
        return Condition(self.health, self.checked)

    def is_as(self, condition: Condition) -> None:
        """Take over what was known of its address."""
        self.health, self.checked = condition

    @property
    def running(self) -> int:
        """How many requests it serves now."""
        return self.pool.running

    @property
    def is_warm(self) -> bool:
        """Whether it has an idle connection."""
        return self.pool.is_warm

    @property
    def entry(self) -> int:
        """The number of its entry in the list of addresses."""
        return self.id.entry

    @property
    def is_v6(self) -> bool:
        """Whether it is an address of IPv6."""
        return ":" in self.id.ip

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to it."""
        return not self.pool.is_empty

    # ── connections ───────────────────────────────────────────────────────────────────────────────

    async def connected(self, most_s: float, reached: Callable[[], None]) -> UpstreamConnection:
        """Return an idle connection or a new one; `reached` is called before a handshake of TLS.

        Raises:
            UpstreamError: there is no connection.
            OutOfDescriptors: the process has no file descriptor left.
        """
        is_trial = self.trial is True
        try:
            connection = self.pool.idle_connection() or await self.pool.connect(most_s, reached)
        except BaseException:
            if is_trial:
                self.trial = False
            raise
        if is_trial:
            self.trial = connection
        return connection

    def give_back(self, task: asyncio.Task[UpstreamConnection]) -> None:
        """Let go of the connection that a task has made, if it has, as nobody wants it any more."""
        if not task.cancelled() and task.exception() is None:
            self.pool.release(task.result())

    # ── what its pool tells ───────────────────────────────────────────────────────────────────────

    def not_connected(self, error: UpstreamError) -> None:
        """Note that there was no connection."""
        sign = sign_of_error(error)
        if sign is Sign.TIMEOUT:  # behind a proxy, nobody knows whose
            sign = Sign.CONNECT if self.place.proxy is None else Sign.NOTHING
        self._learns(sign, is_trial=self.trial is True, wait_s=None)

    def not_reached(self) -> None:
        """Note that another target, which was tried later, was reached earlier."""
        self._learns(Sign.CONNECT, is_trial=self.trial is True, wait_s=None)

    def is_overtaken(self) -> None:
        """Count that failure, which is not its own but its family's."""
        self.trial = False
        self._count(Sign.CONNECT)

    def ends(self, connection: UpstreamConnection) -> None:
        """Note the end of an exchange, which still has its response."""
        status = connection.status if connection.has_head else 0
        was_used = connection.exchanges > 1
        sign = sign_of(status, connection.error, was_heard=connection.was_answered, was_used=was_used)
        wait_s = self._wait_s(connection) if sign is Sign.STATUS_503 else None
        self._learns(sign, is_trial=connection is self.trial, wait_s=wait_s)
        self._bench.ends(connection, sign)

    def _learns(self, sign: Sign, *, is_trial: bool, wait_s: float | None) -> None:
        if is_trial:
            self.trial = False
        if sign.is_failure:
            self._count(sign)
        self._bench.learns(self, sign, is_trial=is_trial, wait_s=wait_s)

    def _count(self, sign: Sign) -> None:
        self.failures[sign] = self.failures.get(sign, 0) + 1

    def _wait_s(self, connection: UpstreamConnection) -> float | None:
        lines = connection.answer.lines if connection.answer is not None else ()
        values = (line[12:] for line in lines if line[:12].lower() == b"retry-after:")
        value = next(values, None)
        return None if value is None else read_retry_after(value.decode("latin-1"), self._wall_s())
