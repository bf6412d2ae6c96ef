"""The file of API keys: TOML, one table for each key, which names it by the SHA-256 of its text.

::

    [[keys]]
    id = "acme"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    scope = "crm.read"          # optional
    expires = 2027-01-01        # optional: a date, or an instant with its offset; in UTC if it has none

A slow hash would gain nothing, since `new_key` makes keys of 256 random bits, and it would cost the CPU of
whoever is asked with wrong ones. An id may have several keys, so that one can be replaced without a gap. A
table is appended to the file by whoever adds a key, hence TOML: unlike YAML's, its tables need no list
around them, and Python reads it without a library.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256
from math import inf
from typing import Final

PREFIX: Final = "gwk_"
"""Begins every key, so that scanners for leaked secrets recognise one."""
_KEYS: Final = frozenset({"id", "sha256", "scope", "expires"})
_LONGEST_ID: Final = 128
_MOST_KEYS: Final = 100_000


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in the file.

    Attributes:
        expires_at_s: seconds since 1970.
    """

    id: str
    scope: frozenset[str] = frozenset()
    expires_at_s: float = inf


class BadKeys(ValueError):
    """The file cannot be used; the message says why, and where."""


def digest_of(key: bytes) -> bytes:
    """Return what the file names a key by."""
    return sha256(key).digest()


def new_key(token_urlsafe: Callable[[int], str]) -> str:
    """Make a key of 256 random bits."""
    return PREFIX + token_urlsafe(32)


def entry_for(key: str, name: str, scope: str = "", expires: str = "") -> str:
    """Return the table to append to the file for a new key; `expires` is a TOML date.

    Raises:
        BadKeys: what would be appended could not be read.
    """
    if not _is_id(name):
        raise BadKeys(f"needs an id of 1 to {_LONGEST_ID} visible ASCII characters")
    lines = ["[[keys]]", f'id = "{name}"', f'sha256 = "{digest_of(key.encode()).hex()}"']
    lines += [f'scope = "{_plain(scope)}"'] if scope else []
    lines += [f"expires = {_date(expires)}"] if expires else []
    return "\n".join(lines) + "\n"


def _plain(scope: str) -> str:
    if not all(" " <= sign <= "~" and sign not in '"\\' for sign in scope):
        raise BadKeys('has a scope that is not words of visible ASCII without " and \\')
    return scope


def _date(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise BadKeys("has an `expires` that is not a date, as 2027-01-01") from None
    return text


def read_keys(text: str) -> Mapping[bytes, ApiKey]:
    """Return the keys by their digests.

    Raises:
        BadKeys: the text is not such a file.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadKeys(f"is not TOML: {error}") from None
    if strange := sorted(document.keys() - {"keys"}):
        raise BadKeys(f"has an unknown key {_shown(strange[0])}: expected tables named [[keys]]")
    tables = document.get("keys", [])
    if not isinstance(tables, list) or len(tables) > _MOST_KEYS:
        raise BadKeys(f"holds no list of at most {_MOST_KEYS} tables named [[keys]]")
    keys: dict[bytes, ApiKey] = {}
    for number, table in enumerate(tables, start=1):
        digest, key = _entry(table, number)
        if digest in keys:
            raise BadKeys(f"names the same key twice: keys {_number_of(keys, digest)} and {number}")
        keys[digest] = key
    return keys


def _number_of(keys: Mapping[bytes, ApiKey], digest: bytes) -> int:
    return list(keys).index(digest) + 1


def _entry(table: object, number: int) -> tuple[bytes, ApiKey]:
    def fail(words: str) -> BadKeys:
        return BadKeys(f"key {number} {words}")

    if not isinstance(table, dict):
        raise fail("is not a table")
    if strange := sorted(table.keys() - _KEYS):
        raise fail(f"has an unknown key {_shown(strange[0])}: expected {', '.join(sorted(_KEYS))}")
    name = table.get("id")
    if not isinstance(name, str) or not _is_id(name):
        raise fail(f"needs an id of 1 to {_LONGEST_ID} visible ASCII characters")
    digest = table.get("sha256")
    if not isinstance(digest, str) or not _is_digest(digest):
        raise fail("needs its sha256, of 64 hexadecimal digits: `gateway key new` prints it")
    scope = table.get("scope", "")
    if not isinstance(scope, str):
        raise fail("has a scope that is not a string of words")
    expires = table.get("expires")
    if expires is not None and not isinstance(expires, date):
        raise fail("has an `expires` that is not a date, as 2027-01-01")
    return bytes.fromhex(digest), ApiKey(name, frozenset(scope.split()), _instant_s(expires))


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and all("!" <= sign <= "~" and sign not in '"\\' for sign in text)


def _is_digest(text: str) -> bool:
    return len(text) == sha256().digest_size * 2 and all(sign in "0123456789abcdefABCDEF" for sign in text)


def _instant_s(expires: date | None) -> float:
    if expires is None:
        return inf
    moment = expires if isinstance(expires, datetime) else datetime.combine(expires, time())
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _shown(name: str) -> str:
    """A name from a file whose values are no secrets, but whose mistakes may be."""
    return name if name.isidentifier() and len(name) <= 32 else "that is no identifier"
