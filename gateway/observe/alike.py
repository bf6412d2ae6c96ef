"""What happens to many clients at once, told in few lines: the first few, then how many more there were.

Rules: what is alike is told `MOST_TOLD` times in `EVERY_S`; the rest is summed up in one line when that is
over, with some of the clients and their number. Nothing is kept beyond that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from gateway.core.client_settings import ClientName

MOST_TOLD: Final = 3
EVERY_S: Final = 10.0

SumUp = Callable[[tuple[ClientName, ...]], None]
CallLater = Callable[..., object]
"""The event loop's: delay, callback, its arguments."""


@dataclass(slots=True)
class _Window:
    sum_up: SumUp
    told: set[ClientName] = field(default_factory=set)
    untold: dict[ClientName, None] = field(default_factory=dict)


class Alike:
    """Decides what is told one by one; without `call_later` that is everything."""

    def __init__(self, call_later: CallLater | None = None) -> None:
        self._call_later = call_later
        self._windows: dict[Hashable, _Window] = {}

    def is_told(self, what: Hashable, client: ClientName, sum_up: SumUp) -> bool:
        """Whether it is told that `what` happened to `client`; if not, `sum_up` is, of all such clients."""
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
