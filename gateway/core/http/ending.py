"""How long a closing connection waits for its caller.

The response should arrive: as long as the caller reads at a reasonable pace, nothing is cut off. Once it has
read everything, a caller that is still sending gets a moment to notice; what it sends is discarded
(RFC 9112 section 9.6).
"""

from __future__ import annotations

from typing import Final

from gateway.core.settings.sizes import KIB

STALL_S: Final = 30.0  # without reading anything
PACE_BYTES_PER_S: Final = 4 * KIB  # on average, after the first `STALL_S`
LINGER_S: Final = 2.0  # of silence
LINGER_MOST_S: Final = 30.0  # as nginx's lingering_time


class Ending:
    """The closing of one connection.

    Attributes:
        is_taken: whether the caller has read everything.
    """

    __slots__ = ("_most_s", "_moved_at_s", "_taken_at_s", "_unsent_bytes", "is_taken")

    def __init__(self, now_s: float, unsent_bytes: int) -> None:
        self._moved_at_s = now_s
        self._most_s = now_s + STALL_S + unsent_bytes / PACE_BYTES_PER_S
        self._unsent_bytes = unsent_bytes
        self._taken_at_s = now_s
        self.is_taken = False

    def is_over(self, now_s: float, unsent_bytes: int, heard_at_s: float) -> bool:
        """Whether to stop waiting for the caller.

        Args:
            now_s: monotonic.
            unsent_bytes: what the caller has not read yet.
            heard_at_s: when the caller last sent anything, monotonic.
        """
        if self.is_taken:
            is_silent = now_s - max(self._taken_at_s, heard_at_s) >= LINGER_S
            return is_silent or now_s - self._taken_at_s >= LINGER_MOST_S
        if not unsent_bytes:
            self.is_taken, self._taken_at_s = True, now_s
            return False
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._moved_at_s = unsent_bytes, now_s
        return now_s - self._moved_at_s >= STALL_S or now_s >= self._most_s
