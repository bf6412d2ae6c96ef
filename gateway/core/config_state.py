"""The state of a running gateway's configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigState:
    """Which configuration is in use, and how the last reload went; contains no value of either.

    Attributes:
        sha256, loaded_at_s: of the configuration in use; seconds since 1970.
        attempts: how many reloads have finished, successfully or not.
        attempted_at_s: when the last one finished, or None.
        problems: why the last one changed nothing; empty if it succeeded, or if there was none.
        warnings: what it found that is probably not intended.
        status: the exit status of `gateway check` for these problems; 0 without any.
        asks: how often a reload was requested; one reload may serve several requests.
        is_reloading: a reload is in progress.
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
        """Whether the configuration that was read last is in use."""
        return not self.problems
