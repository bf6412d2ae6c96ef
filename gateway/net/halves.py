"""Look-ups of each family of addresses for itself, beside a look-up of both that takes long.

`getaddrinfo` waits for the answers to both questions, however long one of them takes, and does not tell what
it knows meanwhile. Some name servers never answer the one about IPv6. So each family is asked for by itself,
once that shows, and again whenever the name is to be renewed while nothing has come of the whole.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from gateway.core.resolution import HALVES_S, Finding, Ip
from gateway.net.lookups import LookUps

_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


class Halves:
    """Those of one name.

    Args:
        found: told of the addresses of one family, while the look-up of both goes on.

    Attributes:
        found_v6: the families that were found since it began; True is IPv6.
    """

    def __init__(self, host: str, look_ups: LookUps, found: Callable[[Sequence[Ip]], None]) -> None:
        self._host = host
        self._look_ups = look_ups
        self._found = found
        self._timer: asyncio.TimerHandle | None = None
        self._is_on = False
        self._asked: set[int] = set()
        self.found_v6: set[bool] = set()

    def __repr__(self) -> str:
        return f"<Halves of {self._host}: {len(self._asked)} asked>"

    def begin(self) -> None:
        """Ask soon, unless the look-up of both ends before."""
        self._is_on = True
        self.found_v6.clear()
        self._timer = asyncio.get_running_loop().call_later(HALVES_S, self.ask)

    def ask(self) -> None:
        """Ask for each family that is not being asked for."""
        for family in _FAMILIES:
            if family not in self._asked:
                self._asked.add(family)
                self._look_ups.run(self._host, partial(self._landed, family), is_slow=True, family=family)

    def end(self) -> None:
        """Note that the look-up of both has ended."""
        self._is_on = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _landed(self, family: int, finding: Finding) -> None:
        self._asked.discard(family)
        if self._is_on and finding.addresses:
            self.found_v6.add(family == socket.AF_INET6)
            self._found(finding.addresses)
