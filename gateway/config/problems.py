"""What can be wrong with `gateway.yaml`, and where.

Rules: a finding names a place in the tree (`Loc`); a problem names a line and a column. No message carries
a value of the file, of the environment or of another file: any of them may be a secret. A warning is about
what works, yet is seldom meant: it keeps nothing from starting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Loc = tuple[str | int, ...]
LineOf = Callable[[Loc], int]
"""Finds the line where a value stands."""


class Severity(Enum):
    """Whether the configuration can be used nevertheless."""

    PROBLEM = "problem"
    WARNING = "warning"


class Place(NamedTuple):
    """Where something stands in the file; both count from 1, columns count characters."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with the key or value at `loc`.

    Attributes:
        is_about_key: the problem stands where the key does, not where its value does.
        place: known already where the tree does not hold it: of a key that stands twice.
    """

    loc: Loc
    message: str
    is_about_key: bool = False
    place: Place | None = None
    severity: Severity = Severity.PROBLEM


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, as the operator sees it."""

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
    """The configuration is refused; `problems` holds every reason, and every warning, sorted by position."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort them by position, each once."""
    return tuple(sorted(dict.fromkeys(problems), key=_position))


def _position(problem: Problem) -> tuple[int, int, str, str]:
    return problem.line, problem.column, problem.path, problem.message


class ConfigUnreadable(Exception):
    """The file itself cannot be read; the message is one line that names it."""


class Wrong(ValueError):
    """A value cannot be taken; the message says in plain words what was expected, and shows no value."""


class BadText(Exception):
    """The text is no YAML document that could be looked into any further."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def counted(problems: Iterable[Problem], others: int = 0) -> str:
    """Say how many there are: ``3 problems, 1 warning``; `others` are problems too."""
    severities = [problem.severity for problem in problems] + [Severity.PROBLEM] * others
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    return ", ".join(plural(count, word) for count, word in counts if count)


def plural(count: int, word: str) -> str:
    """Write a count with its word."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def dotted(loc: Loc) -> str:
    """Write a place as the operator reads it: ``routes[0].headers.request.set.X-Tenant``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in loc)
    return text.removeprefix(".")


def _printable(key: str) -> str:
    """Keys come from the file: one line, of a bounded length."""
    short = (key if len(key) <= 64 else key[:61] + "...") or '""'
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")
