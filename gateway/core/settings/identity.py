"""What an upstream is told of the caller: header fields of ours, filled from what was verified.

Rules:

- A field whose value is not known is left out, never empty.
- A value that a header field cannot carry plainly (beyond visible ASCII and single spaces, over 1 KiB, with
  two ``@`` in what looks like one address) is refused with 403: an upstream could take it for another one.
- Lists are joined by commas; so no item may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.access_errors import CallerNotAllowed
from gateway.core.caller import Caller

_LONGEST: Final = 1024
_PLAIN: Final = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_PLACE: Final = re.compile(r"\{caller\.(id|way|scope|claims\.[^{}]+)\}")


class BadTemplate(ValueError):
    """A template holds something other than text and known places; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class IdentityField:
    """A header field: texts and the places between them, ``("id", " of ", "claims.tenant")``-like.

    Attributes:
        parts: pairs of a text and the place after it; the last place may be empty.
    """

    name: str
    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, template: str) -> IdentityField:
        """Read a template.

        Raises:
            BadTemplate: it names nothing, or something unknown.
        """
        pieces = _PLACE.split(template)
        if any("{" in text or "}" in text for text in pieces[::2]):
            raise BadTemplate("expected {caller.id}, {caller.way}, {caller.scope} or {caller.claims.NAME}")
        if len(pieces) == 1:
            raise BadTemplate("names nothing of the caller: write {caller.id}, or use headers.request.set")
        return cls(name, tuple(zip(pieces[::2], (*pieces[1::2], ""), strict=True)))

    def line(self, caller: Caller) -> bytes | None:
        """Return ``Name: value`` for a caller, or None if something in it is not known.

        Raises:
            CallerNotAllowed: the value cannot be passed on.
        """
        out: list[str] = []
        for text, place in self.parts:
            found = _value(caller, place) if place else ""
            if found is None:
                return None
            out += (text, found)
        value = "".join(out)
        if not value:
            return None
        if len(value) > _LONGEST or not _PLAIN.fullmatch(value) or value.count("@") > 1:
            raise CallerNotAllowed(f"what is known of the caller does not fit into {self.name}")
        return f"{self.name}: {value}".encode("ascii")


def identity_lines(fields: Sequence[IdentityField], caller: Caller) -> tuple[bytes, ...]:
    """Return the fields that tell an upstream who calls.

    Raises:
        CallerNotAllowed: a value cannot be passed on.
    """
    return tuple(_lines(fields, caller))


def _lines(fields: Sequence[IdentityField], caller: Caller) -> Iterator[bytes]:
    for field in fields:
        line = field.line(caller)
        if line is not None:
            yield line


def _value(caller: Caller, place: str) -> str | None:
    match place:
        case "id":
            return caller.id
        case "way":
            return caller.way
        case "scope":
            return " ".join(sorted(caller.scope)) or None
        case _:
            return _text(caller.claims.get(place.removeprefix("claims.")))


def _text(claim: object) -> str | None:
    match claim:
        case bool():
            return "true" if claim else "false"
        case int():
            return str(claim)
        case str():
            return claim or None
        case list() if claim:
            return _joined(claim)
        case _:
            return None


def _joined(items: list[object]) -> str:
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items) or any("," in text or not text for text in texts):
        raise CallerNotAllowed("a list that is known of the caller does not fit into a header field")
    return ",".join(texts)
