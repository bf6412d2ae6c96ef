"""The JSON Schema (2020-12) of `gateway.yaml`, for editors and for suggestions when a key is misspelt."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.config.document.document_model import Document
from gateway.config.problems import Loc

_SUFFIX: Final = "Model"
"""Of our classes; in the file `RouteModel` is a ``Route``."""


class _Schema(GenerateJsonSchema):
    """Omits what is internal: None for a key that is left out, and the suffix of our classes."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix(_SUFFIX)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        shown = super().model_schema(schema)
        return {**shown, "title": str(shown["title"]).removesuffix(_SUFFIX)}


def json_schema() -> dict[str, object]:
    """Return the schema of the whole file."""
    schema = Document.model_json_schema(schema_generator=_Schema)
    return {"$schema": _Schema.schema_dialect, **schema, "title": "gateway.yaml"}


def keys_at(loc: Loc) -> tuple[str, ...]:
    """Return the keys that are allowed in the mapping at `loc`."""
    return tuple(key for shape in _shapes(loc) for key in shape.get("properties", ()))


@cache
def all_keys() -> frozenset[str]:
    """Return every key that is allowed anywhere."""
    shapes = [_schema(), *_schema()["$defs"].values()]
    return frozenset(key for shape in shapes for key in shape.get("properties", ()))


def takes_text(loc: Loc) -> bool:
    """Return whether a text is allowed at `loc`."""
    return any(shape.get("type") == "string" for shape in _shapes(loc))


def _shapes(loc: Loc) -> list[dict[str, Any]]:
    shapes = list(_alternatives(_schema()))
    for part in loc:
        shapes = [one for shape in shapes for below in _below(shape, part) for one in _alternatives(below)]
    return shapes


@cache
def _schema() -> dict[str, Any]:
    return json_schema()


def _below(shape: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        if "items" in shape:
            yield shape["items"]
    elif part in shape.get("properties", {}):
        yield shape["properties"][part]
    elif isinstance(shape.get("additionalProperties"), dict):
        yield shape["additionalProperties"]


def _alternatives(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Follow references and choices."""
    if "$ref" in shape:
        yield from _alternatives(_schema()["$defs"][shape["$ref"].rpartition("/")[2]])
    elif "anyOf" in shape and "properties" not in shape:
        for choice in shape["anyOf"]:
            yield from _alternatives(choice)
    else:
        yield shape
