"""What a listener knows of a caller before the first byte. The listener and `explain` ask the same code."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.http.foreign import names_this_machine
from gateway.core.http.outbound import UNKNOWN, CallerFields
from gateway.core.proxies import TrustedProxies, plain_address
from gateway.core.settings import ListenerSettings


@dataclass(frozen=True, slots=True)
class Entrance:
    """One listener, as far as it tells something of its callers.

    Attributes:
        is_unix: callers come over a unix socket, and have no address.
        is_tls: callers are met with TLS.
        is_local: it listens on a loopback address, which a browser on this machine reaches for any page.
    """

    is_unix: bool
    is_tls: bool
    is_local: bool
    proxies: TrustedProxies

    @classmethod
    def of(cls, listener: ListenerSettings, proxies: TrustedProxies) -> Entrance:
        """Give the entrance that these settings make."""
        address = listener.address
        is_unix = address.path is not None
        is_local = not is_unix and names_this_machine(address.host)
        return cls(is_unix, listener.tls is not None, is_local, proxies)

    def caller(self, peer: str | None) -> CallerFields:
        """Say who the caller is.

        Args:
            peer: its address as the socket tells it; None on unix sockets, and where it is gone already.
        """
        proto = b"https" if self.is_tls else b"http"
        if self.is_unix:
            return CallerFields(UNKNOWN, proto, self.proxies.unix, is_unix=True, proxies=self.proxies)
        address = plain_address(peer) if peer is not None else None
        if address is None:
            return CallerFields(UNKNOWN, proto, is_trusted=False, is_local=self.is_local)
        is_trusted = self.proxies.trusts(address)
        name = str(address).encode("ascii")
        return CallerFields(name, proto, is_trusted, self.is_local, proxies=self.proxies)
