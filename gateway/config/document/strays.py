"""Keys that are missing in one place and found further down: indented too far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from gateway.config.problems import Loc, Mistake, dotted
from gateway.config.tree import Keys, Node, find

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LEVELS: Final = 2
"""How far down a key is looked for: `routes` inside a client is two levels below the top."""


def strays_of(errors: Sequence[ErrorDetails], root: Node) -> dict[Loc, Loc]:
    """Map each missing key to the place where it was found instead."""
    wrong = [error["loc"] for error in errors]
    strays: dict[Loc, Loc] = {}
    for loc in (error["loc"] for error in errors if error["type"] == "missing"):
        places = (place for place in _below(root, loc) if any(is_within(one, [place]) for one in wrong))
        if (stray := next(places, None)) is not None:
            strays[loc] = stray
    return strays


def stray_finding(missing: Loc, stray: Loc) -> Mistake:
    """Say where a key belongs."""
    home = f"in {dotted(missing[:-1])}" if len(missing) > 1 else "at the top of the file"
    return Mistake(stray, f"the key belongs {home}: it is indented too far", is_about_key=True)


def is_within(loc: Loc, places: Iterable[Loc]) -> bool:
    """Return whether `loc` is one of `places`, or below one."""
    return any(loc[: len(place)] == place for place in places)


def _below(root: Node, missing: Loc) -> Iterator[Loc]:
    home = missing[:-1]
    spot = find(root, home)
    if spot.loc == home:
        yield from _search(spot.node, home, str(missing[-1]), _LEVELS)


def _search(node: Node, loc: Loc, key: str, levels: int) -> Iterator[Loc]:
    if not isinstance(node, Keys) or not levels:
        return
    for name, entry in node.entries.items():
        if isinstance(entry.node, Keys) and key in entry.node.entries:
            yield (*loc, name, key)
        yield from _search(entry.node, (*loc, name), key, levels - 1)
