"""Conditions on a JSON document: what must stand at which place, as in ``{/errcode: 0}``.

Rules:

- A condition names the values that fulfil it. ``null`` stands for a missing value, too.
- Values are compared as they would be written: ``0`` and ``"0"`` are equal, and so are ``true`` and
  ``"true"``, because services are not consistent; numbers are compared by value (``0`` and ``0.0``).
- An object or a list fulfils no condition but `ANYTHING`, which demands that there is a value at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.core.text.json_object import finite_number
from gateway.core.text.json_pointer import Astray, JsonPointer, described, follow

Scalar = str | int | float | bool | None


class Presence(Enum):
    """Demands a value at all."""

    ANYTHING = "anything"


ANYTHING: Final = Presence.ANYTHING


@dataclass(frozen=True, slots=True)
class JsonCondition:
    """What must stand at one place of a document.

    Attributes:
        spelt: tells conditions apart whose values are equal in Python, as ``1`` and ``true`` are.
    """

    pointer: JsonPointer
    values: tuple[Scalar, ...] | Presence
    spelt: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spelt", repr(self.values))

    def objection(self, document: object) -> str | None:
        """Return a clause that says what stands there instead, without the value, or None if it holds."""
        found = follow(self.pointer, document)
        if isinstance(found, Astray):
            is_met = self.values is not ANYTHING and None in self.values
            return None if is_met else str(found)
        value = found.value
        if self.values is ANYTHING:
            return None if value is not None else f"{self._where} is null"
        if any(_are_equal(wanted, value) for wanted in self.values):
            return None
        return f"{self._where} is {described(value)}, and not what is wanted"

    @property
    def _where(self) -> str:
        return str(self.pointer) or "the document"

    def holds(self, document: object) -> bool:
        """Whether the document fulfils it."""
        return self.objection(document) is None


def _are_equal(wanted: Scalar, value: object) -> bool:
    if wanted is None or value is None:
        return wanted is value
    if isinstance(value, dict | list):
        return False
    ours, theirs = finite_number(wanted), finite_number(value)
    if ours is not None and theirs is not None:
        return wanted == value
    return _written(wanted) == _written(value)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
