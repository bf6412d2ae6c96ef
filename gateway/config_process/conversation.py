"""What the gateway and the process that reads its configuration say to each other: a request and a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.config_place import ConfigPlace
from gateway.core.config_state import Reading


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be read.

    Attributes:
        environ: the variables that ``${env:NAME}`` refers to.
        patience_s: after that time the process ends itself, whether the gateway still lives or not.
    """

    place: ConfigPlace
    environ: Mapping[str, str] = field(repr=False)
    patience_s: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """The reader of the configuration failed; `traceback` is for the log."""

    traceback: str


Result = Reading | Crashed
