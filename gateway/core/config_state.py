"""How the configuration of a running gateway stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigState:
    """How the configuration stands; no value of it is shown.

    Attributes:
        sha256, loaded_at_s: of the one in use; seconds since 1970.
        attempts: reloads that are over, whatever came of them.
        attempted_at_s: when the last of them was over, or None.
        problems: why the last one changed nothing; empty if it did, or if there was none.
        warnings: what it found that is probably not intended.
        status: the exit status of `gateway check` that fits the problems; 0: there are none.
        asks: how often a reload was asked for; several may be met by one.
        is_reloading: whether one is under way.
    """

    sha256: str
    loaded_at_s: float
    attempts: int = 0
    attempted_at_s: float | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    status: int = 0
    asks: int = 0
    is_reloading: bool = False

    @property
    def is_well(self) -> bool:
        """Whether what was loaded last is in use."""
        return not self.problems
