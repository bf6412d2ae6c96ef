"""Names and their addresses: looked up once for everyone, kept, renewed in the background.

There is one look-up per name at a time. It belongs to none of those who wait for it, and each waits within
a timeout of its own. `core.resolution` says what an outcome means and when a name is looked up again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.core.resolution import (
    LATE_S,
    SLOW_S,
    Finding,
    Ip,
    Known,
    LookUp,
    ResolutionObserver,
    after,
    is_due,
    may_repeat,
    missed,
    must_wait,
    race_order,
    reached,
)
from gateway.net.lookups import GetAddrInfo, LookUps

# Long enough for a resolver that answers from its cache, and hardly felt if it does not answer.
PATIENCE_S: Final = 1.0
# A caller is told at once that nobody listens; a resolver that answers from its cache is faster still.
ANEW_WAIT_S: Final = 0.25
MOST_UNWATCHED: Final = 256
"""How many names are kept without a pool: an issuer's metadata may name any number of hosts."""

LATE: Final = Finding(LookUp.FAILED, reason=f"the look-up takes longer than {LATE_S:g} s")


class Name:
    """One name; get it from a `Resolver`.

    Attributes:
        is_watched: a pool keeps connections to its addresses.
    """

    def __init__(
        self,
        host: str,
        look_ups: LookUps,
        observer: ResolutionObserver | None,
        now_s: Callable[[], float],
    ) -> None:
        self.host = host
        self._now_s = now_s
        self._look_ups = look_ups
        self._observer = observer
        self._known = Known()
        self._watchers: list[Callable[[], None]] = []
        self._flight: asyncio.Future[None] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._began_at_s = 0.0
        self._is_slow = False

    def __repr__(self) -> str:
        return f"<Name {self.host}: {', '.join(self._known.addresses) or 'no address'}>"

    # ── what is known ─────────────────────────────────────────────────────────────────────────────

    @property
    def addresses(self) -> tuple[Ip, ...]:
        """Its known addresses, in the order in which to try them."""
        return race_order(self._known)

    def has(self, address: Ip) -> bool:
        """Whether `address` is one of them."""
        return address in self._known.addresses

    async def find(self) -> tuple[Ip, ...]:
        """Return its addresses, after a look-up if one is needed; the first one is waited for without limit.

        Raises:
            socket.gaierror: there are none.
        """
        now_s = self._now_s()
        self.use(now_s)
        if must_wait(self._known, now_s):
            await self._landing(PATIENCE_S if self._known.addresses else None)
        if not self._known.addresses:
            raise socket.gaierror(socket.EAI_NONAME, self._known.trouble)
        return self.addresses

    async def find_anew(self, most_s: float = ANEW_WAIT_S) -> tuple[Ip, ...]:
        """Return its addresses after an early look-up, which is waited for `most_s` at most."""
        if may_repeat(self._known, self._now_s()):
            self._look_up()
        await self._landing(most_s)
        return self.addresses

    # ── what is learnt ────────────────────────────────────────────────────────────────────────────

    def use(self, now_s: float) -> None:
        """Note that it is in use, and renew it in the background if that is due."""
        if is_due(self._known, now_s):
            self._look_up()

    def reached(self, address: Ip) -> None:
        """Note that a connection to `address` was made."""
        self._known = reached(self._known, address)

    def missed(self, address: Ip) -> None:
        """Note that `address` accepted a connection that failed before it could be used."""
        self._known = missed(self._known, address)

    # ── who wants to know ─────────────────────────────────────────────────────────────────────────

    @property
    def is_watched(self) -> bool:
        """Whether anyone watches it."""
        return bool(self._watchers)

    def watch(self, moved: Callable[[], None]) -> None:
        """Call `moved` whenever an address is gone."""
        self._watchers.append(moved)

    def unwatch(self, moved: Callable[[], None]) -> None:
        """Stop calling `moved`."""
        with suppress(ValueError):
            self._watchers.remove(moved)

    # ── looking up ────────────────────────────────────────────────────────────────────────────────

    async def _landing(self, most_s: float | None) -> None:
        """Wait for the look-up under way; leaving does not end it."""
        if self._flight is not None:
            await asyncio.wait((self._flight,), timeout=most_s)

    def _look_up(self) -> None:
        if self._flight is not None:
            return
        loop = asyncio.get_running_loop()
        self._flight = loop.create_future()
        self._began_at_s = self._now_s()
        self._late = loop.call_later(LATE_S, self._is_late)
        self._look_ups.run(self.host, self._landed, is_slow=self._is_slow)

    def _is_late(self) -> None:
        self._late = None
        self._is_slow = True
        self._learn(LATE)

    def _landed(self, finding: Finding) -> None:
        was_late = self._late is None
        self.close()
        self._is_slow = self._now_s() - self._began_at_s >= SLOW_S
        flight, self._flight = self._flight, None
        self._learn(finding, is_told=was_late and finding.outcome is LookUp.FAILED)
        if flight is not None:
            flight.set_result(None)

    def _learn(self, finding: Finding, *, is_told: bool = False) -> None:
        before = self._known
        self._known = known = after(before, finding, self._now_s())
        if self._observer is not None and not is_told:
            self._observer.looked_up(self.host, finding, before, known)
        if not set(before.addresses) <= set(known.addresses):
            for moved in self._watchers:
                moved()

    def close(self) -> None:
        """Stop its timer."""
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Resolver:
    """All names of the process; belongs to one event loop.

    Args:
        observer: told of look-ups.
        get: `socket.getaddrinfo`, or a replacement; called in threads.
        now_s: the loop's clock.
    """

    def __init__(
        self,
        observer: ResolutionObserver | None = None,
        get: GetAddrInfo = socket.getaddrinfo,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._look_ups = LookUps(get)
        self._observer = observer
        self._names: dict[str, Name] = {}

    def name(self, host: str) -> Name:
        """Return what is known of a name: the same object each time, while it is kept."""
        key = host.lower()
        known = self._names.pop(key, None)
        if known is None:
            self._forget()
            known = Name(key, self._look_ups, self._observer, self._now_s)
        self._names[key] = known  # the name asked for last is forgotten last
        return known

    def close(self) -> None:
        """Stop all timers. Look-ups under way end with their threads."""
        for name in self._names.values():
            name.close()

    def _forget(self) -> None:
        unwatched = [key for key, name in self._names.items() if not name.is_watched]
        for key in unwatched[: max(0, len(unwatched) + 1 - MOST_UNWATCHED)]:
            self._names.pop(key).close()
