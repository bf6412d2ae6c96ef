"""What can be wrong with `gateway.yaml`, and where.

Rules: a mistake names a place in the tree (`Loc`), a problem a line and a column. No message contains a value
of the file, the environment or another file: any of them may be a secret. A warning is about something that
works but is probably not intended: it does not prevent a start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from gateway.core.text.plain_text import Wrong as Wrong  # noqa: PLC0414 - it is of these problems, too

Loc = tuple[str | int, ...]
LineOf = Callable[[Loc], int]
"""Finds the line of the value at a place."""


class Severity(Enum):
    """Whether the configuration can be used anyway."""

    PROBLEM = "problem"
    WARNING = "warning"


class Place(NamedTuple):
    """A position in the file; both count from 1, columns count characters."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with the key or value at `loc`.

    Attributes:
        is_about_key: whether the problem is reported at the key, not at its value.
        place: the position, if the tree does not have it, as for a duplicate key.
    """

    loc: Loc
    message: str
    is_about_key: bool = False
    place: Place | None = None
    severity: Severity = Severity.PROBLEM


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, as it is reported to the operator."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Severity = Severity.PROBLEM

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        where += "warning: " if self.severity is Severity.WARNING else ""
        return f"{where}{self.path}: {self.message}" if self.path else where + self.message


class ConfigError(Exception):
    """The configuration is refused; `problems` has every reason and every warning, sorted by position."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems by position, and drop duplicates."""
    return tuple(sorted(dict.fromkeys(problems), key=_position))


def _position(problem: Problem) -> tuple[int, int, str, str]:
    return problem.line, problem.column, problem.path, problem.message


class ConfigUnreadable(Exception):
    """The file itself cannot be read; the message is one line with its name."""


class BadText(Exception):
    """The text is no YAML document, so nothing else in it can be checked."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def counted(problems: Iterable[Problem], others: int = 0) -> str:
    """Count problems and warnings: ``3 problems, 1 warning``; `others` are additional problems."""
    severities = [problem.severity for problem in problems] + [Severity.PROBLEM] * others
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(plural(count, word) for count, word in counts if count)


def any_of(words: Sequence[str]) -> str:
    """Write alternatives: ``a, b or c``."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plural(count: int, word: str) -> str:
    """Write a count and its noun."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def dotted(loc: Loc) -> str:
    """Write a place as a path: ``routes[0].headers.request.set.X-Tenant``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in loc)
    return text.removeprefix(".")


def _printable(key: str) -> str:
    """Return a key of the file as one line of bounded length."""
    short = (key if len(key) <= 64 else key[:61] + "...") or '""'
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")
