"""Secrets by a name that gives nothing of them away: which one of the list, where it comes from, since when.

Rules: no digest of a secret is shown anywhere, not even a few digits of one: whoever reads the log could try
guesses on it, and people choose secrets that can be guessed. Of a file, path and time of its last change say
which content is meant; of the environment, the variable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from gateway.core.secret import Secret

IN_PLACE = "gateway.yaml"
"""The source of what is written in the configuration itself."""


class WatchedFile(Protocol):
    """A file that is read again when it was replaced, and whose last good content stays in use.

    Attributes:
        path: where it is.
        changed_at_s: when what is in use was last changed, seconds since 1970.
        trouble: why what is there now cannot be used, or empty.
        readings: how often it was read with success.
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
        """Find out whether it was replaced."""


@dataclass(frozen=True, slots=True)
class NamedReader:
    """A `SecretReader` that knows where it reads: ``file:/run/secrets/crm``, ``env:CRM_SECRET``."""

    read: Callable[[], Secret] = field(repr=False)
    source: str
    files: tuple[WatchedFile, ...] = field(default=(), repr=False)

    def __call__(self) -> Secret:
        """Read it as it is now."""
        return self.read()


@dataclass(frozen=True, slots=True)
class SecretName:
    """What names a secret.

    Attributes:
        number: its place in the list, from 1.
        of: how many there are.
        changed_at_s: of its file, seconds since 1970; None where it comes from none.
    """

    number: int
    of: int
    source: str
    changed_at_s: float | None = None

    @property
    def as_of(self) -> str:
        """The instant in UTC (RFC 3339), or empty."""
        if self.changed_at_s is None:
            return ""
        return datetime.fromtimestamp(self.changed_at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __str__(self) -> str:
        since = f" of {self.as_of}" if self.as_of else ""
        return f"secret {self.number} of {self.of} ({self.source}{since})"


def name_of(readers: Sequence[Callable[[], Secret]], number: int) -> SecretName:
    """Name the `number`-th of a client's secrets, from 0, as it is read now."""
    reader, of = readers[number], len(readers)
    if not isinstance(reader, NamedReader):
        return SecretName(number + 1, of, IN_PLACE)
    changed_at_s = max((file.changed_at_s for file in reader.files), default=None)
    return SecretName(number + 1, of, reader.source, changed_at_s)
