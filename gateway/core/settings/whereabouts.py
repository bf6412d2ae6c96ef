"""Where in the answer of another server a text is found, and what a lifetime there counts.

=============  ===========================================================================================
FromJson       the text or number at a JSON pointer (RFC 6901)
FromField      a header field
FromCookie     a cookie that the answer sets
FromForm       a field of a form-encoded body
FromLine       what follows ``NAME=`` or ``NAME:`` on a line of a text body
FromPage       the value of an ``<input>`` or the content of a ``<meta>`` of an HTML page, by its name
FromBody       the whole body as text, without white space around it
=============  ===========================================================================================

`core.oauth.picks` looks there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.core.text.json_pointer import JsonPointer


@dataclass(frozen=True, slots=True)
class FromJson:
    """The text or number at a place of a JSON document."""

    pointer: JsonPointer

    def __str__(self) -> str:
        return str(self.pointer) or "the JSON document"


@dataclass(frozen=True, slots=True)
class FromField:
    """The value of a header field."""

    name: str

    def __str__(self) -> str:
        return f"the header field {self.name}"


@dataclass(frozen=True, slots=True)
class FromCookie:
    """The value of a cookie that the answer sets."""

    name: str

    def __str__(self) -> str:
        return f"the cookie {self.name}"


@dataclass(frozen=True, slots=True)
class FromForm:
    """The value of a field of a form-encoded body."""

    name: str

    def __str__(self) -> str:
        return f"the form field {self.name}"


@dataclass(frozen=True, slots=True)
class FromLine:
    """The rest of a line of a text body."""

    name: str

    def __str__(self) -> str:
        return f"the line {self.name}"


@dataclass(frozen=True, slots=True)
class FromPage:
    """The value of an input, or the content of a meta element, of an HTML page."""

    name: str

    def __str__(self) -> str:
        return f"the input {self.name}"


@dataclass(frozen=True, slots=True)
class FromBody:
    """The whole body as text."""

    def __str__(self) -> str:
        return "the body"


Pick = FromJson | FromField | FromCookie | FromForm | FromLine | FromPage | FromBody


class LifeUnit(Enum):
    """What a stated lifetime counts, or that it is an instant."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    MINUTES = "m"
    HOURS = "h"
    INSTANT = "instant"
