"""The whole of `gateway.yaml`, with its limits and its logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import chain

from gateway.core.caller import WayName
from gateway.core.settings.access_settings import WaySettings
from gateway.core.settings.client_settings import (
    ClientName,
    ClientSettings,
    Grant,
)
from gateway.core.settings.identity_jwt import IdentityKeySettings
from gateway.core.settings.listener_settings import Address, ListenerSettings
from gateway.core.settings.proxies import NO_PROXIES, TrustedProxies
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.sizes import KIB, MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what callers and upstreams can make the gateway hold.

    Attributes:
        replay_bytes: the longest request body that can be replayed after a 401.
        replay_total_bytes: for the replays of all requests together.
        connections: connections of callers, for all listeners together.
        tunnels: tunnels, for all routes together.
        tunnels_per_caller: tunnels of one caller, or of one network where callers are not known.
        buffers_bytes: for the buffers of all connections together, without replays.
    """

    target_bytes: int = 8 * KIB
    header_bytes: int = 64 * KIB
    headers: int = 128
    head_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    replay_bytes: int = 64 * KIB
    replay_total_bytes: int = 64 * MIB
    connections: int = 10_000
    tunnels: int = 1_000
    tunnels_per_caller: int = 100
    buffers_bytes: int = 256 * MIB


class ReloadTrigger(Enum):
    """What makes a running gateway read its configuration anew: SIGHUP alone, or a changed file as well."""

    SIGNAL = "signal"
    WATCH = "watch"


class LogFormat(Enum):
    """How log records are written; AUTO: readable on a terminal, JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and where. ``access``: ``stdout``, ``stderr``, the path of a file, or None for off."""

    level: str = "info"
    format: LogFormat = LogFormat.AUTO
    access: str | None = "stdout"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gateway.yaml`.

    Attributes:
        callers: the ways to know a caller, by name.
        workers: how many processes serve callers; None: as many as there is processor time for.
        identity_jwt: the key that signs who calls; None: nothing does.
        admin_place: where the address of `admin` is in the file, as ``2:8: admin``.
        referenced: values of ``${env:}`` and ``${file:}`` that may be secrets, and are never shown.
        warnings: what is probably not intended, each as a line with its place.
    """

    listeners: tuple[ListenerSettings, ...]
    admin: Address | None
    clients: dict[ClientName, ClientSettings]
    routes: tuple[RouteSettings, ...]
    callers: dict[WayName, WaySettings] = field(default_factory=dict)
    trusted_proxies: TrustedProxies = NO_PROXIES
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    grace_s: float = 30.0
    workers: int | None = 1
    reload: ReloadTrigger = ReloadTrigger.SIGNAL
    identity_jwt: IdentityKeySettings | None = None
    referenced: frozenset[str] = field(default=frozenset(), repr=False)
    warnings: tuple[str, ...] = ()
    admin_place: str = field(default="admin", compare=False)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The grants that routes need, once each, in the order of the file."""
        tenants = (route.tenants.all for route in self.routes if route.tenants is not None)
        each = (*self.routes, *chain.from_iterable(tenants))
        return tuple(dict.fromkeys(route.grant for route in each if route.grant is not None))

    def permitted(self) -> dict[RouteName, tuple[RouteSettings, ...]]:
        """Return the routes by name, each with what it is for its tenants."""
        return {
            route.name: (route, *(route.tenants.all if route.tenants is not None else ()))
            for route in self.routes
        }
