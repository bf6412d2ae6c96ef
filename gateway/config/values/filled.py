"""What references gave, where a key takes something else than text: a number, ``true``, a duration, a size.

Rules: it is read as YAML reads an unquoted scalar, and never as a list or a mapping. What the versions of
YAML read differently (`no`, `010`) stays text, and so is refused. A key that takes text takes it as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gateway.config.problems import Wrong
from gateway.config.values.scalars import scalar, why_odd

V = TypeVar("V")


class Filled(str):
    """A text that contained references."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Travel to other processes as plain text: they may know nothing of the configuration's readers."""
        return str, (str(self),)


class NotFitting(Wrong):
    """What references gave is refused; the message will name them."""


def unquoted(value: object) -> object:
    """Read what references gave as an unquoted number or word; return anything else as it is."""
    if not isinstance(value, Filled):
        return value
    text = value.strip(" \t\r\n")
    found = scalar(text)
    return found if isinstance(found, int | float) and why_odd(text) is None else text


def reader_of_filled(read: Callable[[object], V]) -> Callable[[object], V]:
    """Return a reader that also takes what references gave."""

    def reading(value: object) -> V:
        try:
            return read(unquoted(value))
        except Wrong as wrong:
            raise (NotFitting(str(wrong)) if isinstance(value, Filled) else wrong) from None

    return reading
