"""The document as a tree in which every node knows its place.

A tree may contain a node twice, where the document uses an alias. Nodes are never changed; they are not
frozen because that would cost time for each of a million.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config.problems import Loc, Mistake, Place, Problem, dotted, in_order
from gateway.config.template import Template

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Leaf:
    """One value. `template` is set if the value was composed of references."""

    place: Place
    value: Scalar
    template: Template | None = None

    def __repr__(self) -> str:
        return f"Leaf({self.place})"  # the value may be a secret


@dataclass(slots=True)
class Items:
    """A sequence."""

    place: Place
    nodes: tuple[Node, ...]


@dataclass(slots=True)
class Keys:
    """A mapping; of duplicate keys, the first."""

    place: Place
    entries: dict[str, Entry]


@dataclass(slots=True)
class Entry:
    """The place of a key, and its value."""

    place: Place
    node: Node


Node = Leaf | Items | Keys


def plain(node: Node) -> object:
    """Return the values without their places, as a YAML loader would."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Keys():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


@dataclass(frozen=True, slots=True)
class Spot:
    """How far a `Loc` leads into the tree: the part that exists, the place of its key, its node."""

    loc: Loc
    key_place: Place
    node: Node


def find(root: Node, loc: Loc) -> Spot:
    """Follow `loc` as far as the tree goes."""
    spot = Spot((), root.place, root)
    for part in loc:
        below = _step(spot.node, part)
        if below is None and part == 0:
            continue  # a single item may be written without its list
        if below is None:
            return spot
        spot = Spot((*spot.loc, part), below.place, below.node)
    return spot


def _step(node: Node, part: str | int) -> Entry | None:
    match node:
        case Keys() if isinstance(part, str):
            return node.entries.get(part)
        case Items() if isinstance(part, int) and part < len(node.nodes):
            return Entry(node.nodes[part].place, node.nodes[part])
        case _:
            return None


def problems(file: str, root: Node, findings: Iterable[Mistake]) -> tuple[Problem, ...]:
    """Turn mistakes into problems with lines and columns, sorted by position."""
    return in_order(_problem(file, root, finding) for finding in findings)


def _problem(file: str, root: Node, finding: Mistake) -> Problem:
    spot = find(root, finding.loc)
    place = finding.place or (spot.key_place if finding.is_about_key else spot.node.place)
    # A missing key has no place, yet its name belongs to the path; a part that we made up does not.
    loc = finding.loc if finding.is_about_key else spot.loc
    return Problem(file, place.line, place.column, dotted(loc), finding.message, finding.severity)
