"""All tunnels of a process: how many there may be, which there are, and how they end together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.core.access.presented import Presented
from gateway.core.access_errors import CallerTunnelsExceeded, TunnelsExceeded
from gateway.core.caller import Caller
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.frames import GOING_AWAY, POLICY_VIOLATION, SERVICE_RESTART
from gateway.core.http.recovery import Recovery
from gateway.core.settings.access_settings import GateSettings
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.client_settings import Grant
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.observe.file_watch import turns_after
from gateway.observe.route_metrics import RouteMetrics
from gateway.proxy.route import Gate, Route
from gateway.proxy.tunnel import Tunnel, TunnelEnd

LOOK_S: Final = 0.9
"""A sweep a second is enough."""
ANSWER_S: Final = 30.0
"""How long an authorization server may take to say whether a caller's token is still active."""
RELOAD_SPREAD_S: Final = 300.0
"""Over which tunnels are ended that a reload leaves without their permission: all at once would come back."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What let a tunnel begin; after a reload that changes it, the tunnel ends."""

    route: RouteName
    upstream: UpstreamSettings
    grant: Grant | None
    gate: GateSettings

    @classmethod
    def of(cls, route: RouteSettings) -> Permission:
        """Return what lets tunnels of a route begin."""
        return cls(route.name, route.upstream, route.grant, route.gate)


@dataclass(frozen=True, slots=True, eq=False)
class OpenTunnel:
    """A tunnel, and what may be shown of it.

    Attributes:
        caller: the peer's address.
        token: the fingerprint of the token that opened it, or empty.
        request_id, path: those of its handshake.
        counters: those of its route.
        presented: what let its caller in; None if the route asks for nothing.
    """

    tunnel: Tunnel
    permission: Permission
    caller: str
    token: str
    request_id: str
    path: str
    counters: RouteMetrics
    presented: Presented | None = None

    def withdraw(self) -> None:
        """End it: its caller is let in no more."""
        self.tunnel.close(POLICY_VIOLATION, TunnelEnd.CALLER_WITHDRAWN)

    def state(self) -> dict[str, object]:
        """Return what may be shown of it."""
        tunnel = self.tunnel
        return {
            "route": self.permission.route,
            "request_id": self.request_id,
            "caller": self.caller,
            "age_s": round(asyncio.get_running_loop().time() - tunnel.began_s, 1),
            "request_bytes": tunnel.to_upstream.passed_bytes,
            "answer_bytes": tunnel.to_caller.passed_bytes,
            "token": self.token,
        }

    def record(self, wall_s: float, duration_s: float) -> AccessRecord:
        """Return its last record; the first one was that of its handshake."""
        tunnel = self.tunnel
        return AccessRecord(
            wall_s - duration_s,
            self.request_id,
            self.permission.route,
            self.caller,
            "",
            "GET",
            self.path,
            101,
            101,
            "",
            tunnel.to_upstream.passed_bytes,
            tunnel.to_caller.passed_bytes,
            duration_s,
            0.0,
            None,
            self.token,
            Recovery.NONE,
            tunnel=(tunnel.end or TunnelEnd.ERROR).value,
            close_code=tunnel.close_code or 0,
        )


