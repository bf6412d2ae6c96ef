"""The base of all models, how a key is described, and what a model has of the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

Default = str | int | list[JsonValue] | None


class Strict(BaseModel):
    """Base of all models: no unknown keys, no conversions, no value in any message."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def required(description: str) -> Any:
    """Describe a key that must stand."""
    return Field(description=description)


def flag(description: str, *, alias: str | None = None) -> Any:
    """Describe a key that is true or false; false, if left out."""
    return Field(default=False, alias=alias, description=description, json_schema_extra={"default": False})


def optional(description: str, default: Default = None, *, alias: str | None = None) -> Any:
    """Describe a key that may be left out; `default` is shown to editors, in the words of the file."""
    shown: JsonDict = {} if default is None else {"default": default}
    return Field(default=None, alias=alias, description=description, json_schema_extra=shown)


def given(model: Strict | None, *names: str) -> dict[str, Any]:
    """Give the attributes (all, or those named) whose keys stand in the file."""
    if model is None:
        return {}
    there = model.model_fields_set
    return {name: getattr(model, name) for name in names or there if name in there}


def keys_of(model: type[Strict], names: Iterable[str]) -> frozenset[str]:
    """Return the keys of the file that stand for these attributes."""
    fields = model.model_fields
    return frozenset(fields[name].alias or name for name in names)


W = TypeVar("W")


def unique(words: Sequence[W] | None) -> tuple[W, ...]:
    """Give the words without those that stand twice."""
    return tuple(dict.fromkeys(words or ()))
