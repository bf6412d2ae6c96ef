"""Which process does what of a configuration, and what a keeper leaves to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from gateway.core.config_state import Reading
from gateway.core.crew.shares import route_of_keeper, route_of_worker, share_of
from gateway.core.settings.access_settings import IntrospectionWay
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.core.settings.identity_jwt import KeysLeft
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.crew.supervision import Legacy
from gateway.packing import unpacked


def own_part(settings: Settings) -> Settings:
    """Return what the keeper itself does of a configuration."""
    routes = tuple(map(route_of_keeper, settings.routes))
    return replace(settings, listeners=(), routes=routes, log=replace(settings.log, access=None))


def part_of_worker(settings: Settings, listeners: Sequence[ListenerSettings], workers: int) -> Settings:
    """Return what each worker does: each limit is its share, and few clients' secrets are in it."""
    return replace(
        settings,
        admin=None,
        listeners=tuple(listeners),
        clients=clients_that_ask(settings),
        identity_jwt=None,
        limits=share_of(settings.limits, workers),
        routes=tuple(route_of_worker(route, workers) for route in settings.routes),
        referenced=frozenset(),
        warnings=(),
    )


def clients_that_ask(settings: Settings) -> dict[ClientName, ClientSettings]:
    """Return the clients by which workers themselves ask about the tokens of callers (RFC 7662)."""
    ways = (each.way for each in settings.callers.values())
    names = {way.client for way in ways if isinstance(way, IntrospectionWay)}
    return {name: client for name, client in settings.clients.items() if name in names}


@dataclass(frozen=True, slots=True)
class Left:
    """What one keeper leaves to the next, or what the first one begins with.

    Attributes:
        reading: the configuration in use.
        keys: those that sign who calls; None for the first keeper.
    """

    reading: Reading
    keys: KeysLeft | None = None


def left_by(legacy: Legacy, first: Reading | None) -> Left:
    """Return what the keeper before has left."""
    if legacy.in_force is None:
        assert first is not None
        return Left(first)
    with open(legacy.in_force, "rb", closefd=False) as file:
        file.seek(0)
        return cast("Left", unpacked(file.read()))
