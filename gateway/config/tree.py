"""The document as a tree whose every node knows its place.

Decides: nothing; it finds. A tree may hold the same node twice, where the document used an alias. Nodes are
not frozen only to be cheap: nobody changes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config.problems import Loc, Mistake, Place, Problem, dotted, in_order
from gateway.config.template import Template

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Leaf:
    """One value. `template` is set where the value was put together from references."""

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
    """A mapping; of a key that stands twice, the first."""

    place: Place
    entries: dict[str, Entry]


@dataclass(slots=True)
class Entry:
    """A key's own place, and what it holds."""

    place: Place
    node: Node


Node = Leaf | Items | Keys


def plain(node: Node) -> object:
    """Give the values without their places: what a YAML loader would give."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Keys():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


@dataclass(frozen=True, slots=True)
class Spot:
    """How far a `Loc` leads into the tree: the part that exists, its key's place, its node."""

    loc: Loc
    key_place: Place
    node: Node


def find(root: Node, loc: Loc) -> Spot:
    """Go down along `loc` as far as the tree does."""
    spot = Spot((), root.place, root)
    for part in loc:
        below = _step(spot.node, part)
        if below is None and part == 0:
            continue  # one thing may stand for a list of one
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
    """Give every finding its line and column, sorted by them."""
    return in_order(_problem(file, root, finding) for finding in findings)


def _problem(file: str, root: Node, finding: Mistake) -> Problem:
    spot = find(root, finding.loc)
    place = finding.place or (spot.key_place if finding.is_about_key else spot.node.place)
    # A missing key stands nowhere, yet its name belongs to the path; a part that we made up does not.
    loc = finding.loc if finding.is_about_key else spot.loc
    return Problem(file, place.line, place.column, dotted(loc), finding.message, finding.severity)
