"""Shorten lists that another server wrote, so that they can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SHOWN_WORDS: Final = 8


def some_of(words: Sequence[str], between: str = ", ", most: int = SHOWN_WORDS) -> str:
    """Return the first of `words`, and how many more there are."""
    shown = between.join(words[:most])
    return f"{shown} (and {len(words) - most} more)" if len(words) > most else shown
