"""Names and their addresses: looked up once for everyone, kept, renewed in the background.

There is one look-up per name at a time. It belongs to none of those who wait for it, and each waits within
a timeout of its own. `core.resolution` says what an outcome means and when a name is looked up again.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from gateway.core.resolution import (
    LATE_S,
    RENEW_S,
    SLOW_S,
    Finding,
    Ip,
    Known,
    LookUp,
    ResolutionObserver,
    after,
    after_half,
    completed,
    is_due,
    may_repeat,
    missed,
    must_wait,
    race_order,
    reached,
)
from gateway.net.halves import Halves
from gateway.net.lookups import GetAddrInfo, LookUps

# Long enough for a resolver that has to ask others, and bearable if it does not answer.
PATIENCE_S: Final = 1.0
MOST_UNWATCHED: Final = 256
"""How many names are kept without a pool: an issuer's metadata may name any number of hosts."""

LATE: Final = Finding(LookUp.FAILED, reason=f"the look-up takes longer than {LATE_S:g} s")


class Name:
    """One name; get it from a `Resolver`.

    Attributes:
        flight: done when the look-up under way has addresses or ends; None: there is none to wait for.
    """

    def __init__(
        self,
        host: str,
        look_ups: LookUps,
        observer: ResolutionObserver | None,
        now_s: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self.host = host
        self._now_s = now_s
        self._jitter = jitter
        self._look_ups = look_ups
        self._observer = observer
        self._known = Known()
        self._watchers: list[Callable[[], None]] = []
        self.flight: asyncio.Future[None] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._halves = Halves(host, look_ups, self._half_landed)
        self._is_running = False
        self._began_at_s = 0.0
        self._is_early = False
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

    @property
    def trouble(self) -> str:
        """Why the last look-up found no address, or empty."""
        return self._known.trouble

    def is_awaited(self, now_s: float, renew_s: float = RENEW_S) -> bool:
        """Whether to wait for the look-up under way before using the name."""
        return must_wait(self._known, now_s, renew_s)

    @property
    def looked_up_at_s(self) -> float:
        """When the last look-up ended; -inf: none has."""
        return self._known.looked_up_at_s

    async def find(self) -> tuple[Ip, ...]:
        """Return its addresses, after a look-up if one is needed; the first one is waited for without limit.

        Raises:
            socket.gaierror: there are none.
        """
        now_s = self._now_s()
        self.use(now_s)
        if self.is_awaited(now_s):
            await _landed((self,), self.patience_s(now_s) if self._known.addresses else None)
        if not self._known.addresses:
            raise socket.gaierror(socket.EAI_NONAME, self._known.trouble)
        return self.addresses

    async def find_anew(self, most_s: float = PATIENCE_S) -> tuple[Ip, ...]:
        """Return its addresses after an early look-up, which is waited for `most_s` at most."""
        self.use_anew()
        await _landed((self,), most_s)
        return self.addresses

    def patience_s(self, now_s: float) -> float:
        """Return how long to wait for the look-up under way; who comes late to it does not wait."""
        return max(0.0, PATIENCE_S - (now_s - self._began_at_s))

    # ── what is learnt ────────────────────────────────────────────────────────────────────────────

    def use(self, now_s: float, renew_s: float = RENEW_S) -> None:
        """Note that it is in use, and renew it in the background if its answer is `renew_s` old."""
        if is_due(self._known, now_s, renew_s):
            self._look_up()

    def use_anew(self) -> None:
        """Look it up ahead of schedule, because no address can be reached."""
        if may_repeat(self._known, self._now_s()):
            self._look_up(is_early=True)

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

    def _look_up(self, *, is_early: bool = False) -> None:
        if self.flight is not None:
            return
        loop = asyncio.get_running_loop()
        self.flight = loop.create_future()
        self._began_at_s = self._now_s()
        self._is_early = is_early
        if self._is_running:
            self._halves.ask()
            return
        self._is_running = True
        self._late = loop.call_later(LATE_S, self._is_late)
        self._halves.begin()
        self._look_ups.run(self.host, self._landed, is_slow=self._is_slow)

    def _half_landed(self, addresses: Sequence[Ip]) -> None:
        self._knows(after_half(self._known, addresses, self._now_s()))
        self._lands()

    def _is_late(self) -> None:
        self._late = None
        self._is_slow = True
        self._learn(LATE)

    def _landed(self, finding: Finding) -> None:
        was_late = self._late is None
        self.close()
        self._is_slow = self._now_s() - self._began_at_s >= SLOW_S
        self._is_running = False
        finding = completed(finding, self._known, self._halves.found_v6)
        self._learn(finding, is_told=was_late and finding.outcome is LookUp.FAILED)
        self._lands()

    def _lands(self) -> None:
        flight, self.flight = self.flight, None
        if flight is not None:
            flight.set_result(None)

    def _learn(self, finding: Finding, *, is_told: bool = False) -> None:
        before, now_s = self._known, self._now_s()
        known = after(before, finding, now_s, is_early=self._is_early, chance=self._jitter())
        if self._observer is not None and not is_told:
            self._observer.looked_up(self.host, finding, before, known)
        self._knows(known)

    def _knows(self, known: Known) -> None:
        before, self._known = self._known, known
        if not set(before.addresses) <= set(known.addresses):
            for moved in self._watchers:
                moved()

    def close(self) -> None:
        """Stop its timers."""
        self._halves.end()
        if self._late is not None:
            self._late.cancel()
            self._late = None


async def find_any(names: Sequence[Name], now_s: float, renew_s: float) -> None:
    """Look up those of several names that need it, and wait until requests can go to one of them.

    A name that has no address and failed to get one is not waited for where others have some. The first
    address is waited for without limit. Raises nothing.
    """
    for each in names:
        each.use(now_s, renew_s)
    waited = [each for each in names if each.is_awaited(now_s, renew_s)]
    if any(each.addresses for each in names):
        waited = [each for each in waited if each.addresses or not each.trouble]
    if waited:
        await _landed(waited, max(each.patience_s(now_s) for each in waited))
    while not any(each.addresses for each in names) and await _landed(names, None, asyncio.FIRST_COMPLETED):
        pass


async def find_all_anew(names: Sequence[Name]) -> None:
    """Look up several names ahead of schedule, and wait for that, but not for long."""
    for each in names:
        each.use_anew()
    await _landed(names, PATIENCE_S)


async def _landed(names: Iterable[Name], most_s: float | None, when: str = asyncio.ALL_COMPLETED) -> bool:
    """Wait for look-ups under way, and return whether there were any; leaving does not end them."""
    flights = [each.flight for each in names if each.flight is not None]
    if flights and most_s != 0:
        await asyncio.wait(flights, timeout=most_s, return_when=when)
    return bool(flights)


class Resolver:
    """All names of the process; belongs to one event loop.

    Args:
        observer: told of look-ups.
        get: `socket.getaddrinfo`, or a replacement; called in threads.
        now_s: the loop's clock.
        jitter: uniform in [0, 1).
    """

    def __init__(
        self,
        observer: ResolutionObserver | None = None,
        get: GetAddrInfo = socket.getaddrinfo,
        now_s: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._now_s = now_s
        self._jitter = jitter
        self._look_ups = LookUps(get)
        self._observer = observer
        self._names: dict[str, Name] = {}

    def name(self, host: str) -> Name:
        """Return what is known of a name: the same object each time, while it is kept."""
        key = host.lower()
        known = self._names.pop(key, None)
        if known is None:
            self._forget()
            known = Name(key, self._look_ups, self._observer, self._now_s, self._jitter)
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
