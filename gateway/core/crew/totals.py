"""Counts of several processes as one: they add, and those of the dead stay.

Rules:

- Counts are JSON values: numbers add, mappings by key, lists member by member. So counters add, and so do the
  buckets and sums of histograms.
- A worker tells its counts as they are, not what has been added since: told twice, they count once.
- When a worker dies, what it told last is added to a base, so that no sum ever falls. Its requests under way
  are over, whatever became of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Tree = Mapping[str, Any]
"""Names to numbers, lists of numbers, or such mappings."""


def added(one: Any, other: Any) -> Any:
    """Return the sum of two trees; what only one of them has is taken over."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        both = [*one, *(name for name in other if name not in one)]
        return {
            name: added(one[name], other[name])
            if name in one and name in other
            else one.get(name, other.get(name))
            for name in both
        }
    if isinstance(one, list) and isinstance(other, list):
        return [added(a, b) for a, b in zip(one, other, strict=True)]
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    raise ValueError("counts of two processes do not fit together")


def sum_of(trees: Iterable[Tree]) -> Tree:
    """Return the sum of all trees."""
    total: Tree = {}
    for tree in trees:
        total = added(total, tree)
    return total


def updated(known: Tree, told: Tree) -> Tree:
    """Return what a worker has counted, after it told what has changed."""
    routes = {**known.get("routes", {}), **told.get("routes", {})}
    return {**known, **told, "routes": routes}


def laid_down(counts: Tree) -> Tree:
    """Return what remains of the counts of a worker that has ended."""
    routes = {
        name: {**route, "started_requests": sum(route["statuses"].values())}
        for name, route in counts.get("routes", {}).items()
    }
    return {**{name: counts[name] for name in LASTING if name in counts}, "routes": routes}


LASTING = ("names", "groups", "refused", "dropped")
"""Counters besides those of routes."""
