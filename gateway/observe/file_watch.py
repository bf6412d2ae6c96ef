"""The files that the configuration names, watched while the gateway runs; each change is logged once.

A file that vanishes, or is replaced by one that cannot be used, changes nothing at first: its last good
content stays in use. But the next start may fail. So it is logged when it happens, with the key that names
the file, and again when the file is back. At each look some of the files have their turn, and all of them
within `ROUND_S`.

Rules: no content is ever logged. Whether a certificate fits its key is not judged here (`tls`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Final

from gateway.core.oauth.named_secret import WatchedFile
from gateway.system.regular_file import MISSING, MOST_PEM_BYTES, read_regular, stamp

ROUND_S: Final = 2.0

_LOGGER: Final = logging.getLogger("gateway.file")


class PemFile:
    """A certificate, a key or a CA bundle, which others read when they use it. A `WatchedFile`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.trouble = ""
        self.readings = 0
        self.changed_at_s = 0.0
        self._stamp = MISSING
        self.look()

    def look(self) -> None:
        """Find out whether it was replaced, and whether it can be read."""
        try:
            status = Path(self.path).stat()
            if self.trouble or stamp(status) != self._stamp:
                self._take(*read_regular(self.path, MOST_PEM_BYTES))
        except OSError as error:
            self.trouble = f"cannot be read: {error.strerror}"

    def _take(self, content: bytes, status: os.stat_result) -> None:
        found = stamp(status)
        if b"-----BEGIN " not in content:
            self.trouble = "holds nothing in PEM form"
            return
        self.readings += found != self._stamp
        self.trouble, self._stamp, self.changed_at_s = "", found, status.st_mtime


@dataclass(slots=True)
class Watched:
    """A file, and what has been logged about it."""

    key: str
    file: WatchedFile
    told_trouble: str = ""
    told_readings: int = 0

    def tell(self) -> None:
        """Log what is new, if anything is."""
        file = self.file
        if file.trouble and not self.told_trouble:
            words = "%s: %s %s; its last content stays in use until the next start"
            _LOGGER.warning(words, self.key, file.path, file.trouble, extra={"fields": self._fields()})
        elif not file.trouble and file.readings != self.told_readings:
            _LOGGER.info("%s: %s was read anew", self.key, file.path, extra={"fields": self._fields()})
        elif not file.trouble and self.told_trouble:
            _LOGGER.info("%s: %s is back", self.key, file.path, extra={"fields": self._fields()})
        self.told_trouble, self.told_readings = file.trouble, file.readings

    def _fields(self) -> dict[str, str]:
        trouble = {"side": "gateway", "cause": "file_unusable"} if self.file.trouble else {}
        return {"key": self.key, "file": self.file.path, **trouble}


def turns_after(pause_s: float, count: int, round_s: float = ROUND_S) -> int:
    """Return how many of `count` have their turn: at least one, and all of them within `round_s`."""
    return min(count, max(1, ceil(count * min(1.0, pause_s / round_s))))


class FileWatch:
    """Watches files, each with the key that names it."""

    def __init__(self, files: Sequence[tuple[str, WatchedFile]]) -> None:
        # What is missing at the start was reported then.
        self._all = [Watched(key, file, file.trouble, file.readings) for key, file in files]
        self._next = cycle(self._all)
        self._looked_s: float | None = None

    def __repr__(self) -> str:
        return f"<FileWatch of {len(self._all)}>"

    def look(self, now_s: float) -> None:
        """Look at the files whose turn has come since the last look."""
        turns = turns_after(0.0 if self._looked_s is None else now_s - self._looked_s, len(self._all))
        self._looked_s = now_s
        for _ in range(turns):
            watched = next(self._next)
            watched.file.look()
            watched.tell()

    def troubles(self) -> Iterator[tuple[str, WatchedFile]]:
        """Return the files that could not be used at their last look, with the keys that name them."""
        return ((each.key, each.file) for each in self._all if each.file.trouble)
