"""As much of JSON Schema 2020-12 as our schema uses: what an editor would say of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_KNOWN = {"$schema", "$defs", "$ref", "anyOf", "title", "description", "default", "type", "enum", "pattern"}
_KNOWN |= {
    "minLength",
    "minimum",
    "maximum",
    "minItems",
    "items",
    "properties",
    "additionalProperties",
    "required",
    "dependentRequired",
}
_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def complaints(schema: dict[str, Any], value: object, root: dict[str, Any]) -> Iterator[str]:
    """Give what does not fit; a keyword that is not known here is a fault of the test."""
    assert set(schema) <= _KNOWN, set(schema) - _KNOWN
    if "$ref" in schema:
        yield from complaints(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    if "anyOf" in schema and all(any(complaints(one, value, root)) for one in schema["anyOf"]):
        yield "none of the choices fits"
    if "enum" in schema and value not in schema["enum"]:
        yield f"not one of {schema['enum']}"
    if "type" in schema and not _is(value, schema["type"]):
        yield f"not {schema['type']}"
        return
    yield from _within(schema, value, root)


def _is(value: object, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _within(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> Iterator[str]:
    match value:
        case str():
            if not re.search(schema.get("pattern", ""), value) or len(value) < schema.get("minLength", 0):
                yield "the text does not fit"
        case bool():
            pass
        case int():
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                yield "out of range"
        case list():
            if len(value) < schema.get("minItems", 0):
                yield "too few"
            for item in value:
                yield from complaints(schema.get("items", {}), item, root)
        case dict():
            yield from (f"{key} is missing" for key in schema.get("required", ()) if key not in value)
            for key, others in schema.get("dependentRequired", {}).items():
                yield from (f"{other} is missing" for other in others if key in value and other not in value)
            for key, item in value.items():
                below = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
                if below is False:
                    yield f"{key} is unknown"
                else:
                    yield from complaints(below, item, root)


def paths(schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every key as ``routes[].timeouts.connect``, names of the operator's own as ``<name>``."""
    if "$ref" in schema:
        yield from paths(root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    for choice in schema.get("anyOf", ()):
        yield from paths(choice, root, at)
    for key, below in schema.get("properties", {}).items():
        where = f"{at}.{key}" if at else key
        yield where, below
        yield from paths(below, root, where)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from paths(schema["additionalProperties"], root, f"{at}.<name>")
    if "items" in schema:
        yield from paths(schema["items"], root, f"{at}[]")
