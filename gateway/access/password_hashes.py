"""Verify passwords against their hashes, off the event loop: each takes as long as a thousand requests.

Rules: at most two at a time, and at most `MOST_WAITING` in the queue; beyond that a caller is told to come
back. Both libraries release Python's lock while they compute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Final, assert_never

from gateway.core.access.htpasswd import HashKind, PasswordHash
from gateway.system.aside import Aside

THREADS: Final = 2
MOST_WAITING: Final = 64
_BCRYPT_BYTES: Final = 72
"""What bcrypt looks at; `htpasswd` drops the rest, too."""


class QueueFull(Exception):
    """Too many passwords wait to be verified."""


class PasswordDesk:
    """Verifies passwords in threads of its own, which end when there is nothing to do.

    Args:
        matches: whether a password is that of a hash; called in these threads.
    """

    def __init__(self, matches: Callable[[bytes, PasswordHash], bool] | None = None) -> None:
        self._matches = matches or is_password_of
        self._threads = [Aside() for _ in range(THREADS)]
        self._loads = [0] * THREADS

    async def verify(self, password: bytes, hashed: PasswordHash) -> bool:
        """Find out whether a password is that of a hash.

        Raises:
            QueueFull: too many others wait already.
        """
        number = self._loads.index(min(self._loads))
        if sum(self._loads) >= MOST_WAITING:
            raise QueueFull
        self._loads[number] += 1
        work = self._threads[number].begin(partial(self._matches, password, hashed))
        work.add_done_callback(partial(self._finished, number))
        # A caller that leaves does not end the work: the thread is busy with it anyway.
        return await asyncio.shield(work)

    def _finished(self, number: int, work: asyncio.Future[bool]) -> None:
        self._loads[number] -= 1
        if not work.cancelled():
            work.exception()  # taken, even if nobody waits any more


def has_library(kind: HashKind) -> bool:
    """Whether the library that verifies such hashes is installed."""
    return find_spec(kind.value) is not None


def is_password_of(password: bytes, hashed: PasswordHash) -> bool:
    """Whether a password is that of a hash; this takes its time."""
    match hashed.kind:
        case HashKind.BCRYPT:
            return _is_bcrypt(password, hashed.text)
        case HashKind.ARGON2ID:
            return _is_argon2id(password, hashed.text)
        case _:
            assert_never(hashed.kind)


# The libraries are an optional extra, and cost memory where nobody has a password.


def _is_bcrypt(password: bytes, hashed: str) -> bool:
    import bcrypt  # noqa: PLC0415

    return bcrypt.checkpw(password[:_BCRYPT_BYTES], hashed.encode("ascii"))


def _is_argon2id(password: bytes, hashed: str) -> bool:
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415
    from argon2.low_level import Type, verify_secret  # noqa: PLC0415

    try:
        return verify_secret(hashed.encode("ascii"), password, Type.ID)
    except (Argon2Error, InvalidHashError):
        return False
