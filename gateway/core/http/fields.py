"""Header fields as bytes: sorted into those that pass and those that are decided on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_NAMES_KEPT: Final = 512
_NAME_BYTES_KEPT: Final = 64
_FOLDED: Final = bytes(
    ord(chr(byte).lower()) if chr(byte).isalnum() and byte < 0x80 else ord("-") for byte in range(0x100)
)


class FieldNames:
    """Sorts fields by name, and remembers what it knows of a name (bounded).

    A name is special if, folded, it is in `special` or begins with `prefix`. What only looks like such a name
    is dropped: nobody decides by it. A name in `noted` is special, too, and passes nevertheless.

    Attributes:
        known: name as received -> what `start` gives for it.
        keys: special name as received -> in lower case.
    """

    def __init__(
        self, special: frozenset[bytes], prefix: bytes = b"\0", noted: frozenset[bytes] = frozenset()
    ) -> None:
        self._special = special | noted
        self._noted = noted
        self._prefix = prefix
        self.known: dict[bytes, bytes] = {}
        self.keys: dict[bytes, bytes] = {}

    def sort(self, fields: Iterable[tuple[bytes, bytes]]) -> tuple[list[bytes], dict[bytes, bytes]]:
        """Give (lines that pass, special fields by lower-case name; repeated ones joined by a comma)."""
        known, keys, noted = self.known, self.keys, self._noted
        lines: list[bytes] = []
        special: dict[bytes, bytes] = {}
        for name, value in fields:
            start = known.get(name)
            if start is None:
                start = self.start(name)
            if start:
                lines.append(start + value)
            else:
                key = keys.get(name) or name.lower()
                special[key] = value if key not in special else special[key] + b", " + value
                if noted and key in noted:
                    lines.append(name + b": " + value)
        return lines, special

    def start(self, name: bytes) -> bytes:
        """Give ``Name: `` for a field that passes, nothing for a special one."""
        start = b"" if self.is_special(name) else name + b": "
        if len(name) <= _NAME_BYTES_KEPT:
            if len(self.known) >= _NAMES_KEPT:
                self.known.clear()
                self.keys.clear()
            self.known[name] = start
            if not start:
                self.keys[name] = name.lower()
        return start

    def is_special(self, name: bytes) -> bool:
        """Tell whether a field of this name may not pass as it is."""
        key = folded(name)
        return key in self._special or key.startswith(self._prefix)


def options(value: bytes) -> frozenset[bytes]:
    """Give the elements of a comma-separated list in lower case (RFC 9110 section 5.6.1)."""
    return frozenset(part.strip(b" \t").lower() for part in value.split(b",")) - {b""}


def without(lines: Iterable[bytes], names: frozenset[bytes]) -> list[bytes]:
    """Give the lines whose name, folded, is not in `names`."""
    return [line for line in lines if folded(line.partition(b":")[0]) not in names]


def folded(name: bytes) -> bytes:
    """Give a name as servers confuse it: lower case, a hyphen for all that is neither letter nor digit.

    CGI and WSGI take hyphens for underscores, PHP dots too, and some do so with a dozen more.
    """
    return name.translate(_FOLDED)


def line(name: str, value: str) -> bytes:
    """Make ``Name: value`` of settings that `config` has checked."""
    return f"{name}: {value}".encode("latin-1")
