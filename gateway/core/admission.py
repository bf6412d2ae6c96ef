"""What became of a caller at a route's gate, and what follows from it for the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.caller import Caller

Lines = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller was let in.

    Attributes:
        caller: None if the route does not ask who calls.
        request_lines: fields that tell the upstream who calls, each as ``Name: value``.
        answer_lines: fields that every response to this request has, the gateway's own included.
        leave: gives back the places that the call takes; called once, at its end.
    """

    caller: Caller | None = None
    request_lines: Lines = field(default=(), repr=False)
    answer_lines: Lines = ()
    leave: Callable[[], None] | None = None


OPEN: Final = Admission()
"""Of a route that asks nothing."""
