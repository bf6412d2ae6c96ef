"""A group of upstream addresses at work: its targets, as its names move, and the choice for each request.

Rules: every address of a name is a target. A target whose address is gone gets no new request; its idle
connections close, and running exchanges end. A name keeps being looked up while requests come
(`core.resolution`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from gateway.core.balance_settings import Balance
from gateway.core.resolution import Ip
from gateway.core.server_url import is_address
from gateway.core.settings import AddressSettings, GroupSettings, Scheme, UpstreamSettings
from gateway.core.upstreams.balance import choose, rotated
from gateway.net.resolver import Name
from gateway.proxy.dialer import connect_error, way_to
from gateway.proxy.target_pool import TargetPool
from gateway.upstreams.target import Target, TargetId, place_of

MakePool = Callable[[UpstreamSettings], TargetPool]
FindName = Callable[[str], Name]


class Group:
    """The addresses of one entry of ``upstreams``, shared by all routes that name it.

    Attributes:
        pool: stands in where a route has not chosen a target; it opens no connection.
        targets: what requests can go to.
    """

    def __init__(self, settings: GroupSettings, make_pool: MakePool, find_name: FindName) -> None:
        self.settings = settings
        self._make_pool = make_pool
        self._names = [_name(each, find_name) for each in settings.addresses]
        self._header = settings.balance.header.lower().encode("ascii") + b": "
        self._leaving: list[Target] = []
        self.pool = make_pool(settings.addresses[0].place)
        self.targets: list[Target] = []
        for name in self._watched():
            name.watch(self._moved)
        self._moved()

    def __repr__(self) -> str:
        return f"<Group {self.settings.name}: {', '.join(each.name for each in self.targets)}>"

    # ── the choice ────────────────────────────────────────────────────────────────────────────────

    def pick(self, lines: Iterable[bytes], avoided: Iterable[Target] = ()) -> Target | None:
        """Return the target for a request, given its header lines; None if none is left."""
        able = self.targets
        if avoided:
            able = [each for each in able if each not in avoided]
        if not able:
            return None
        kind = self.settings.balance.kind
        return choose(kind, able, self._hashed(lines) if kind is Balance.HASH else None)

    def confirmed(self, chosen: Target | None) -> Target | None:
        """Return a target that was chosen a moment ago; None if the choice must be made anew.

        It must be where counts decide: of requests that arrive together, each should see the others.
        """
        is_counted = self.settings.balance.kind is Balance.WARM
        return chosen if not is_counted and chosen in self.targets else None

    def _hashed(self, lines: Iterable[bytes]) -> bytes | None:
        start, length = self._header, len(self._header)
        return next((line[length:] for line in lines if line[:length].lower() == start), None)

    # ── names ─────────────────────────────────────────────────────────────────────────────────────

    async def resolve(self) -> None:
        """Look up what is not known, or was not used for long.

        Raises:
            UpstreamNameUnresolved: no target is known then.
        """
        trouble: socket.gaierror | None = None
        for name in self._watched():
            try:
                await name.find()
            except socket.gaierror as error:
                trouble = error
        self._moved()
        if trouble is not None and not self.targets:
            raise connect_error(trouble, way_to(self.settings.addresses[0].place)) from None

    async def resolve_anew(self) -> None:
        """Look the names up early, because no target could be reached."""
        for name in self._watched():
            await name.find_anew()
        self._moved()

    def _watched(self) -> list[Name]:
        return list(dict.fromkeys(name for name in self._names if name is not None))

    def _moved(self) -> None:
        """Make the targets those that the names have now."""
        wanted = dict.fromkeys(self._wanted())
        present = {each.id: each for each in self.targets}
        if wanted.keys() == present.keys():
            return
        for each in self.targets:
            if each.id not in wanted:
                each.pool.give_up()
                self._leaving.append(each)
        self.targets = [present.get(each) or self._target(each) for each in wanted]
        rotated(self.targets)

    def _wanted(self) -> Iterable[TargetId]:
        for entry, name in enumerate(self._names):
            if name is None:
                yield TargetId(entry, Ip(""))
            else:
                yield from (TargetId(entry, ip) for ip in sorted(name.addresses))

    def _target(self, target_id: TargetId) -> Target:
        address = self.settings.addresses[target_id.entry]
        return Target(target_id, address, self._make_pool(place_of(address, target_id.ip)))

    # ── as time passes ────────────────────────────────────────────────────────────────────────────

    def sweep(self, now_s: float) -> None:
        """Do what is due: deadlines and idle connections, names that are in use, what is leaving."""
        self._moved()
        is_used = False
        for each in (*self.targets, *self._leaving):
            each.pool.sweep(now_s)
            is_used = is_used or not each.pool.is_empty
        for name in self._watched() if is_used else ():
            name.use(now_s)
        for each in [one for one in self._leaving if one.pool.is_empty]:
            self._leaving.remove(each)
            each.pool.close()

    def give_up(self) -> None:
        """Keep no idle connections any more."""
        for each in self.targets:
            each.pool.give_up()

    def close(self) -> None:
        """Close every connection."""
        for name in self._watched():
            name.unwatch(self._moved)
        for each in (*self.targets, *self._leaving):
            each.pool.close()
        self.pool.close()


def _name(address: AddressSettings, find_name: FindName) -> Name | None:
    place = address.place
    return None if place.scheme is Scheme.UNIX or is_address(place.host) else find_name(place.host)
