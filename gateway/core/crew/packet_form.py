"""Records as packets: a JSON array of the kind and the fields, in the order of the class.

What cannot be read is a `BadRecord`, and its sender is no longer believed.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from gateway.core.crew.records import Record


class BadRecord(ValueError):
    """A packet holds no record that is known here."""


_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Record)}
_TYPES: Final = {
    name: tuple(get_type_hints(kind)[each.name] for each in fields(kind)) for name, kind in _KINDS.items()
}


def encoded(record: Record) -> bytes:
    """Write a record as a packet."""
    values = [getattr(record, each.name) for each in fields(record)]
    return json.dumps([type(record).__name__, *values], separators=(",", ":")).encode("ascii")


def decoded(packet: bytes) -> Record:
    """Read a packet.

    Raises:
        BadRecord: it holds none.
    """
    try:
        kind, *values = json.loads(packet)
        wanted = _TYPES[kind]
        if len(values) == len(wanted):
            record: Record = _KINDS[kind](*map(_value, values, wanted))
            return record
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BadRecord("a packet between processes of the gateway is not a record")


def _value(value: object, wanted: Any) -> object:
    """Return a value as its field has it: JSON knows no tuples, and writes whole numbers without a point."""
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if get_origin(wanted) is tuple:
        return _tuple(value, get_args(wanted))
    if type(value) is not wanted:
        raise TypeError(wanted)
    return value


def _tuple(value: object, members: tuple[Any, ...]) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise TypeError(members)
    if members[1:] == (...,):
        return tuple(_value(each, members[0]) for each in value)
    return tuple(_value(each, wanted) for each, wanted in zip(value, members, strict=True))
