"""Read files that others may replace without ever blocking: regular files only, up to a bound.

Whoever opens a named pipe without a writer hangs for ever, even the event loop, and a device may do
anything. So a file that is not regular is not even opened; one that was swapped in between is opened
without blocking and not read. OpenSSL opens whatever path it is given, so it is given a copy in memory.
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
"""For certificates and keys: a system's CA bundle has a quarter of a MiB."""

Stamp = tuple[int, int, int, int, int]
"""What `stat` says of a file, as far as it differs once the file is replaced."""
Stamps = tuple[Stamp, ...]
MISSING: Final[Stamp] = (0, 0, 0, 0, 0)

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a file of at most `most_bytes`; return its content and its status at that time.

    Raises:
        OSError: it is missing, unreadable, not a regular file, or too large. The error names the file.
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
    """Yield a path under which OpenSSL can read the present content of a file.

    Raises:
        OSError: see `read_regular`.
    """
    with copied(read_regular(path, MOST_PEM_BYTES)[0]) as copy:
        yield copy


@contextmanager
def copied(content: bytes) -> Iterator[str]:
    """Yield a path under which OpenSSL can read `content`, which stays in memory if the system allows."""
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
    """Return what changes when a file is replaced, written to, or given other permissions."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino, status.st_size


def stamps_of(files: Iterable[str]) -> Stamps:
    """Return what changes when one of `files` is replaced, or a symbolic link on its path."""
    return tuple(map(_stamp_of, files))


def _stamp_of(file: str) -> Stamp:
    try:
        return stamp(os.stat(file))  # noqa: PTH116 - one call
    except OSError:
        return MISSING  # whoever opens it finds out, and reports, what is wrong


def _refuse_others(status: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
