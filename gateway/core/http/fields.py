"""Header fields as bytes, sorted into those that pass and those that need a decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_NAMES_KEPT: Final = 512
_NAME_BYTES_KEPT: Final = 64
_FOLDED: Final = bytes(
    ord(chr(byte).lower()) if chr(byte).isalnum() and byte < 0x80 else ord("-") for byte in range(0x100)
)


class FieldNames:
    """Sorts fields by name, and remembers the names it has seen (bounded).

    A name is special if, folded, it is in `special` or begins with `prefix`. A name that only looks like one
    of those is dropped, since no decision depends on it. A name in `noted` is special too, but passes.

    Attributes:
        known: name as received -> what `start` returns for it.
        keys: special name as received -> the same in lower case.
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
        """Return the lines that pass, and the special fields by lower-case name; repeated ones are joined."""
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
        """Return ``Name: `` for a field that passes, or an empty value for a special one."""
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
        """Whether a field with this name may not pass unchanged."""
        key = folded(name)
        return key in self._special or key.startswith(self._prefix)


def options(value: bytes) -> frozenset[bytes]:
    """Return the elements of a comma-separated list in lower case (RFC 9110 section 5.6.1)."""
    return frozenset(part.strip(b" \t").lower() for part in value.split(b",")) - {b""}


def without(lines: Iterable[bytes], names: frozenset[bytes]) -> list[bytes]:
    """Return the lines whose name, folded, is not in `names`."""
    return [line for line in lines if folded(line.partition(b":")[0]) not in names]


def folded(name: bytes) -> bytes:
    """Fold a name as servers may: into lower case, with a hyphen for whatever is neither letter nor digit.

    CGI and WSGI turn hyphens into underscores, PHP dots too, and some servers a dozen other characters.
    """
    return name.translate(_FOLDED)


def line(name: str, value: str) -> bytes:
    """Format ``Name: value`` from settings that `config` has checked."""
    return f"{name}: {value}".encode("latin-1")
