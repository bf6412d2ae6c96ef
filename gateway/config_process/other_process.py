"""The other process, as the gateway sees it: started, asked, waited for, ended."""

from __future__ import annotations

import marshal
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.config_process.conversation import Request
from gateway.config_text import is_inherited
from gateway.packing import packed
from gateway.system.hardening import LIBRARIES_READ

BOOTSTRAP: Final = (
    "import marshal,sys;"
    "f=open(int(sys.argv[1]),'rb');"
    "sys.path=marshal.load(f);"
    "from gateway.config_process.reading_process import main;"
    "main(f)"
)
"""Its program, which finds modules where this process does."""
_LOADERS_READ: Final = ("DYLD_", "LD_")
_PART_BYTES: Final = 256 * 1024
_END_S: Final = 5.0


class ReadingFailed(Exception):
    """There is no result; the message says why."""


class OtherProcess:
    """A process that works on one request. Close it in any case.

    Attributes:
        process: the process itself.

    Raises:
        ReadingFailed: it cannot be started.
    """

    def __init__(self, request: Request) -> None:
        self._ends_at_s = time.monotonic() + request.patience_s
        self._patience_s = request.patience_s
        self._sock, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = _started(theirs.fileno(), request)
            except OSError as error:
                self._sock.close()
                raise ReadingFailed(f"it cannot be started: {error.strerror}") from None
        self._sock.settimeout(request.patience_s)
        with suppress(OSError):  # one that has ended already is told of as it is waited for
            self._sock.sendall(marshal.dumps(list(map(str, sys.path))) + packed(request))
            self._sock.shutdown(socket.SHUT_WR)

    def result(self) -> bytes:
        """Wait for its result.

        Raises:
            ReadingFailed: there is none.
        """
        try:
            content = b"".join(self._parts())
        except TimeoutError:
            raise ReadingFailed(f"it took longer than {self._patience_s:g} s") from None
        if not content:
            raise ReadingFailed(self._end())
        return content

    def close(self) -> None:
        """End it, if it has not ended by itself."""
        self._sock.close()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):  # one that waits for a dead disk cannot end
            self.process.wait(_END_S)

    def _parts(self) -> Iterator[bytes]:
        with suppress(ConnectionResetError):  # it ended before it had read all
            while True:
                self._sock.settimeout(max(self._ends_at_s - time.monotonic(), 0.001))
                part = self._sock.recv(_PART_BYTES)
                if not part:
                    return
                yield part

    def _end(self) -> str:
        """Say how it ended."""
        try:
            status = self.process.wait(max(self._ends_at_s - time.monotonic(), 0.001))
        except subprocess.TimeoutExpired:
            return "it told nothing"
        if status < 0:
            reason = " (the system may be out of memory)" if status == -signal.SIGKILL else ""
            return f"{signal.Signals(-status).name} ended it{reason}"
        return f"it ended with status {status}, and told nothing"


def _started(descriptor: int, request: Request) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - all of it is ours
        [sys.executable, *_flags(), "-P", "-c", BOOTSTRAP, str(descriptor)],
        env={name: os.environ[name] for name in os.environ if name.startswith(_PASSED_ON)},
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor, *_inherited(request)),
        process_group=0,  # Ctrl-C is for the gateway, which then ends this one
    )


_PASSED_ON: Final = (*LIBRARIES_READ, *_LOADERS_READ)
"""All other variables go with the request: nobody else may read them there."""


def _flags() -> Iterable[str]:
    """Return what keeps this interpreter from its surroundings."""
    if sys.flags.isolated:
        yield "-I"
    elif sys.flags.ignore_environment:
        yield "-E"


def _inherited(request: Request) -> Iterable[int]:
    """Return the descriptor that is the configuration itself, as ``-c <(...)`` gives it."""
    place = request.place
    if isinstance(place, Path) and is_inherited(place) and place.name.isdecimal():
        yield int(place.name)
