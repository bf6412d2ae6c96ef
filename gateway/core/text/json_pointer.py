"""JSON pointers (RFC 6901): a path into a document that another server wrote.

Rules:

- A pointer is empty, which means the whole document, or each of its steps begins with ``/``. In a step ``~1``
  is a slash and ``~0`` a tilde; no other ``~`` may occur (sections 3 and 4).
- A step into a list is a number without leading zeros. ``-`` names what follows the last item: nothing.
- A search that finds nothing says where it ended and what was there instead: types, and names of members,
  never a value. Names that are long, or have many digits, are left out: they may be identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.text.cut import some_of

MOST_STEPS: Final = 32

_STRAY_TILDE: Final = re.compile("~(?![01])")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}")
_NAME: Final = re.compile(r"(?!(?:[^0-9]*[0-9]){5})[A-Za-z0-9_.:$@-]{1,40}")


class BadPointer(ValueError):
    """A text is not a JSON pointer; the message says why."""


@dataclass(frozen=True, slots=True)
class JsonPointer:
    """The steps from a document to one of its values."""

    steps: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in self.steps)


@dataclass(frozen=True, slots=True)
class Found:
    """The value that a pointer leads to."""

    value: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Astray:
    """A pointer leads nowhere.

    Attributes:
        place: how far it led; an empty text stands for the document.
        there: what was there instead.
    """

    place: str
    there: str

    def __str__(self) -> str:
        return f"{self.place or 'the document'} is {self.there}"


def read_pointer(text: str) -> JsonPointer:
    """Read a pointer.

    Raises:
        BadPointer: the text is not one.
    """
    if not text:
        return JsonPointer(())
    if not text.startswith("/"):
        raise BadPointer("a JSON pointer begins with a slash, as in /data/token (RFC 6901)")
    if _STRAY_TILDE.search(text):
        raise BadPointer("in a JSON pointer ~ is written ~0, and / in a name ~1 (RFC 6901 section 3)")
    steps = text[1:].split("/")
    if len(steps) > MOST_STEPS:
        raise BadPointer(f"a JSON pointer has at most {MOST_STEPS} steps")
    return JsonPointer(tuple(step.replace("~1", "/").replace("~0", "~") for step in steps))


def follow(pointer: JsonPointer, document: object) -> Found | Astray:
    """Return the value in `document` that `pointer` leads to."""
    value = document
    for count, step in enumerate(pointer.steps):
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if _INDEX.fullmatch(step) and int(step) < len(value):
                value = value[int(step)]
            case _:
                return Astray(str(JsonPointer(pointer.steps[:count])), described(value))
    return Found(value)


def described(value: object) -> str:
    """Describe a JSON value by its type and the names of its members."""
    match value:
        case dict():
            return f"an object with the members {shown_names(value)}" if value else "an empty object"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case str():
            return "a text" if value else "an empty text"
        case None:
            return "null"
        case bool():
            return "true or false"
        case _:
            return "a number"


def shown_names(names: Iterable[str]) -> str:
    """Return names that another server chose, as far as they may be shown."""
    every = list(dict.fromkeys(names))
    fit = [name for name in every if _NAME.fullmatch(name)]
    hidden = len(every) - len(fit)
    if not hidden:
        return some_of(fit)
    rest = f"{hidden} whose names are not shown"
    return f"{some_of(fit)}, and {rest}" if fit else rest
