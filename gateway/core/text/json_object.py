"""Read JSON that another server wrote: strictly, returning None instead of raising an exception.

The text is UTF-8 (RFC 8259 section 8.1) and a single value, for most purposes an object, without duplicate
members (RFC 6749 section 3.2: parameters must not be included more than once), nested only as deeply as the
interpreter can follow.
``NaN`` and ``Infinity``, which Python accepts and JSON forbids, count as null, as does a number too large
for a float.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from sys import getsizeof
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """A value of any type: without it, ``null`` could not be told from a body that is not JSON."""

    value: object = field(repr=False)


def read_json(body: bytes) -> JsonDocument | None:
    """Return the value in `body`, or None if it is not well-formed."""
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_members, parse_constant=lambda _: None, parse_float=_float
        )
    except (ValueError, RecursionError):
        return None
    return JsonDocument(value)


def read_json_object(body: bytes) -> JsonObject | None:
    """Return the members of the object in `body`, or None if it is not a well-formed object."""
    document = read_json(body)
    return document.value if document is not None and isinstance(document.value, dict) else None


def finite_number(value: object) -> float | None:
    """Return a JSON number as a float, or None if it is not a number, or too large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def json_bytes(value: object) -> int:
    """Return how much memory a JSON value holds, as if it shared none; however deep it is."""
    size, left = 0, [value]
    while left:
        one = left.pop()
        size += getsizeof(one)
        if isinstance(one, dict):
            left += one.keys()
            left += one.values()
        elif isinstance(one, list):
            left += one
    return size


def texts_in(value: object) -> Iterator[str]:
    """Yield every string in a JSON value, except the names of members."""
    match value:
        case str():
            yield value
        case dict():
            for member in value.values():
                yield from texts_in(member)
        case list():
            for member in value:
                yield from texts_in(member)


def _float(text: str) -> float | None:
    return finite_number(float(text))


def _members(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member occurs twice")
    return members
