"""The file of user names and passwords that ``htpasswd`` writes: one ``name:hash`` a line.

Rules:

- Only bcrypt (``htpasswd -B``) and argon2id are taken. MD5, SHA-1, crypt and plain text are guessed too fast:
  such a line matches nobody, and is a flaw that `gateway check` reports.
- What a hash costs is bounded: it is paid for each password that is tried.
- Of several lines with the same name the first counts, as in Apache; the others are flaws.
- A flaw names a line, never its content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

_MOST_LINES: Final = 100_000
_LONGEST_NAME: Final = 255
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_COSTS: Final = range(4, 15)
"""One more doubles the work: 14 takes about a second."""
_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{16,88}"
)
_MOST_MEMORY_KIB: Final = 256 * 1024
_MOST_PASSES: Final = 16
_MOST_LANES: Final = 16
_TAKEN: Final = "bcrypt (htpasswd -B) and argon2id are taken"


class HashKind(Enum):
    """How a password is hashed; the value is the module that verifies it."""

    BCRYPT = "bcrypt"
    ARGON2ID = "argon2"


LIBRARIES: Final = {HashKind.BCRYPT: "bcrypt", HashKind.ARGON2ID: "argon2-cffi"}
"""What to install for each."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is known of a user's password."""

    kind: HashKind
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LineFlaw:
    """A line that matches nobody, and why."""

    line: int
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words}"


@dataclass(frozen=True, slots=True)
class Users:
    """The content of a file.

    Attributes:
        by_name: the users who can be verified.
        flaws: the lines that are of no use.
    """

    by_name: Mapping[str, PasswordHash]
    flaws: tuple[LineFlaw, ...] = ()

    def kinds(self) -> tuple[HashKind, ...]:
        """Return the kinds of hashes in use."""
        used = {each.kind for each in self.by_name.values()}
        return tuple(kind for kind in HashKind if kind in used)


class BadUsers(ValueError):
    """The file cannot be used at all; the message says why."""


def read_users(text: str) -> Users:
    """Read a file.

    Raises:
        BadUsers: it has too many lines.
    """
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise BadUsers(f"has more than {_MOST_LINES} lines")
    users: dict[str, PasswordHash] = {}
    flaws: list[LineFlaw] = []
    for number, line in enumerate(lines, start=1):
        content = line.rstrip("\r \t")
        if not content or content.startswith("#"):
            continue
        name, _, hashed = content.partition(":")
        read = _flaw_in_name(name, users) or _hash(hashed)
        if isinstance(read, str):
            flaws.append(LineFlaw(number, read))
        else:
            users[name] = read
    return Users(users, tuple(flaws))


def user_and_password(decoded: bytes) -> tuple[str, bytes] | None:
    """Take decoded credentials apart; None if they are none (RFC 7617 section 2)."""
    name, colon, password = decoded.partition(b":")
    if not colon or b"\0" in password:
        return None
    try:
        user = name.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return user, password


def _flaw_in_name(name: str, users: Mapping[str, PasswordHash]) -> str | None:
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        return f"expected name:hash, with a name of 1 to {_LONGEST_NAME} characters"
    return (
        "this user has a line already, and the first one counts: remove one of them"
        if name in users
        else None
    )


def _hash(text: str) -> PasswordHash | str:
    if found := _BCRYPT.fullmatch(text):
        is_costly = int(found[1]) not in _COSTS
        words = f"the cost of bcrypt is to be {_COSTS.start} to {_COSTS.stop - 1}"
        return words if is_costly else PasswordHash(HashKind.BCRYPT, text)
    if found := _ARGON2ID.fullmatch(text):
        memory_kib, passes, lanes = map(int, found.groups())
        is_fine = (
            8 * lanes <= memory_kib <= _MOST_MEMORY_KIB
            and 1 <= passes <= _MOST_PASSES
            and 1 <= lanes <= _MOST_LANES
        )
        words = f"argon2id is to take at most 256 MiB, {_MOST_PASSES} passes and {_MOST_LANES} lanes"
        return PasswordHash(HashKind.ARGON2ID, text) if is_fine else words
    return f"{_other_kind(text)}: write it anew; {_TAKEN}"


def _other_kind(text: str) -> str:
    return next(
        (words for start, words in _OTHERS if text.startswith(start)), "the hash is no bcrypt or argon2id"
    )


_OTHERS: Final = (
    ("$apr1$", "an MD5 hash is guessed too fast"),
    ("$1$", "an MD5 hash is guessed too fast"),
    ("{SHA}", "an SHA-1 hash without salt is guessed too fast"),
    ("{SSHA}", "an SHA-1 hash is guessed too fast"),
    ("$5$", "a SHA-256 crypt hash is not taken"),
    ("$6$", "a SHA-512 crypt hash is not taken"),
    ("$argon2", "this is not argon2id in version 19 with a salt and a hash"),
    ("$2", "this is not a complete bcrypt hash"),
)


def flaws_of(users: Users, shown: int = 10) -> Iterator[str]:
    """Yield the flaws as text, and how many more there are beyond `shown`."""
    yield from map(str, users.flaws[:shown])
    if len(users.flaws) > shown:
        yield f"{len(users.flaws) - shown} more lines are of no use"
