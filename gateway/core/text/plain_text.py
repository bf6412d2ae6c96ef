"""Texts without control characters, as the configuration and the files that it names may hold them."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5


class Wrong(ValueError):
    """A value is refused; the message says what was expected, and shows no value."""


def text(value: str) -> str:
    """Accept any text that is not empty and has no control characters."""
    if not value:
        raise Wrong("the value is empty: write one, or remove the key")
    if _CONTROL.search(value):
        raise Wrong("the value contains a line break or another control character")
    return value


def lines(value: str) -> str:
    """Accept any text of one or more lines, such as a key in PEM form."""
    if not value.strip():
        raise Wrong("the value is empty: write one, or remove the key")
    if _CONTROL_IN_LINES.search(value):
        raise Wrong("the value contains a control character")
    return value


def field_value(value: str) -> str:
    """Accept a field value: Latin-1 without line breaks, NUL or outer spaces (RFC 9110 section 5.5)."""
    if not _FIELD_VALUE.fullmatch(value):
        raise Wrong("a field value must be Latin-1 text without line breaks or control characters")
    if value != value.strip(" \t"):
        raise Wrong("a field value must not begin or end with a space")
    return value
