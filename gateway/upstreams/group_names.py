"""The names of a group of upstream addresses, and what they lead to.

Rules: a name is looked up again every ``resolve`` of its group while requests come (`core.resolution`), and
nobody waits for that. Where all names are unknown, a request waits for the first that is found; where some
are known, it does not wait for those that fail.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from gateway.core.resolution import Ip
from gateway.core.settings.upstream_settings import AddressSettings, GroupSettings, Scheme
from gateway.core.text.server_url import is_address
from gateway.net.resolver import Name, find_all_anew, find_any
from gateway.upstreams.target import TargetId

FindName = Callable[[str], Name]


class GroupNames:
    """The name of each entry of a group's list, if it is one that is looked up.

    Attributes:
        all: each once.
    """

    def __init__(self, settings: GroupSettings, find_name: FindName) -> None:
        self._renew_s = settings.resolve_s
        self._by_entry = [_name(each, find_name) for each in settings.addresses]
        self.all = list(dict.fromkeys(name for name in self._by_entry if name is not None))

    def __repr__(self) -> str:
        return f"<GroupNames {', '.join(each.host for each in self.all) or 'none'}>"

    def targets(self) -> Iterator[TargetId]:
        """Yield what they lead to now."""
        for entry, name in enumerate(self._by_entry):
            if name is None:
                yield TargetId(entry, Ip(""))
            else:
                yield from (TargetId(entry, ip) for ip in sorted(name.addresses))

    def use(self, now_s: float) -> None:
        """Note that they are in use, and renew them in the background if that is due."""
        for each in self.all:
            each.use(now_s, self._renew_s)

    async def find(self, now_s: float) -> None:
        """Look up what is not known, or was not used for long."""
        await find_any(self.all, now_s, self._renew_s)

    def use_anew(self) -> None:
        """Look them up ahead of schedule in the background, because no target is reached."""
        for each in self.all:
            each.use_anew()

    async def find_anew(self) -> None:
        """Look them up ahead of schedule, because no target could be reached."""
        await find_all_anew(self.all)

    def trouble(self) -> socket.gaierror:
        """Return why they lead nowhere."""
        return socket.gaierror(socket.EAI_NONAME, next((each.trouble for each in self.all), ""))

    def watch(self, moved: Callable[[], None]) -> None:
        """Call `moved` whenever an address is gone."""
        for each in self.all:
            each.watch(moved)

    def unwatch(self, moved: Callable[[], None]) -> None:
        """Stop calling `moved`."""
        for each in self.all:
            each.unwatch(moved)


def _name(address: AddressSettings, find_name: FindName) -> Name | None:
    place = address.place
    is_ours = place.scheme is not Scheme.UNIX and place.proxy is None and not is_address(place.host)
    return find_name(place.host) if is_ours else None  # a forward proxy looks it up itself
