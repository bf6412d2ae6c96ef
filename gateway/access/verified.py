"""What was found of a credential, remembered for a while: to verify one again costs more than a request.

Rules:

- A credential is remembered by a digest with a key that is lost with the process, never as it is.
- What is good is remembered for `GOOD_S`, and never past its end; what is bad for `BAD_S`. The two have
  tables of their own, so that no flood of bad credentials displaces a good one.
- What could not be decided is not remembered at all.
- Of a caller is kept what the configuration asks about it. The table of good ones is bounded by their number
  and by what they take: claims may be as large as a token.
- `forget` empties both, for whoever finds its keys or files changed.
- That a credential was good once is remembered longer, and admits nobody: it is verified again before
  credentials that nobody knows, so that no flood of those delays it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256
from math import inf
from typing import Final

from cachetools import TLRUCache

from gateway.core.access.asked import Asked
from gateway.core.access.finding import Bad, Finding, Known
from gateway.core.clock import Clock
from gateway.core.text.json_object import json_bytes

GOOD_S: Final = 60.0
BAD_S: Final = 10.0
MOST_GOOD: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
MOST_BAD: Final = 2_000
_LEAST_BYTES: Final = 1024
"""Of a caller without claims: it, what gates made of it, digests, and the places in two tables."""


class Verified:
    """Remembers findings, by credential.

    Args:
        clock: the process's.
        good_s: how long a good credential is remembered at most.

    Attributes:
        held_bytes: about how much good ones take.
    """

    def __init__(self, clock: Clock, good_s: float = GOOD_S) -> None:
        self._key = secrets.token_bytes(32)
        self._wall_s = clock.wall_s
        now_s = clock.now_s
        self._now_s = now_s
        self._good_s = good_s
        # A plain dict: to look something up in a TLRUCache costs 1 µs more, which each request would pay. All
        # live as long, so the first one in it is the next to end.
        self._good: dict[bytes, Known] = {}
        self.held_bytes = 0
        self._asked: Asked | None = None
        self._bad: TLRUCache[bytes, Bad, float] = TLRUCache(MOST_BAD, ttu=_for(BAD_S), timer=now_s)
        self._once: dict[bytes, None] = {}  # in the order of their last verification

    def __len__(self) -> int:
        return len(self._good)

    def digest(self, credential: bytes) -> bytes:
        """Return what a credential is remembered by."""
        return sha256(self._key + credential).digest()

    def recall(self, credential: bytes) -> Known | Bad | None:
        """Return what was found of a credential, or None if that is not known any more.

        This is on the hot path: `digest` and `get` in one.
        """
        good = self._good.get(sha256(self._key + credential).digest())
        # By the wall clock, too: it goes on while the machine sleeps.
        if good is not None and self._now_s() < good.until_s and self._wall_s() < good.caller.expires_at_s:
            return good
        return self.get(self.digest(credential))

    def get(self, digest: bytes) -> Known | Bad | None:
        """Return what was found, or None if that is not known any more."""
        good = self._good.get(digest)
        if good is None:
            return self._bad.get(digest)
        if self._now_s() < good.until_s and self._wall_s() < good.caller.expires_at_s:
            return good
        self._forget_one(digest)
        return None

    def put(self, digest: bytes, found: Finding) -> Finding:
        """Remember a finding, and return it."""
        if isinstance(found, Known):
            self._remember(digest, found)
        elif isinstance(found, Bad):
            self._bad[digest] = found
            self._once.pop(digest, None)
        return found

    def was_good(self, digest: bytes) -> bool:
        """Whether a credential was good when it was verified last, however long ago."""
        return digest in self._once

    def forget(self) -> None:
        """Remember no finding, and let nobody go on who remembers one."""
        for known in self._good.values():
            known.until_s = -inf
        self._good.clear()
        self.held_bytes = 0
        self._bad.clear()

    def keep(self, asked: Asked) -> None:
        """Keep of callers what is asked about them from now on, and what was asked before."""
        both = asked if self._asked is None else self._asked | asked
        if self._asked is not None and both != self._asked:
            self.forget()  # what is known lacks what was not asked for then
        self._asked = both

    def _remember(self, digest: bytes, found: Known) -> None:
        if self._asked is not None:
            found.caller = self._asked.of(found.caller)
        found.until_s = self._now_s() + self._good_s
        found.until_s = self._now_s() + self._good_s
        if digest in self._good:
            self._forget_one(digest)
        self._good[digest] = found
        self.held_bytes += size_of(found)
        while len(self._good) > MOST_GOOD or self.held_bytes > MOST_BYTES:
            self._forget_one(next(iter(self._good)))
        self._once.pop(digest, None)
        self._once[digest] = None
        if len(self._once) > MOST_GOOD:
            del self._once[next(iter(self._once))]

    def _forget_one(self, digest: bytes) -> None:
        self.held_bytes -= size_of(self._good.pop(digest))


def size_of(found: Known) -> int:
    """Return about how many bytes are held by what is known of a caller, and by its place in the table."""
    caller = found.caller
    return _LEAST_BYTES + json_bytes([caller.id, *caller.scope, caller.claims])


def _for(life_s: float) -> Callable[[object, object, float], float]:
    return lambda _digest, _found, at_s: at_s + life_s
