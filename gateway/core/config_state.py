"""A configuration as it was read, and how that of a running gateway stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.settings.all_settings import Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration as it was read.

    Attributes:
        settings: None: it cannot be used.
        problems: why, each as a line with its place.
        warnings: what is probably not intended, likewise.
        status: the exit status of a command that cannot use it.
        sha256: of the file, in hexadecimal; empty where it could not be read, or where it holds a secret in
            plain text, which a digest would let people guess.
        file: its name, for problems that do not say it.
        contents: digests of the files that decide how it reads.
    """

    settings: Settings | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    status: int = 0
    sha256: str = ""
    file: str = ""
    contents: Mapping[str, str] = field(default_factory=dict, repr=False)


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
