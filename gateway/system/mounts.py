"""Files that are mounts of their own (`subPath`): they show for ever what was mounted at the start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"


def mount_warnings(files: Iterable[str]) -> Iterator[str]:
    """Yield a line for each file that is a mount of its own, and never changes."""
    try:
        mounts = mount_points(Path(_MOUNTS).read_text("utf-8", "surrogateescape"))
    except OSError:
        return  # nobody knows
    for file in files:
        if os.path.realpath(file) in mounts:
            yield (
                f"{file}: warning: `reload: watch` sees no change of this file: it is a mount of its own "
                "(subPath): mount its directory"
            )


def mount_points(table: str) -> frozenset[str]:
    """Return the mount points in a table of proc(5), whose spaces and backslashes are octal."""
    rows = (line.split(" ", 5) for line in table.splitlines())
    return frozenset(_plain(row[4]) for row in rows if len(row) > 5)


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
