"""Callers known by their address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.access.finding import Finding, Known
from gateway.core.caller import Caller, WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import NetworkWay
from gateway.core.settings.proxies import plain_address

_REMEMBERED: Final = 4096
"""Addresses, each of at most 45 characters: half a MiB."""


class Networks:
    """Implements `PlaceWay`. What it found of an address is remembered, bounded."""

    def __init__(self, name: WayName, settings: NetworkWay) -> None:
        self.name = name
        self._networks = settings.networks
        self._seen: dict[str, Finding | None] = {}

    def see(self, head: RequestHead, caller: CallerFields) -> Finding | None:
        """Find out whether the peer, or the client that a trusted proxy reports, is in these networks."""
        address = caller.client_behind(head) or caller.name
        try:
            return self._seen[address]
        except KeyError:
            return self._remember(address)

    def state(self) -> Mapping[str, object]:
        """Return the networks."""
        return {"kind": "network", "networks": list(map(str, self._networks))}

    def _remember(self, text: str) -> Finding | None:
        address = plain_address(text)
        is_in = address is not None and any(address in network for network in self._networks)
        found = Known(Caller(self.name, text)) if is_in else None
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[text] = found
        return found
