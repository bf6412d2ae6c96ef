"""Misspelled words: which known word was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def close_to(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant."""
    return next(iter(get_close_matches(word, list(known), n=1)), None)
