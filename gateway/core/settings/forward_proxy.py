"""A forward proxy on the way to an upstream, and where it is bypassed.

Rules: those of Go's ``httpproxy`` and, but for the leading dot, of curl. ``example.com`` is that name and all
below it, ``.example.com`` those below it alone. An address or a network is compared with hosts that are
addresses; no name is looked up for that. A port, if there is one, must be that of the upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from gateway.core.secret import Secret
from gateway.core.settings.proxies import Network
from gateway.core.text.server_url import is_address


@dataclass(frozen=True, slots=True)
class Exempt:
    """An entry of ``no_proxy``: hosts that are reached without the proxy.

    Attributes:
        host: a name, in lower case; empty if there is a `network`.
        is_only_below: the name itself is not meant.
        network: of hosts that are addresses.
        port: None: any.
    """

    host: str = ""
    is_only_below: bool = False
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        """Whether an upstream is one of these; `host` is in lower case and without brackets."""
        if self.port is not None and port != self.port:
            return False
        if self.network is not None:
            return is_address(host) and ip_address(host) in self.network
        return host.endswith(f".{self.host}") or (host == self.host and not self.is_only_below)


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """Where to connect instead of to the upstream itself.

    Attributes:
        host: name or address, without brackets.
        credentials: ``user:password`` for it (RFC 7617), or None.
        exempt: upstreams that are connected to directly.
    """

    host: str
    port: int
    credentials: Secret | None = None
    exempt: tuple[Exempt, ...] = ()

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_to(proxy: ForwardProxy | None, host: str, port: int) -> ForwardProxy | None:
    """Return the proxy that leads to an upstream; None if it is connected to directly."""
    is_bypassed = proxy is not None and any(each.covers(host, port) for each in proxy.exempt)
    return None if is_bypassed else proxy
