"""One address of a group that requests can go to."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gateway.core.resolution import Ip
from gateway.core.settings import AddressSettings, UpstreamSettings
from gateway.proxy.target_pool import TargetPool


class TargetId(NamedTuple):
    """What makes a target itself, however often it comes and goes.

    Attributes:
        entry: the number of its entry in the list of addresses.
        ip: one address of that entry's name; empty where the entry is no name.
    """

    entry: int
    ip: Ip


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


class Target:
    """One address that requests can go to; implements `core.upstreams.balance.Candidate`.

    Attributes:
        address: the entry of the list.
        name: as it is shown.
    """

    def __init__(self, target_id: TargetId, address: AddressSettings, pool: TargetPool) -> None:
        self.id = target_id
        self.address = address
        self.pool = pool
        self.name = shown(address, target_id.ip)
        self.key = self.name.encode()
        self.weight = address.weight
        self.is_backup = address.is_backup
        self.credit = 0.0

    def __repr__(self) -> str:
        return f"<Target {self.name}: {self.running} running>"

    @property
    def running(self) -> int:
        """How many requests it serves now."""
        return self.pool.running

    @property
    def is_warm(self) -> bool:
        """Whether it has an idle connection."""
        return self.pool.is_warm