class Tunnels:
    """Counts and ends tunnels."""

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop, wall_s: Callable[[], float]) -> None:
        self.limits = limits
        self._loop = loop
        self._wall_s = wall_s
        self._by_caller: dict[str, int] = {}
        self._count = 0
        self._known: frozenset[Permission] | None = None  # since the last reload
        self._is_draining = False
        self._gates: Mapping[Permission, Gate] = {}
        self._looked_at_s = -inf
        self._round: list[OpenTunnel] = []  # those whose turn is still to come
        self._asking: dict[OpenTunnel, asyncio.Task[None]] = {}
        self.open: set[OpenTunnel] = set()

    def end_of(self, caller: Caller | None) -> float:
        """Return when what is known of a caller ends, monotonic."""
        if caller is None or caller.expires_at_s == inf:
            return inf
        return self._loop.time() + max(0.0, caller.expires_at_s - self._wall_s())

    def enter(self, caller: str) -> Callable[[], None]:
        """Reserve a place for a caller's tunnel; return what gives it back.

        Raises:
            TunnelsExceeded, CallerTunnelsExceeded: there is none.
        """
        if self._is_draining:
            raise TunnelsExceeded("the gateway is ending, and begins no more tunnels", retry_after_s=1)
        if self._count >= self.limits.tunnels:
            raise TunnelsExceeded("there are as many tunnels as the gateway allows", retry_after_s=1)
        if self._by_caller.get(caller, 0) >= self.limits.tunnels_per_caller:
            raise CallerTunnelsExceeded("the caller has as many tunnels as it may", retry_after_s=1)
        self._count += 1
        self._by_caller[caller] = self._by_caller.get(caller, 0) + 1
        is_in = [True]

        def leave() -> None:
            if is_in:
                is_in.clear()
                self._leave(caller)

        return leave

    def _leave(self, caller: str) -> None:
        self._count -= 1
        left = self._by_caller.pop(caller) - 1
        if left:
            self._by_caller[caller] = left

    async def run(self, opened: OpenTunnel) -> None:
        """Run a tunnel to its end, which comes at once if its time has passed during the handshake."""
        self.open.add(opened)
        if self._is_draining:
            opened.tunnel.close(GOING_AWAY, TunnelEnd.DRAIN)
        elif self._known is not None and opened.permission not in self._known:
            opened.tunnel.close(SERVICE_RESTART, TunnelEnd.RELOAD)
        try:
            await opened.tunnel.run()
        finally:
            self.open.discard(opened)
            if (asking := self._asking.pop(opened, None)) is not None:
                asking.cancel()

    def drain(self, within_s: float) -> None:
        """End all tunnels, spread over `within_s`: whoever comes back does not come with everybody else."""
        self._is_draining = True
        self._end(list(self.open), within_s, GOING_AWAY, TunnelEnd.DRAIN)

    def guarded_by(self, routes: Iterable[Route]) -> None:
        """Let the gates of these routes say whether callers are still let in."""
        self._gates = {
            Permission.of(each.settings): route.gate
            for route in routes
            if route.gate is not None
            for each in (route, *(route.tenants.all if route.tenants is not None else ()))
        }

    def look(self, now_s: float) -> None:
        """End the tunnels of callers who are let in no more; called by the sweeper.

        Each has its turn within `LOOK_S`, and they are spread over that as far as the sweeper comes by.
        """
        turns = turns_after(now_s - self._looked_at_s, len(self.open), LOOK_S)
        self._looked_at_s = now_s
        for _ in range(turns):
            if not self._round:
                self._round = list(self.open)
            each = self._round.pop()
            gate = self._gates.get(each.permission)
            if gate is None or each.presented is None or each in self._asking or each not in self.open:
                continue
            lost = gate.lost(each.presented, now_s + ANSWER_S)
            if isinstance(lost, bool):
                _end_if(each, lost=lost)
            else:
                # Owned by the tunnel, whose end cancels it.
                self._asking[each] = self._loop.create_task(self._ask(each, lost))

    async def _ask(self, opened: OpenTunnel, lost: Awaitable[bool]) -> None:
        _end_if(opened, lost=await lost)
        self._asking.pop(opened, None)

    def go_on(self, limits: Limits, routes: Mapping[RouteName, tuple[RouteSettings, ...]]) -> None:
        """Go on after a reload: tunnels stay, but for those whose route lets nobody in as it did."""
        self.limits = limits
        self._known = known = frozenset(
            Permission.of(each) for of_name in routes.values() for each in of_name
        )
        lost = [each for each in self.open if each.permission not in known]
        self._end(lost, RELOAD_SPREAD_S, SERVICE_RESTART, TunnelEnd.RELOAD)

    def _end(self, tunnels: list[OpenTunnel], within_s: float, code: int, end: TunnelEnd) -> None:
        for number, each in enumerate(tunnels):
            self._loop.call_later(within_s * number / len(tunnels), each.tunnel.close, code, end)

    def counts(self) -> Iterator[tuple[RouteName, int]]:
        """Yield how many tunnels each route has open; routes without one are left out."""
        counts: dict[RouteName, int] = {}
        for each in self.open:
            counts[each.permission.route] = counts.get(each.permission.route, 0) + 1
        yield from counts.items()


def _end_if(opened: OpenTunnel, *, lost: bool) -> None:
    if lost:
        opened.withdraw()
