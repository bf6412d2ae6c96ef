"""Whether the configuration has changed, where `reload: watch` asks for that.

Rules:

- Contents are compared, not time stamps: a file that is written anew as it was changes nothing. Stamps only
  say when to read, so an idle gateway costs one `stat` for each file and second, and no wake-up of its own.
- A change counts once the files have been left alone for `STABLE_S`: editors write in steps.
- Links are followed at each look: Kubernetes swaps one to replace a whole directory.
- What is compared with is what the last reload read, whatever came of it: a file that was refused is not
  read again and again, and its repair is noticed.
- A file that is a mount of its own (`subPath`) shows what was mounted for ever (`mounts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.system.regular_file import Stamps, stamps_of

STABLE_S: Final = 1.0
_ROUND_S: Final = 0.95  # of an idle gateway's sweeps, one a second, none is to be missed

Contents = Mapping[str, str]
"""Digests of files, by their paths."""


class ConfigWatch:
    """Asks for a reload when the contents of the watched files differ from those that were read last.

    Args:
        read: returns the contents that were read last; None: nothing is to be watched now.
        present: returns the present contents of these files; called in a thread.
        ask: asks for a reload.
    """

    def __init__(
        self,
        read: Callable[[], Contents | None],
        present: Callable[[Iterable[str]], Contents],
        ask: Callable[[], None],
    ) -> None:
        self._read = read
        self._present = present
        self._ask = ask
        self._known: Contents | None = None
        self._stamps: Stamps = ()
        self._looked_s = self._changed_s = float("-inf")
        self._is_unsure = False
        self._comparison: asyncio.Future[Contents] | None = None

    def look(self, now_s: float) -> None:
        """Look at the stamps, once a second, and compare contents once they have changed and rest."""
        if now_s - self._looked_s < _ROUND_S or self._comparison is not None:
            return
        self._looked_s = now_s
        read = self._read()
        if read is None:
            self._known = None
            return
        stamps = stamps_of(read)
        if read is not self._known or stamps != self._stamps:
            # What was read anew is compared once: it may have changed before its first look.
            self._known, self._stamps, self._changed_s, self._is_unsure = read, stamps, now_s, True
        elif self._is_unsure and now_s - self._changed_s >= STABLE_S * _ROUND_S:
            self._is_unsure = False
            self._compare(read)

    def _compare(self, read: Contents) -> None:
        loop = asyncio.get_running_loop()
        self._comparison = loop.run_in_executor(None, self._present, tuple(read))
        self._comparison.add_done_callback(lambda done: self._compared(read, done))

    def _compared(self, read: Contents, done: asyncio.Future[Contents]) -> None:
        self._comparison = None
        if (
            not done.cancelled()
            and done.exception() is None
            and done.result() != read
            and self._read() is read
        ):
            self._ask()
