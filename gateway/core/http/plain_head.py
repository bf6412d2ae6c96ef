"""Plain heads: those that every parser reads in the same way, read here without a parser.

Request smuggling thrives on a second reader of heads. So this one declines whatever two parsers might read
differently, and leaves it to the parser. A plain head

- is complete, and consists of visible ASCII, single spaces and ``CR LF`` (RFC 9112 sections 2.2 and 5);
- has only fields of the form ``Name: value``, without white space before or after the value;
- has only names that the parser has seen before in exactly this spelling, so they are valid names;
- does not repeat a field that aiohttp's parser or llhttp allows only once.

A plain head is read exactly as the parser would have read it, byte for byte; tests compare the two. So the
same bytes have the same reading again, whatever the reader knows by then: connections keep the last one.
"""

from __future__ import annotations

from typing import Final

from gateway.core.http.fields import FieldNames
from gateway.core.settings.sizes import KIB

KEPT_BYTES: Final = 2 * KIB
"""The longest block of fields that an idle connection keeps."""
_VISIBLE: Final = bytes(range(0x20, 0x7F))
_LINE_ENDS: Final = tuple(b"\r\n" * count for count in range(130))
# Fields that aiohttp's parser refuses if repeated, beyond the special ones.
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
    """Field names, and which of those seen so far may occur in a plain head.

    `plain` names the special fields that may.
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
        """Return ``Name: `` for a field that passes, or an empty value for a special one, and remember it."""
        start = super().start(name)
        if name not in self.known:
            return start
        if len(self.known) == 1:  # the names known before were forgotten, or there were none
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

    def sort_plain(self, fields: list[bytes]) -> tuple[list[bytes], dict[bytes, bytes]] | None:
        """Sort the lines of a plain head as `sort` sorts its fields; None if they are not plain."""
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
    """Split a complete head, with the empty line at its end, into lines; None if it is not plain."""
    lines = head.split(b"\r\n")
    count = len(lines) - 1
    if (
        not 2 < count < len(_LINE_ENDS)
        or head.translate(None, _VISIBLE) != _LINE_ENDS[count]
        or head.find(b":  ") >= 0  # `in` takes four times as long: it first asks whether this is a number
        or head.find(b" \r\n") >= 0
        or lines.pop()
        or lines.pop()
    ):
        return None
    return lines
