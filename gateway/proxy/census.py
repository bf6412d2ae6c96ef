"""How many connections callers hold, how many they may, and what was refused beyond that.

Rules: one count for all listeners, from the moment when a connection is accepted to its last, a TLS handshake
and lingering included; refusals are counted each, and told once a minute.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final

log: Final = logging.getLogger("gateway.connections")

TELL_EVERY_S: Final = 60.0
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Excess(Enum):
    """What there would be too much of."""

    CONNECTIONS = "connections"
    DESCRIPTORS = "descriptors"
    MEMORY = "memory"


_TEXTS: Final = {
    Excess.CONNECTIONS: "connections are refused: callers hold as many as limits.connections allows (%d)",
    Excess.DESCRIPTORS: "there is no room for further connections: the process is out of file "
    "descriptors (callers hold %d connections); raise LimitNOFILE or ulimit -n, or lower limits.connections",
    Excess.MEMORY: "connections that wait longest for their callers are closed: what all hold in buffers "
    "exceeds limits.buffers (callers hold %d connections)",
}


class Census:
    """The connections of all callers.

    Args:
        comes: called when one comes while there is none.

    Attributes:
        most, open: how many there may be, and are.
        refused: how many were refused or closed, by reason.
    """

    __slots__ = ("_comes", "_told_at_s", "most", "open", "refused")

    def __init__(self, most: int, comes: Callable[[], None] = lambda: None) -> None:
        self._comes = comes
        self.most = most
        self.open = 0
        self.refused = dict.fromkeys(Excess, 0)
        self._told_at_s = dict.fromkeys(Excess, -inf)

    def enter(self) -> bool:
        """Count a connection, unless there are as many as there may be."""
        if self.open >= self.most:
            return False
        self.open += 1
        if self.open == 1:
            self._comes()
        return True

    def leave(self) -> None:
        """Count a connection no longer."""
        self.open -= 1

    def refuse(self, reason: Excess, now_s: float) -> None:
        """Count a connection that is not served, and tell of it."""
        self.refused[reason] += 1
        self.tell(reason, now_s)

    def tell(self, reason: Excess, now_s: float) -> None:
        """Tell what there is too much of, unless that was told a moment ago."""
        if now_s - self._told_at_s[reason] >= TELL_EVERY_S:
            self._told_at_s[reason] = now_s
            log.warning(_TEXTS[reason], self.open)
