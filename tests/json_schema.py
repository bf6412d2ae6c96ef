"""JSON Schema 2020-12, as much of it as `gateway schema` uses; anything else in a schema fails the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default"}
KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def complaints(schema: dict[str, Any], value: object) -> list[str]:
    """What a validator would say about a value; nothing if it is accepted."""
    return list(_check(schema, schema, value, "$"))


def _check(root: dict[str, Any], schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    unknown = set(schema) - ANNOTATIONS - set(CHECKS)
    assert not unknown, f"keywords that this reader does not know: {unknown}"
    for keyword in schema.keys() & CHECKS.keys():
        yield from (f"{where}: {fault}" for fault in CHECKS[keyword](schema[keyword], value))
    if "$ref" in schema:
        yield from _check(root, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, where)
    if "anyOf" in schema and all([*_check(root, choice, value, where)] for choice in schema["anyOf"]):
        yield f"{where}: fits no choice"
    for name, below in _below(schema, value):
        if below is False:
            yield f"{where}.{name}: is not known"
        elif isinstance(below, dict):
            yield from _check(root, below, value[name], f"{where}.{name}")


def _below(schema: dict[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        for name in value:
            yield name, schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield number, schema.get("items")


def _kind(kind: str, value: Any) -> Iterator[str]:
    if not isinstance(value, KINDS[kind]) or (kind == "integer" and isinstance(value, bool)):
        yield f"is no {kind}"


def _enum(choices: list[Any], value: Any) -> Iterator[str]:
    if value not in choices:
        yield f"is none of {choices}"


def _pattern(pattern: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and not re.search(pattern, value):
        yield f"does not match {pattern}"


def _required(names: list[str], value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name} is missing" for name in names if name not in value)


def _together(names: dict[str, list[str]], value: Any) -> Iterator[str]:
    for name in names if isinstance(value, dict) else ():
        yield from (f"{other} is missing" for other in names[name] if name in value and other not in value)


def _at_least(size: int, value: Any) -> Iterator[str]:
    if isinstance(value, str | list) and len(value) < size:
        yield f"is shorter than {size}"


def _minimum(least: int, value: Any) -> Iterator[str]:
    if isinstance(value, int) and value < least:
        yield f"is below {least}"


def _maximum(most: int, value: Any) -> Iterator[str]:
    if isinstance(value, int) and value > most:
        yield f"is above {most}"


def _nothing(_keyword: Any, _value: Any) -> Iterator[str]:
    """For what `_check` itself follows."""
    yield from ()


CHECKS = {
    "type": _kind,
    "enum": _enum,
    "pattern": _pattern,
    "required": _required,
    "dependentRequired": _together,
    "minLength": _at_least,
    "minItems": _at_least,
    "minimum": _minimum,
    "maximum": _maximum,
    **dict.fromkeys(("$ref", "anyOf", "items", "properties", "additionalProperties"), _nothing),
}
