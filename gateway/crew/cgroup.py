"""How much processor time this process may use: the quota of its cgroup, and the processors it may run on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gateway.core.crew.shares import automatic, quota_of

_OWN: Final = Path("/proc/self/cgroup")
_ROOT: Final = Path("/sys/fs/cgroup")


def automatic_workers(own: Path = _OWN, root: Path = _ROOT) -> int:
    """Return how many workers `auto` means here."""
    return automatic([quota_of(_text(each)) for each in _files(own, root)], len(os.sched_getaffinity(0)))


def _files(own: Path, root: Path) -> list[Path]:
    """Return ``cpu.max`` of the own cgroup and of all around it: the smallest quota counts."""
    paths = [line.partition("::")[2] for line in _text(own).splitlines() if line.startswith("0::")]
    path = root / (paths[0].strip("/") if paths else "")
    around = [path, *path.parents]
    return [each / "cpu.max" for each in around if each == root or root in each.parents]


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
