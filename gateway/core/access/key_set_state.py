"""How the keys of an issuer stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeySetState:
    """What may be shown of a key set.

    Attributes:
        age_s: since the keys were fetched; None if they never were.
        trouble: why the last fetch failed, or empty.
        unknown: how many tokens named a key that is not in the set.
    """

    keys: tuple[str, ...]
    age_s: float | None
    fetches: int
    unknown: int
    trouble: str
