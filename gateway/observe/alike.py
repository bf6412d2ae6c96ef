"""Events that many clients meet alike, logged in few lines: the first few, then a summary of the rest.

Rules: of events that are alike, `MOST_TOLD` are logged one by one within `EVERY_S`. At the end of that time
one line sums up the rest: how many clients, and some of their names. Nothing is kept beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.settings.client_settings import ClientName

MOST_TOLD: Final = 3
EVERY_S: Final = 10.0

SumUp = Callable[[tuple[ClientName, ...]], None]
CallLater = Callable[..., object]
"""The event loop's `call_later`: a delay, a callback, and its arguments."""


@dataclass(slots=True)
class _Window:
    sum_up: SumUp
    told: set[ClientName] = field(default_factory=set)
    untold: dict[ClientName, None] = field(default_factory=dict)


class Alike:
    """Decides what is logged one by one: everything, without `call_later`."""

    def __init__(self, call_later: CallLater | None = None) -> None:
        self._call_later = call_later
        self._windows: dict[Hashable, _Window] = {}

    def is_told(self, what: Hashable, client: ClientName, sum_up: SumUp) -> bool:
        """Whether to log that `what` happened to `client`; if not, `sum_up` gets all such clients."""
        if self._call_later is None:
            return True
        window = self._windows.get(what)
        if window is None:
            window = self._windows[what] = _Window(sum_up)
            self._call_later(EVERY_S, self._end, what)
        if len(window.told) < MOST_TOLD:
            window.told.add(client)
            return True
        if client not in window.told:
            window.untold[client] = None
        return False

    def _end(self, what: Hashable) -> None:
        window = self._windows.pop(what)
        if window.untold:
            window.sum_up(tuple(window.untold))
