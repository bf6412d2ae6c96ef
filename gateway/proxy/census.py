"""How many connections callers hold, how many they may hold, and how many were refused.

Rules: all listeners share one count. A connection counts from the moment it is accepted until it is closed,
including its TLS handshake and its lingering. Every refusal is counted; the log reports them once a minute.
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
    """The limit that a refused connection would exceed."""

    CONNECTIONS = "connections"
    DESCRIPTORS = "descriptors"
    MEMORY = "memory"


_TEXTS: Final = {
    Excess.CONNECTIONS: "connections are refused: callers hold as many as limits.connections allows (%d)",
    Excess.DESCRIPTORS: "no further connections can be opened: the process is out of file descriptors "
    "(callers hold %d connections); raise LimitNOFILE or ulimit -n, or lower limits.connections",
    Excess.MEMORY: "the connections that have been stuck longest are closed: the buffers of all exceed "
    "limits.buffers (callers hold %d connections)",
}


class Census:
    """The connections of all callers.

    Args:
        comes: called for each connection that is accepted.

    Attributes:
        most: how many may be open.
        open: how many are open.
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
        """Count a connection, unless the limit is reached; return whether it was counted."""
        if self.open >= self.most:
            return False
        self.open += 1
        self._comes()
        return True

    def leave(self) -> None:
        """Stop counting a connection."""
        self.open -= 1

    def refuse(self, reason: Excess, now_s: float) -> None:
        """Count a refused connection, and log it."""
        self.refused[reason] += 1
        self.tell(reason, now_s)

    def tell(self, reason: Excess, now_s: float) -> None:
        """Log the limit that is reached, at most once every `TELL_EVERY_S`."""
        if now_s - self._told_at_s[reason] >= TELL_EVERY_S:
            self._told_at_s[reason] = now_s
            log.warning(_TEXTS[reason], self.open)
