"""Who may use a route, as `settings` holds it: the ways to know a caller, and the rules that name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.core.caller import WayName
from gateway.core.proxies import Network


@dataclass(frozen=True, slots=True)
class NetworkWay:
    """Callers are known by their address: the peer's, or the client's that a trusted proxy reports."""

    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyWay:
    """Callers send a key of ours in a header field.

    Attributes:
        file: the YAML file that lists the keys by their SHA-256.
        header: the name of the field.
    """

    file: str
    header: str = "X-API-Key"


Way = NetworkWay | ApiKeyWay


@dataclass(frozen=True, slots=True)
class WaySettings:
    """One way to know a caller.

    Attributes:
        place: where it is in the file, as ``12:3: callers.partner``.
    """

    name: WayName
    way: Way
    place: str = field(default="", compare=False)


def credential_fields(ways: Iterable[WaySettings]) -> frozenset[bytes]:
    """Return the names of the fields that keys are in, in lower case."""
    return frozenset(each.way.header.lower().encode() for each in ways if isinstance(each.way, ApiKeyWay))


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One way in. All that it says must hold.

    Attributes:
        callers: the caller must be known in each of these ways.
        scope: what it must have been granted, by these ways together.
        claims: names of claims, each with the values that are accepted.
    """

    callers: tuple[WayName, ...]
    scope: frozenset[str] = frozenset()
    claims: tuple[tuple[str, tuple[str | int | bool, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may use a route: whoever satisfies one of the entries."""

    entries: tuple[AccessEntry, ...]

    @property
    def ways(self) -> tuple[WayName, ...]:
        """The ways that any entry names, once each, in the order of the file."""
        return tuple(dict.fromkeys(name for entry in self.entries for name in entry.callers))
