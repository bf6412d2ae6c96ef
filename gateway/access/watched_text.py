"""A file that decides about callers, read again soon after it is replaced.

Rules: a change takes effect within `LOOK_S` of use. Until new content can be used, the last one stays in use,
and the trouble is known to whoever watches files. If there never was any, nobody can be verified by it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.system.regular_file import MISSING, MOST_PEM_BYTES, read_regular, stamp

LOOK_S: Final = 0.5

Content = TypeVar("Content")


class WatchedText(Generic[Content]):
    """Implements `core.oauth.named_secret.WatchedFile` for a text that `read` understands.

    Args:
        path: the file.
        read: turns its text into what is used; raises ValueError, whose words say what is wrong.
        now_s: the monotonic clock.

    Attributes:
        content: the last content that could be used; None if there was none.
    """

    def __init__(self, path: str, read: Callable[[str], Content], now_s: Callable[[], float]) -> None:
        self.path = path
        self.trouble = ""
        self.readings = 0
        self.changed_at_s = 0.0
        self.content: Content | None = None
        self._read = read
        self._now_s = now_s
        self._stamp = MISSING
        self._next_look_s = 0.0
        self.look()

    def present(self) -> Content | None:
        """Return the content in use, after a look at the file if the last one was `LOOK_S` ago."""
        if self._now_s() >= self._next_look_s:
            self.look()
        return self.content

    def look(self) -> None:
        """Read the file if it was replaced, or could not be read before.

        What could be read and not be used is not read again until it is replaced: to find out anew what is
        wrong with a large file would keep everybody waiting, twice a second.
        """
        self._next_look_s = self._now_s() + LOOK_S
        try:
            found = stamp(Path(self.path).stat())
            if found != self._stamp:
                self._take(*read_regular(self.path, MOST_PEM_BYTES))
        except OSError as error:
            self._stamp = MISSING
            self.trouble = f"cannot be read: {error.strerror}"
        except ValueError as error:
            self.trouble = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)

    def _take(self, content: bytes, status: os.stat_result) -> None:
        self._stamp = stamp(status)
        self.content = self._read(content.decode("utf-8"))
        self.trouble = ""
        self.readings += 1
        self.changed_at_s = status.st_mtime


def file_state(file: WatchedText[Content]) -> dict[str, object]:
    """Return what may be shown of a file."""
    return {
        "path": file.path,
        "changed_at_s": file.changed_at_s or None,
        "readings": file.readings,
        "trouble": file.trouble,
    }
