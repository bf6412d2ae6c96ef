"""What a listener knows about a caller before the first byte; shared by the listener and `explain`."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.http.foreign import names_this_machine
from gateway.core.http.outbound import UNKNOWN, CallerFields
from gateway.core.settings.listener_settings import ListenerSettings
from gateway.core.settings.proxies import TrustedProxies, plain_address


@dataclass(frozen=True, slots=True)
class Entrance:
    """A listener, as far as it says something about its callers.

    Attributes:
        is_unix: callers connect over a unix socket, and have no address.
        is_tls: callers connect with TLS.
        asks_certificate: callers may present a certificate, which is verified.
        is_local: it listens on a loopback address, which any web page can reach through a local browser.
    """

    is_unix: bool
    is_tls: bool
    is_local: bool
    asks_certificate: bool
    proxies: TrustedProxies

    @classmethod
    def of(cls, listener: ListenerSettings, proxies: TrustedProxies) -> Entrance:
        """Build the entrance that these settings describe."""
        address = listener.address
        is_unix = address.path is not None
        is_local = not is_unix and names_this_machine(address.host)
        asks_certificate = listener.client_trust is not None
        return cls(is_unix, listener.tls is not None, is_local, asks_certificate, proxies)

    def caller(self, peer: str | None, certificate: bytes | None = None) -> CallerFields:
        """Describe the caller.

        Args:
            peer: the address of the socket's peer; None on unix sockets, and if the peer is already gone.
            certificate: the one that it presented and that was verified, in DER.
        """
        proto = b"https" if self.is_tls else b"http"
        if self.is_unix:
            return CallerFields(
                UNKNOWN, proto, self.proxies.unix, is_unix=True, proxies=self.proxies, certificate=certificate
            )
        address = plain_address(peer) if peer is not None else None
        if address is None:
            return CallerFields(UNKNOWN, proto, is_trusted=False, is_local=self.is_local)
        is_trusted = self.proxies.trusts(address)
        name = str(address).encode("ascii")
        return CallerFields(
            name, proto, is_trusted, self.is_local, proxies=self.proxies, certificate=certificate
        )
