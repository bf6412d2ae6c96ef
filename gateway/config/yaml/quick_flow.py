"""Flow collections for `quick`: ``{...}`` and ``[...]`` on one line, or as the whole document (JSON)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from gateway.config.problems import Place
from gateway.config.tree import Entry, Items, Keys, Leaf, Node, Scalar
from gateway.config.values.scalars import scalar, why_odd

KEY_NAME: Final = r"([A-Za-z_][A-Za-z0-9_.-]{0,127})"
LETTERS: Final = r"\xc0-\u024f\u0386-\u052f"
"""Allowed beyond ASCII, in quotes and comments: letters of Latin, Greek and Cyrillic scripts."""
DOUBLE: Final = rf'"([\x20\x21\x23-\x5b\x5d-\x7e{LETTERS}]*)"'
SINGLE: Final = rf"'([\x20-\x26\x28-\x7e{LETTERS}]*)'"

_WORD: Final = r"(?:[A-Za-z0-9_/.$+%~=@?&*!^()|<>;\\-]|:(?=[A-Za-z0-9/_]))+"
_KEY: Final = re.compile(rf"[ \n]*(?:{KEY_NAME}:(?=[ \n])|{DOUBLE}:)[ \n]*")
_PLAIN: Final = re.compile(rf"((?=[A-Za-z0-9_/.$+]){_WORD}(?: {_WORD})*)")
_QUOTED: Final = re.compile(f"{DOUBLE}|{SINGLE}")
_SPACE: Final = re.compile(r"[ \n]*")
_DEEPEST: Final = 16
_FIRST_OF_NUMBERS: Final = frozenset("0123456789.+")
_WORDS: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_ODD_WORDS: Final = frozenset({"y", "yes", "on", "n", "no", "off", "null"})
OFF: Final = "off"


class NotPlain(Exception):
    """The text is not plain: `parse` has to read it."""


class Flow:
    """Reads the collections in a text.

    Args:
        text: a line, or the document.
        place_of: maps an index in it to a place.
    """

    def __init__(self, text: str, place_of: Callable[[int], Place]) -> None:
        self._text = text
        self._place_of = place_of
        self._depth = 0

    def value(self, at: int) -> tuple[Node, int]:
        """Read the value at an index; return it, and the index after it."""
        text = self._text
        first = text[at : at + 1]
        if first == "{":
            return self._mapping(at)
        if first == "[":
            return self._sequence(at)
        if (quoted := _QUOTED.match(text, at)) is not None:
            return Leaf(self._place_of(at), quoted[quoted.lastindex or 0]), quoted.end()
        if (plain := _PLAIN.match(text, at)) is None:
            raise NotPlain
        return Leaf(self._place_of(at), value_of(plain[1])), plain.end()

    def _mapping(self, start: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        at = self._first(start, "}")
        while at > 0:
            found = _KEY.match(self._text, at)
            if found is None or (key := key_in(found)) in entries:
                raise NotPlain
            key_at = found.start(1) if found[1] is not None else found.start(2) - 1
            node, at = self.value(found.end())
            entries[key] = Entry(self._place_of(key_at), node)
            at = self._next(at, "}")
        self._depth -= 1
        return Keys(self._place_of(start), entries), -at

    def _sequence(self, start: int) -> tuple[Node, int]:
        nodes: list[Node] = []
        at = self._first(start, "]")
        while at > 0:
            node, at = self.value(self._skip(at))
            nodes.append(node)
            at = self._next(at, "]")
        self._depth -= 1
        return Items(self._place_of(start), tuple(nodes)), -at

    def _first(self, start: int, end: str) -> int:
        """Return where the first member begins; negative: the collection ends before that index."""
        self._depth += 1
        at = self._skip(start + 1)
        if self._depth > _DEEPEST:
            raise NotPlain
        return -(at + 1) if self._text.startswith(end, at) else at

    def _next(self, at: int, end: str) -> int:
        """Return the same for the next member."""
        at = self._skip(at)
        if self._text.startswith(end, at):
            return -(at + 1)
        if not self._text.startswith(",", at):
            raise NotPlain
        return at + 1

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()


def document(text: str, start: int) -> Node:
    """Read a document that is one mapping in braces."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place_of(at: int) -> Place:
        line = bisect_right(starts, at)
        return Place(line, at - starts[line - 1] + 1)

    root, end = Flow(text, place_of).value(start)
    if text[end:].strip(" \n"):
        raise NotPlain
    return root


def key_in(found: re.Match[str]) -> str:
    """Return the key that was matched: its name, or the text in its quotes."""
    name: str | None = found[1]
    if name is None:
        return str(found[2])
    if name == OFF or not isinstance(value_of(name), str):
        raise NotPlain
    return name


def value_of(text: str) -> Scalar:
    """Return the value of a word that begins with a letter, a digit, or one of ``_ / . $ +``.

    Whether `OFF` may stand there is checked for the whole document.
    """
    if text[0] in _FIRST_OF_NUMBERS:
        if why_odd(text) is not None:
            raise NotPlain
        return scalar(text)
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 4 and text.lower() in _ODD_WORDS and text != OFF:
        raise NotPlain
    return text
