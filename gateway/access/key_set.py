"""The keys of one issuer: fetched when first needed, renewed in the background, never emptied by a failure.

Rules:

- One fetch at a time, in a task that the set owns; whoever waits has a deadline of its own.
- A fetch that any caller can cause happens `COOLDOWN_S` after the last *attempt* at the earliest, whether
  that succeeded or not. Otherwise invented key ids would make us flood the authorization server.
- An unknown key id causes a fetch, so that a new key is known within one cooldown. Keys older than `RENEW_S`
  are renewed while they serve.
- Keys are replaced by a set that holds at least one usable key, and by nothing else. While the server is
  sick they serve on, for `LONGEST_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from math import ceil, inf
from typing import Final

from gateway.access.verification_keys import VerificationKey
from gateway.core.access.key_set_state import KeySetState
from gateway.core.clock import Clock
from gateway.core.oauth.named_secret import WatchedFile

COOLDOWN_S: Final = 30.0
RENEW_S: Final = 10 * 60.0
LONGEST_S: Final = 24 * 3600.0

Fetch = Callable[[], Awaitable[Sequence[VerificationKey] | str]]
"""Returns the keys, or a few words on why they cannot be had; never raises."""


class KeySet:
    """The keys that verify the tokens of one issuer.

    Attributes:
        changed: called when the keys are others than before.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._now_s = clock.now_s
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched_at_s = self._tried_at_s = -inf
        self._trouble = ""
        self._fetches = self._unknown = 0
        self._flight: asyncio.Task[None] | None = None
        self.changed: Callable[[], None] = _nobody_cares

    @property
    def is_usable(self) -> bool:
        """Whether there are keys that may still serve."""
        return bool(self._keys) and self._now_s() < self._fetched_at_s + LONGEST_S

    @property
    def retry_after_s(self) -> int:
        """How long until another fetch is possible, in whole seconds."""
        return max(1, ceil(self._tried_at_s + COOLDOWN_S - self._now_s()))

    @property
    def trouble(self) -> str:
        """Why the last fetch failed, or empty."""
        return self._trouble

    def candidates(self, key_id: str | None, algorithm: str) -> list[VerificationKey]:
        """Return the keys that may have signed a token: by their id or, if it names none, by their kind."""
        if self._now_s() >= self._fetched_at_s + RENEW_S:
            self.begin_fetch()
        return [
            key
            for key in self._keys
            if algorithm in key.by_algorithm and (key_id is None or key.key_id == key_id)
        ]

    def count_unknown(self) -> None:
        """Count a token that names a key that is not in the set."""
        self._unknown += 1

    def may_fetch(self) -> bool:
        """Whether to wait for a fetch may help: one is under way, or may begin."""
        return self._flight is not None or self._now_s() >= self._tried_at_s + COOLDOWN_S

    def begin_fetch(self) -> asyncio.Task[None] | None:
        """Fetch the keys in the background, unless it is too early; return the fetch under way, if any."""
        if self._flight is None and self._now_s() >= self._tried_at_s + COOLDOWN_S:
            self._tried_at_s = self._now_s()
            # Owned by this set, not by a task group: it outlives whoever waits, and close() ends it.
            self._flight = asyncio.get_running_loop().create_task(self._fly())
        return self._flight

    async def fetched(self, deadline_s: float) -> None:
        """Wait for a fetch until `deadline_s` (monotonic), whatever comes of it."""
        flight = self.begin_fetch()
        if flight is not None:
            await asyncio.wait({flight}, timeout=max(0.0, deadline_s - self._now_s()))

    def files(self) -> Iterable[tuple[str, WatchedFile]]:
        """Return no file: the keys are fetched."""
        return ()

    def start(self) -> None:
        """Begin to fetch the keys, unless there are some."""
        if not self.is_usable:
            self.begin_fetch()

    async def close(self) -> None:
        """End the fetch under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})

    def state(self) -> KeySetState:
        """Return what may be shown of the set."""
        age_s = self._now_s() - self._fetched_at_s if self._keys else None
        names = tuple(key.key_id or "-" for key in self._keys)
        return KeySetState(names, age_s, self._fetches, self._unknown, self._trouble)

    def shown(self) -> dict[str, object]:
        """Return the same for the admin listener."""
        return asdict(self.state())

    async def _fly(self) -> None:
        self._fetches += 1
        try:
            self._land(await self._fetch())
        finally:
            self._flight = None

    def _land(self, found: Sequence[VerificationKey] | str) -> None:
        if isinstance(found, str) or not found:
            self._trouble = found if isinstance(found, str) else "the set holds no key that can be used"
            return
        self._trouble, self._fetched_at_s = "", self._now_s()
        if tuple(found) != self._keys:
            self._keys = tuple(found)
            self.changed()


def _nobody_cares() -> None:
    """Nobody has verified anything by these keys yet."""
