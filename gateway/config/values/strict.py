"""The base of all models: how a key is described, and which keys the file has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict

Default = str | int | list[JsonValue] | None


class Strict(BaseModel):
    """The base of all models: no unknown keys, no conversions, no value in any message."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def required(description: str) -> Any:
    """Describe a key that is required."""
    return Field(description=description)


def flag(description: str, *, alias: str | None = None) -> Any:
    """Describe a key that is true or false; false by default."""
    return Field(default=False, alias=alias, description=description, json_schema_extra={"default": False})


def flag_on(description: str) -> Any:
    """Describe a key that is true or false; true by default."""
    return Field(default=True, description=description, json_schema_extra={"default": True})


def optional(description: str, default: Default = None, *, alias: str | None = None) -> Any:
    """Describe an optional key; `default` is shown in editors, as it would be written in the file."""
    shown: JsonDict = {} if default is None else {"default": default}
    return Field(default=None, alias=alias, description=description, json_schema_extra=shown)


def given(model: Strict | None, *names: str) -> dict[str, Any]:
    """Return the attributes whose keys are in the file: all of them, or those named."""
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
    """Return the words without duplicates."""
    return tuple(dict.fromkeys(words or ()))
