"""A caller whose identity was verified, and the ways of verifying it that `gateway.yaml` knows by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NewType

WayName = NewType("WayName", str)
"""A key under ``callers``: one way to know a caller."""


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who sent a request, as far as one way could verify it.

    Attributes:
        way: the way that verified it.
        id: its name within that way: a subject, the id of a key, a user name, an address; never empty.
        scope: what it was granted.
        claims: what else is known of it, as JSON values by name.
        expires_at_s: when this knowledge ends, in seconds of the wall clock.
    """

    way: WayName
    id: str
    scope: frozenset[str] = frozenset()
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    expires_at_s: float = inf
