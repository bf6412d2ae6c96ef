"""What is odd about a secret, without showing a character of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_UNFILLED: Final = re.compile(r"\$\{?[A-Z_][A-Z0-9_]{2,}\}?|\{\{.*\}\}|%[A-Z_][A-Z0-9_]{2,}%", re.DOTALL)
"""What shells, charts and Windows would replace; not ``$name``, with which a password may begin."""
_QUOTES: Final = "'\"`"


def is_unfilled(text: str) -> bool:
    """Whether a text is a reference, in another notation, that was never replaced."""
    return _UNFILLED.fullmatch(text) is not None


def oddities(secret: str) -> Iterator[str]:
    """Yield what is seldom intended, each time with the length of the secret."""
    for odd in _odd(secret):
        yield f"{odd} ({length(secret)} in all)"


def length(text: str) -> str:
    """Return the length of a text, in words."""
    return "1 character" if len(text) == 1 else f"{len(text)} characters"


def _odd(secret: str) -> Iterator[str]:
    if secret != secret.lstrip():
        yield "begins with white space"
    if secret != secret.rstrip():
        yield "ends with white space"
    if len(secret) > 1 and secret[0] == secret[-1] and secret[0] in _QUOTES:
        yield "is in quotes, which count as part of it"
    if is_unfilled(secret):
        yield "looks like a reference that was never replaced"
