"""Whose token a request gets, where that depends on who calls.

Only a verified identity selects, and only from a list in the configuration: a caller that is not on it gets
no token, unless the owner names a client for all others.
"""

from __future__ import annotations

from typing import Final

from gateway.core.caller import Caller

CLAIM: Final = "caller.claims."
SELECTORS: Final = ("caller", "caller.way")


def is_selector(text: str) -> bool:
    """Whether this names something of a caller: ``caller``, ``caller.way``, ``caller.claims.NAME``."""
    return text in SELECTORS or (text.startswith(CLAIM) and len(text) > len(CLAIM))


def selected(caller: Caller, by: str) -> str | None:
    """Return the value of `by` for a caller, or None if it has none that is a text."""
    if by == "caller":
        return caller.id
    if by == "caller.way":
        return caller.way
    claim = caller.claims.get(by.removeprefix(CLAIM))
    return claim if isinstance(claim, str) else None
