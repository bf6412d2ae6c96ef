"""Names for secrets that give nothing away: their place in the list, where they come from, and since when.

No digest of a secret is ever shown, not even a few digits of one. Whoever reads the log could test guesses
against it, and people choose secrets that can be guessed. A file is named by its path and the time of its
last change, an environment variable by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from gateway.core.secret import Secret

IN_PLACE = "gateway.yaml"
"""The source of a secret that is written in the configuration itself, or the beginning of it."""


class WatchedFile(Protocol):
    """A file that is read again when it is replaced; until the new content can be used, the old one is.

    Attributes:
        path: where it is.
        changed_at_s: when the content in use was last changed, in seconds since 1970.
        trouble: why the present content cannot be used, or empty.
        readings: how often it was read successfully.
    """

    @property
    def path(self) -> str:
        """As above."""

    @property
    def changed_at_s(self) -> float:
        """As above."""

    @property
    def trouble(self) -> str:
        """As above."""

    @property
    def readings(self) -> int:
        """As above."""

    def look(self) -> None:
        """Check whether it was replaced."""


@dataclass(frozen=True, slots=True)
class NamedReader:
    """A `SecretReader` that knows its source: ``file:/run/secrets/crm``, ``env:CRM_SECRET``."""

    read: Callable[[], Secret] = field(repr=False)
    source: str
    files: tuple[WatchedFile, ...] = field(default=(), repr=False)

    def __call__(self) -> Secret:
        """Read the present text."""
        return self.read()

    @property
    def is_in_place(self) -> bool:
        """Whether a part of it is written in the configuration itself."""
        return any(source.startswith(IN_PLACE) for source in self.source.split(" + "))


@dataclass(frozen=True, slots=True)
class SecretName:
    """The name of a secret.

    Attributes:
        number: its place in the list, from 1.
        of: the length of the list.
        changed_at_s: when its file was last changed, in seconds since 1970; None if it comes from no file.
    """

    number: int
    of: int
    source: str
    changed_at_s: float | None = None

    @property
    def as_of(self) -> str:
        """The time of that change in UTC (RFC 3339), or empty."""
        if self.changed_at_s is None:
            return ""
        return datetime.fromtimestamp(self.changed_at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __str__(self) -> str:
        since = f" of {self.as_of}" if self.as_of else ""
        return f"secret {self.number} of {self.of} ({self.source}{since})"


def name_of(readers: Sequence[Callable[[], Secret]], number: int) -> SecretName:
    """Name the `number`-th of a client's secrets, from 0, as it is now."""
    reader, of = readers[number], len(readers)
    if not isinstance(reader, NamedReader):
        return SecretName(number + 1, of, IN_PLACE)
    changed_at_s = max((file.changed_at_s for file in reader.files), default=None)
    return SecretName(number + 1, of, reader.source, changed_at_s)
