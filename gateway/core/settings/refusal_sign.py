"""What in a response says that the credential died, where that is not the status code alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.text.json_condition import JsonCondition

ANY_VALUE: Final = "*"
"""Of a header field: it must be there, whatever its value."""


@dataclass(frozen=True, slots=True)
class RefusalSign:
    """A response that says so; all that is given must hold.

    Attributes:
        location: where a redirect leads: a path with all below it, or with ``*`` at its end all that begins
            so; an ``http(s)://host`` before it must be the same, too. Empty for anywhere.
        content_type: the media type, without parameters; empty for any.
        fields: header fields and their values, compared without case; `ANY_VALUE` for any value.
        json: conditions on the document in the body.
    """

    status: int
    location: str = ""
    content_type: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    json: tuple[JsonCondition, ...] = ()

    def __str__(self) -> str:
        return " ".join((str(self.status), *self._words()))

    def _words(self) -> Iterator[str]:
        if self.location:
            yield f"to {self.location}"
        if self.content_type:
            yield f"of type {self.content_type}"
        for name, value in self.fields:
            yield f"with {name}" if value == ANY_VALUE else f"with {name}: {value}"
        for condition in self.json:
            yield f"with JSON {condition.pointer}"
