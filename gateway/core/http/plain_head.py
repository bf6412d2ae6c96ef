"""Heads that have one reading, for every parser: recognised and taken apart without one.

A second reader of heads is what smuggling lives on, so this one refuses whatever two parsers could read
differently, and the parser reads it. Plain is a head that

- is whole, and holds visible ASCII, single blanks and ``CR LF`` alone (RFC 9112 sections 2.2 and 5);
- has fields of the form ``Name: value`` only, without a blank before or behind the value;
- has only names that the parser met before, in this very spelling: so they are names;
- repeats no field that may stand there once, as aiohttp's parser and llhttp have it.

What a plain head is taken for is what the parser would have made of it, byte for byte; tests compare both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.core.http.fields import FieldNames

_VISIBLE: Final = bytes(range(0x20, 0x7F))
_LINE_ENDS: Final = tuple(b"\r\n" * count for count in range(130))
# Fields that aiohttp's parser refuses where they stand twice, beyond those that are decided on.
_SINGLE: Final = frozenset(
    {
        b"content-location",
        b"content-range",
        b"content-type",
        b"etag",
        b"server",
        b"user-agent",
    }
)


class PlainFieldNames(FieldNames):
    """Field names, and which of those that were met may stand in a plain head.

    `plain` are the special names that may.
    """

    def __init__(
        self,
        special: frozenset[bytes],
        plain: frozenset[bytes],
        prefix: bytes = b"\0",
        noted: frozenset[bytes] = frozenset(),
    ) -> None:
        super().__init__(special, prefix, noted)
        self._plain = plain | noted
        self._passing: set[bytes] = set()
        self._single: dict[bytes, bytes] = {}
        self._decided: dict[bytes, bytes] = {}

    def start(self, name: bytes) -> bytes:
        """Return ``Name: `` for a field that passes, nothing for a special one, and remember the name."""
        start = super().start(name)
        if name not in self.known:
            return start
        if len(self.known) == 1:  # what was known before was forgotten, or there was nothing
            self._passing.clear()
            self._single.clear()
            self._decided.clear()
        key = name.lower()
        if not start:
            if key in self._plain:
                self._decided[name] = key
        elif key in _SINGLE:
            self._single[name] = key
        else:
            self._passing.add(name)
        return start

    def sort_plain(self, fields: Iterable[bytes]) -> tuple[list[bytes], dict[bytes, bytes]] | None:
        """Sort the lines of a plain head as `sort` sorts its fields; None where they are not plain."""
        passing, decided, noted = self._passing, self._decided, self._noted
        lines: list[bytes] = []
        special: dict[bytes, bytes] = {}
        once: list[bytes] = []
        for field in fields:
            name, colon, value = field.partition(b": ")
            if not colon:
                return None
            if name in passing:
                lines.append(field)
                continue
            key = decided.get(name)
            if key is not None:
                if key in special:
                    return None
                special[key] = value
                if key in noted:
                    lines.append(field)
                continue
            key = self._single.get(name)
            if key is None or key in once:
                return None
            once.append(key)
            lines.append(field)
        return lines, special


def plain_lines(head: bytes) -> list[bytes] | None:
    """Split a whole head, with the empty line at its end, into its lines; None where it is not plain."""
    lines = head.split(b"\r\n")
    count = len(lines) - 1
    if (
        not 2 < count < len(_LINE_ENDS)
        or head.translate(None, _VISIBLE) != _LINE_ENDS[count]
        or b":  " in head
        or b" \r\n" in head
        or lines.pop()
        or lines.pop()
    ):
        return None
    return lines
