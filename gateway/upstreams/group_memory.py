"""What is known of addresses while nothing leads to them: a name lost them, or their group is made anew.

Rules: an address that comes back is no better for its absence. What requests say of it holds under any
settings that eject; what checks say, as long as they ask the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.core.settings.upstream_settings import GroupSettings, UpstreamSettings
from gateway.core.upstreams.active_checks import UNCHECKED
from gateway.core.upstreams.ejection import WELL
from gateway.upstreams.target import Condition, Target, TargetId

MOST_GONE: Final = 64
"""How many addresses that a name no longer has are remembered."""


class GroupMemory:
    """The addresses that the names of one group have lost."""

    def __init__(self) -> None:
        self._gone: dict[TargetId, Condition] = {}

    def __repr__(self) -> str:
        return f"<GroupMemory: {len(self._gone)} gone>"

    def keep(self, target: Target) -> None:
        """Remember how a target was; the one that went first is forgotten first."""
        self._gone.pop(target.id, None)
        self._gone[target.id] = target.condition
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def taken(self, target_id: TargetId) -> Condition:
        """Return how a target was, which is back."""
        return self._gone.pop(target_id, Condition())


class Inheritance:
    """What one group leaves to another one that has its name and other settings."""

    def __init__(self, settings: GroupSettings, targets: Iterable[Target]) -> None:
        self._check = settings.check
        self._known: dict[UpstreamSettings, Condition] = {each.place: each.condition for each in targets}

    def of(self, target: Target, settings: GroupSettings) -> Condition:
        """Return what is known of the address of `target`, whose group has `settings`."""
        health, checks = self._known.get(target.place, Condition())
        ours, theirs = settings.check, self._check
        is_asked_alike = ours is not None and theirs is not None and ours.asks_as(theirs)
        return Condition(
            health if settings.eject is not None else WELL, checks if is_asked_alike else UNCHECKED
        )
