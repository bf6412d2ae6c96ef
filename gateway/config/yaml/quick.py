"""Text -> tree, quickly, for plain YAML: what programs write, and most people.

Rules:

- The tree is exactly the one that `parse` builds, places included, or there is none: whatever is odd, wrong,
  rare or ambiguous is left to `parse`, which also explains it.
- It reads block mappings and sequences, flow collections on one line or as the whole document (JSON), ASCII
  words, quoted text without escapes, and comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.config.problems import Place
from gateway.config.tree import Entry, Items, Keys, Leaf, Node, find
from gateway.config.values.scalars import SAY_OFF
from gateway.config.yaml.quick_flow import (
    DOUBLE,
    KEY_NAME,
    LETTERS,
    OFF,
    SINGLE,
    Flow,
    NotPlain,
    document,
    key_in,
    value_of,
)

_OTHER: Final = re.compile(rf"[^\n\x20-\x7e{LETTERS}]")
_REST: Final = r" *(?:(?<= )#.*)?$"
# A colon is part of a word if a character follows directly; what begins with # is a comment.
_WORD: Final = r"(?:[\x21\x22\x24-\x39\x3b-\x7e]|:(?=[\x21\x22\x24-\x7e]))+"
_ENTRY: Final = re.compile(rf"(?:{KEY_NAME}|{DOUBLE}):(?: +(?=[^ #])|{_REST})")
_PLAIN: Final = re.compile(rf"((?=[A-Za-z0-9_/.$+]){_WORD}(?: {_WORD})*){_REST}")
_QUOTED: Final = re.compile(rf"(?:{DOUBLE}|{SINGLE}){_REST}")
_END: Final = re.compile(_REST)
_OFF: Final = re.compile(r"\boff\b")
_DEEPEST: Final = 16
_NOWHERE: Final = Place()


@dataclass(slots=True)
class _Open:
    """A block collection whose lines are being read.

    Attributes:
        indent: the column of its keys or dashes.
        place: the position of the first of them.
        entries: those of a mapping.
        items: those of a sequence; None for a mapping.
        waiting: the key whose value is on the next lines.
    """

    indent: int
    place: Place
    entries: dict[str, Entry]
    items: list[Node] | None = None
    waiting: str = ""
    waiting_place: Place = _NOWHERE


def quick(text: str, most_nodes: int) -> Keys | None:
    """Read a plain document of at most `most_nodes`; return None for any other."""
    if _OTHER.search(text):
        return None
    try:
        start = len(text) - len(text.lstrip(" \n"))
        root = document(text, start) if text[start : start + 1] == "{" else _Block().read(text)
    except NotPlain:
        return None
    if not isinstance(root, Keys) or not _says_off_where_it_may(root, text):
        return None
    # Each node takes at least a character, so few trees need to be counted.
    return root if len(text) < most_nodes or _count(root) <= most_nodes else None


def _says_off_where_it_may(root: Keys, text: str) -> bool:
    """Check that `off` stands only where it is a word, and only words there (`scalars.SAY_OFF`)."""
    nodes = [spot.node for loc in SAY_OFF if (spot := find(root, loc)).loc == loc]
    values = [node.value for node in nodes if isinstance(node, Leaf)]
    return all(isinstance(value, str) for value in values) and values.count(OFF) == len(_OFF.findall(text))


def _count(node: Node) -> int:
    if isinstance(node, Keys):
        return 1 + sum(_count(entry.node) for entry in node.entries.values())
    return 1 + sum(map(_count, node.nodes)) if isinstance(node, Items) else 1


class _Block:
    """Reads a document line by line."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._root: Node | None = None

    def read(self, text: str) -> Keys:
        """Read a document whose lines are those of a block mapping."""
        for number, line in enumerate(text.split("\n"), 1):
            rest = line.lstrip(" ")
            if rest and rest[0] != "#":
                self._line(number, line, len(line) - len(rest))
        while self._open:
            self._close()
        if not isinstance(self._root, Keys):
            raise NotPlain
        return self._root

    def _line(self, number: int, line: str, indent: int) -> None:
        is_item = line.startswith("- ", indent)
        while self._open and _is_over(self._open[-1], indent, is_item=is_item):
            self._close()
        if not is_item:
            self._entry(number, line, indent)
            return
        sequence = self._sequence(Place(number, indent + 1), indent)
        start = indent + 2
        while line.startswith(" ", start):
            start += 1
        if _ENTRY.match(line, start):
            self._open.append(_Open(start, Place(number, start + 1), {}))
            self._entry(number, line, start)
        else:
            sequence.append(_value(number, line, start))

    def _sequence(self, place: Place, indent: int) -> list[Node]:
        """Return the items of the sequence here, and open one if a key waits for its value."""
        outer = self._open[-1] if self._open else None
        if outer is not None and outer.indent == indent and outer.items is not None:
            return outer.items
        items: list[Node] = []
        self._begin(outer, _Open(indent, place, {}, items))
        return items

    def _entry(self, number: int, line: str, indent: int) -> None:
        entry = _ENTRY.match(line, indent)
        outer = self._open[-1] if self._open else None
        place = Place(number, indent + 1)
        if entry is None or (outer is not None and outer.indent == indent and outer.waiting):
            raise NotPlain
        if outer is None or outer.indent < indent:
            self._begin(outer, _Open(indent, place, {}))
        mapping = self._open[-1]
        key = key_in(entry)
        if not key or mapping.items is not None or key in mapping.entries:
            raise NotPlain
        if entry.end() < len(line):
            mapping.entries[key] = Entry(place, _value(number, line, entry.end()))
        else:
            mapping.waiting, mapping.waiting_place = key, place

    def _begin(self, outer: _Open | None, inner: _Open) -> None:
        is_second = outer is None and self._root is not None
        if is_second or len(self._open) > _DEEPEST or (outer is not None and not outer.waiting):
            raise NotPlain
        self._open.append(inner)

    def _close(self) -> None:
        inner = self._open.pop()
        if inner.waiting:
            raise NotPlain
        node = (
            Keys(inner.place, inner.entries)
            if inner.items is None
            else Items(inner.place, tuple(inner.items))
        )
        if not self._open:
            self._root = node
            return
        outer = self._open[-1]
        if outer.items is not None:
            outer.items.append(node)
        else:
            outer.entries[outer.waiting] = Entry(outer.waiting_place, node)
            outer.waiting = ""


def _is_over(inner: _Open, indent: int, *, is_item: bool) -> bool:
    """Return whether a line ends a collection; a sequence may be no deeper than its key."""
    return inner.indent > indent or (inner.indent == indent and inner.items is not None and not is_item)


def _value(number: int, line: str, start: int) -> Node:
    """Read the value in the rest of a line."""
    if line.startswith(("{", "["), start):
        node, end = Flow(line, lambda at: Place(number, at + 1)).value(start)
        if _END.match(line, end) is None:
            raise NotPlain
        return node
    place = Place(number, start + 1)
    if (quoted := _QUOTED.match(line, start)) is not None:
        return Leaf(place, quoted[quoted.lastindex or 0])
    if (plain := _PLAIN.match(line, start)) is None:
        raise NotPlain
    return Leaf(place, value_of(plain[1]))
