"""Text -> tree: YAML 1.2, one document, one mapping, and nothing that readers interpret differently.

Rules:

- The tree is built from the parser's events, not by a loader: every key, value and alias keeps its place, and
  depth and size are bounded before anything is expanded (aliases of aliases grow exponentially).
- A word or number that YAML 1.1 and 1.2 read differently must be quoted or written unambiguously.
- Tags, merge keys, directives other than ``%YAML 1.2`` and empty values are refused.
- Plain YAML is read by `quick`, to the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from gateway.config.problems import BadText, Loc, Mistake, Place
from gateway.config.tree import Entry, Items, Keys, Leaf, Node
from gateway.config.values.scalars import NOTHING, SAY_OFF, scalar, why_odd
from gateway.config.yaml.quick import quick
from gateway.config.yaml.slips import is_joined, lines_of
from gateway.config.yaml.syntax import explained

_DEEPEST: Final = 32
_MOST_NODES: Final = 1_000_000


def parse(text: str) -> tuple[Keys, list[Mistake]]:
    """Read a document; return its tree and the mistakes in it.

    Raises:
        BadText: it cannot be parsed.
    """
    if not text.strip():
        raise BadText(Place(), "the file is empty: write at least `routes`")
    if (root := quick(text, _MOST_NODES)) is not None:
        return root, []
    try:
        return _compose(text)
    except ReaderError as error:
        place = _place_at(text, error.position)
        raise BadText(place, "YAML does not allow this control character: remove it") from None
    except MarkedYAMLError as error:
        raise BadText(*explained(text, error)) from None
    except (YAMLError, AssertionError, ArithmeticError, ValueError):
        # ruamel.yaml does not wrap the last three: for `%YAML 1.3`, for escapes beyond Unicode.
        message = "this is not YAML 1.2: an invalid directive, or an escape that is no character"
        raise BadText(Place(), message) from None


def _compose(text: str) -> tuple[Keys, list[Mistake]]:
    composer = _Composer(lines_of(text), YAML(typ="safe", pure=True).parse(text))
    root = composer.document()
    if not isinstance(root, Keys):
        raise BadText(root.place, "expected a mapping with keys such as `listen:` and `routes:`")
    return root, composer.findings


class _Composer:
    """Builds one tree; recursion is bounded by `_DEEPEST`."""

    def __init__(self, lines: list[str], events: Iterator[Any]) -> None:
        self.findings: list[Mistake] = []
        self._lines = lines
        self._events = events
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        start = next(self._events)
        if not isinstance(start, DocumentStartEvent):
            raise BadText(Place(), "the file contains only comments: write at least `routes`")
        if start.tags or start.version not in (None, (1, 2)):
            raise BadText(_place(start.start_mark), "only YAML 1.2 is supported: remove the directive")
        root = self._node(next(self._events), ())
        next(self._events)  # the document's end
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise BadText(_place(after.start_mark), "a second document: remove it, only one is supported")
        return root

    def _node(self, event: Any, loc: Loc, key_place: Place | None = None) -> Node:
        # The parser places an empty value at whatever comes next.
        place = key_place if key_place is not None and _is_nothing(event) else _place(event.start_mark)
        before = self._nodes
        self._count(1, place)
        _refuse_half_characters(event)
        if isinstance(event, AliasEvent):
            return self._aliased(event, place)
        if len(loc) > _DEEPEST:
            raise BadText(place, f"nested more than {_DEEPEST} levels deep")
        if event.anchor is not None and _is_nothing(event):
            self._find(loc, place, "put text that begins with & in quotes")
        if event.tag is not None:
            self._find(loc, place, "tags are not supported; put text that begins with ! in quotes")
        node = self._new(event, loc, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _new(self, event: Any, loc: Loc, place: Place) -> Node:
        match event:
            case MappingStartEvent():
                return self._mapping(loc, place)
            case SequenceStartEvent():
                return self._sequence(loc, place)
            case _:
                return self._leaf(event, loc, place)

    def _aliased(self, event: AliasEvent, place: Place) -> Node:
        if event.anchor not in self._anchors:
            hint = "put text that begins with * in quotes"
            raise BadText(place, f"an alias without a complete anchor before it; {hint}")
        node, size = self._anchors[event.anchor]
        self._count(size, place)
        return replace(node, place=place)

    def _sequence(self, loc: Loc, place: Place) -> Items:
        nodes: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            nodes.append(self._node(event, (*loc, len(nodes))))
        return Items(place, tuple(nodes))

    def _mapping(self, loc: Loc, place: Place) -> Keys:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key, key_place = self._key(event, loc), _place(event.start_mark)
            value = next(self._events)
            if event.style is None and is_joined(key) and _is_nothing(value):
                raise BadText(key_place, "a space is missing after the colon: `key: value`")
            entry = Entry(key_place, self._node(value, (*loc, key), key_place))
            first = entries.setdefault(key, entry)
            if first is not entry:
                message = f"duplicate key, first on line {first.place.line}"
                self.findings.append(Mistake((*loc, key), message, is_about_key=True, place=key_place))
        return Keys(place, entries)

    def _key(self, event: Any, loc: Loc) -> str:
        place = _place(event.start_mark)
        if not isinstance(event, ScalarEvent):
            raise BadText(place, "a key must be a word, not a list, a mapping or an alias")
        _refuse_half_characters(event)
        key: str = event.value
        odd = why_odd(key) if event.style is None else None
        if odd is None and event.style is None and not isinstance(scalar(key), str):
            odd = "a key must be text: put it in quotes"
        if odd is not None:
            self._find((*loc, key), place, odd)
        return key

    def _leaf(self, event: ScalarEvent, loc: Loc, place: Place) -> Leaf:
        value = scalar(event.value)
        if event.style is not None or (value is not None and loc in SAY_OFF):
            return Leaf(place, event.value)
        if value is None and (event.anchor is not None or event.tag is not None):
            return Leaf(place, value)  # what begins with & or ! is reported already
        odd = NOTHING if value is None else self._swallowed(event) or why_odd(event.value, loc)
        if odd is not None:
            self._find(loc, place, odd)
        return Leaf(place, value)

    def _swallowed(self, event: ScalarEvent) -> str | None:
        """Explain text that swallows list items: one that is indented too far continues the line above."""
        below = self._lines[event.start_mark.line + 1 : event.end_mark.line + 1]
        if not any(line.lstrip().startswith("- ") for line in below):
            return None
        return "a line below begins with a dash, but continues this text: align the dashes"

    def _find(self, loc: Loc, place: Place, message: str) -> None:
        self.findings.append(Mistake(loc, message, place=place))

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise BadText(place, f"more than {_MOST_NODES} values, aliases included")


def _is_nothing(event: Any) -> bool:
    return isinstance(event, ScalarEvent) and not event.value and event.style is None


def _refuse_half_characters(event: Any) -> None:
    r"""Refuse surrogates: JSON writes some characters as two escapes (``\ud83d\ude00``), YAML does not."""
    if isinstance(event, ScalarEvent) and any("\ud800" <= character <= "\udfff" for character in event.value):
        raise BadText(_place(event.start_mark), "an escape for half a character: write the character itself")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place()


def _place_at(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - before.rfind("\n"))
