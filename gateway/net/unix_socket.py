"""A unix socket to listen on: never taken from a living server, never open too early, removed at the end.

Rules:

- A socket file that nobody serves is replaced. One that somebody serves is not, nor is a file that is not a
  socket.
- Mode and group are set between bind and listen: until then every connection is refused.
- Gateways that start at the same time do not take each other's sockets: the folder is locked while one
  looks and binds.
- At the end the file is removed if it is still ours: same device, same inode. The number of the inode
  cannot be reused while the socket is open, so this is checked before it is closed.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.settings.listener_settings import SocketAccess

log: Final = logging.getLogger("gateway.net")

_PROBE_S: Final = 1.0
_LOCK_TRIES: Final = 100
_LOCK_PAUSE_S: Final = 0.01


class SocketRefused(OSError):
    """A socket cannot be made, for a `reason` in words of ours."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A listening socket and its file."""

    sock: socket.socket
    path: str
    identity: tuple[int, int]

    def remove_file(self) -> None:
        """Remove the file if it is still ours; call this before closing the socket."""
        try:
            if _identity(self.path) == self.identity:
                Path(self.path).unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("unix:%s: the file stays: %s", self.path, error.strerror)


def listen_at(path: str, access: SocketAccess, backlog: int) -> UnixSocket:
    """Make a socket that listens at `path`.

    Raises:
        OSError: somebody serves there, or the file cannot be made with this mode and group.
    """
    group = _known_group(access.group) if access.group is not None else None
    with _locked(Path(path).parent):
        _make_room(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            return _bound(sock, path, access, group, backlog)
        except BaseException:
            sock.close()
            raise


def group_number(name: str) -> int:
    """Return the number of a group, given by name or number.

    Raises:
        KeyError: there is no such group.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        if not (name.isascii() and name.isdigit() and int(name) < 2**32 - 1):
            raise KeyError(name) from None
        return int(name)


def _known_group(name: str) -> int:
    try:
        return group_number(name)
    except KeyError:
        raise SocketRefused(errno.ENOENT, f"this machine has no group {name}") from None


def _bound(
    sock: socket.socket, path: str, access: SocketAccess, group: int | None, backlog: int
) -> UnixSocket:
    if access.mode is not None:
        with suppress(OSError):  # Linux gives the file the mode of the socket: at first for us alone
            os.fchmod(sock.fileno(), access.mode & stat.S_IRWXU)
    sock.bind(path)
    made = UnixSocket(sock, path, _identity(path))
    try:
        if group is not None:
            _give(path, group, access.group)
        if access.mode is not None:
            Path(path).chmod(access.mode)
        sock.listen(backlog)
    except BaseException:
        made.remove_file()
        raise
    return made


def _give(path: str, group: int, name: str | None) -> None:
    try:
        os.chown(path, -1, group, follow_symlinks=False)
    except PermissionError:
        words = f"this user is not a member of the group {name}, so may not give it the socket"
        raise SocketRefused(errno.EPERM, words) from None


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _make_room(path: str) -> None:
    try:
        found = os.lstat(path)
    except OSError:
        return  # there is none, or bind says what is wrong
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketRefused(errno.EADDRINUSE, "the address is in use by a file that is not a socket")
    _refuse_living(path)
    if _identity(path) == (found.st_dev, found.st_ino):
        Path(path).unlink()


def _refuse_living(path: str) -> None:
    """Nobody serves if a connection is refused; a full queue or a different socket means somebody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except PermissionError:
            words = "there is a socket, and this user may not find out whether it is served"
            raise SocketRefused(errno.EACCES, words) from None
        except OSError:
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder for a moment, if that is possible; a lock that is held for long is not waited for."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # bind says what is wrong with it
        return
    try:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_S)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)
