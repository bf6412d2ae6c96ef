"""Files that others may replace, read without ever waiting: regular ones only, up to a bound.

A named pipe without a writer would hold whoever opens it for ever, the event loop among them; a device may do
whatever it likes. So what is no regular file is not even opened, and what became something else in between is
opened without waiting and not read. OpenSSL opens whatever it is told to: it is given a copy in memory.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

MOST_PEM_BYTES: Final = 4 * 1024 * 1024
"""Of certificates and keys: the bundle of a system has a quarter of a MiB."""

Stamp = tuple[int, int, int, int, int]
"""What a file was like, as far as `stat` tells it from the one that takes its place."""
Stamps = tuple[Stamp, ...]
MISSING: Final[Stamp] = (0, 0, 0, 0, 0)

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a file, and what it was like then.

    Raises:
        OSError: it is missing, unreadable, no regular file, or larger than that; it names the file.
    """
    name = os.fspath(path)
    _refuse_others(os.stat(name), name)  # noqa: PTH116 - one call
    descriptor = os.open(name, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _refuse_others(status, name)
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes // 1024} KiB", name)
    return content, status


@contextmanager
def readable_copy(path: str) -> Iterator[str]:
    """Give the name under which OpenSSL can read what a file holds now.

    Raises:
        OSError: as of `read_regular`.
    """
    with copied(read_regular(path, MOST_PEM_BYTES)[0]) as copy:
        yield copy


@contextmanager
def copied(content: bytes) -> Iterator[str]:
    """Give the name under which OpenSSL can read `content`, which stays in memory where that can be had."""
    if not hasattr(os, "memfd_create"):  # not on Linux
        with tempfile.NamedTemporaryFile(prefix="gateway-") as file:  # for its owner only
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as copy:
        copy.write(content)
        copy.flush()
        yield f"/proc/self/fd/{descriptor}"


def stamp(status: os.stat_result) -> Stamp:
    """Return what changes when the file is replaced, written or given other permissions."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino, status.st_size


def stamps_of(files: Iterable[str]) -> Stamps:
    """Return what changes when one of `files` is replaced, or a link on the way to it."""
    return tuple(map(_stamp_of, files))


def _stamp_of(file: str) -> Stamp:
    try:
        return stamp(os.stat(file))  # noqa: PTH116 - one call
    except OSError:
        return MISSING  # whoever opens it finds out what is wrong with it, and says so


def _refuse_others(status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
