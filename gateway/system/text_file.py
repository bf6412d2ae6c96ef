"""A file that holds one text, usually a secret: read once, or again whenever it is replaced.

Rules:

- One final line break is not part of the text.
- If the file becomes unreadable, empty or invalid at run time, the last good text stays in use, and the next
  use looks again.
- Symbolic links are followed each time: Kubernetes replaces mounted secrets by swapping a link.
- Where one process reads the configuration for another (`packing`), the text in use goes along: a file that
  became unusable meanwhile changes nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.core.secret import Secret
from gateway.core.text import plain_text
from gateway.core.text.plain_text import Wrong
from gateway.system.regular_file import Stamp, read_regular, stamp

MOST_BYTES: Final = 64 * 1024
"""More than any secret needs; a wrong path must not fill the memory."""


def file_text(path: Path) -> str:
    """Read the text of a file.

    Raises:
        Wrong: the file is missing, unreadable, not a regular file, empty, too large, or not UTF-8 text.
    """
    return _read(path)[0]


def text_digest(path: Path) -> str:
    """Return a digest of the text of a file; empty if it cannot be used."""
    try:
        return sha256(file_text(path).encode()).hexdigest()
    except Wrong:
        return ""


class TextFile:
    """The current text of a file, at the cost of one `stat`. A `WatchedFile`.

    Attributes:
        trouble: why the current content cannot be used, or empty (`observe.file_watch` reports it).
        readings: how often it was read successfully.
    """

    __slots__ = ("_checked", "_path", "_stamp", "_text", "readings", "trouble")

    def __init__(self, path: Path, checked: Callable[[str], str] = plain_text.text) -> None:
        self._path = path
        self._checked = checked
        found, self._stamp = _read(path)
        self._text = Secret(found)
        self.trouble = ""
        self.readings = 1

    def __repr__(self) -> str:
        return f"TextFile({str(self._path)!r})"

    def current(self) -> str:
        """Return the newest good text."""
        try:
            if stamp(self._path.stat()) != self._stamp:
                found, newer = _read(self._path)
                self._text, self._stamp = Secret(self._checked(found)), newer
                self.readings += 1
            self.trouble = ""
        # Keep the last good value: the old secret may still be accepted.
        except OSError as error:
            self.trouble = f"cannot be read: {error.strerror}"
        except Wrong as wrong:
            self.trouble = str(wrong).removeprefix(f"{self._path} ")
        return self._text.reveal()

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._path)

    @property
    def changed_at_s(self) -> float:
        """When the text in use was last changed, in seconds since 1970."""
        return self._stamp[0] / 1e9

    def look(self) -> None:
        """Check whether the file was replaced."""
        self.current()


def content_of(path: Path, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a file of bounded size, and its status at that time.

    Raises:
        Wrong: the file is missing, unreadable, not a regular file, or too large.
    """
    try:
        return read_regular(path, most_bytes)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise Wrong(f"{path} is {error.strerror}") from None
        if error.errno == errno.EINVAL:
            raise Wrong(f"{path} is not a regular file") from None
        raise Wrong(f"{path} cannot be read: {error.strerror}") from None


def _read(path: Path) -> tuple[str, Stamp]:
    content, status = content_of(path, MOST_BYTES)
    return _decoded(content, path), stamp(status)


def _decoded(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Wrong(f"{path} is not UTF-8 text") from None
    text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
    if not text:
        raise Wrong(f"{path} is empty")
    return text
