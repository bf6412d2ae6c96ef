"""The services that routes forward to, and the addresses of groups, as `gateway.yaml` has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType

from gateway.core.resolution import RENEW_S
from gateway.core.settings.balance_settings import (
    EJECT,
    QUEUE,
    RETRY,
    WARM,
    BalanceSettings,
    CheckSettings,
    EjectSettings,
    QueueSettings,
    RetrySettings,
)
from gateway.core.settings.client_settings import (
    TlsFiles,
    TlsVersion,
)
from gateway.core.settings.forward_proxy import ForwardProxy

GroupName = NewType("GroupName", str)


class Scheme(Enum):
    """How to connect to an upstream."""

    HTTP = "http"
    HTTPS = "https"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """The service a route forwards to. Equal settings share one connection pool.

    Attributes:
        host: name or address without brackets; ``localhost`` for `Scheme.UNIX`.
        socket_path: the unix socket, for `Scheme.UNIX` only.
        ca_file: PEM file with the CA bundle to trust; None: the system's.
        certificate: our client certificate, or None.
        server_name: the name that its certificate must have, also sent as SNI; None: `host`.
        needs_close_notify: whether a response that ends with a TLS connection is incomplete without a
            close_notify.
        proxy: the forward proxy through which it is reached; None: directly.
    """

    scheme: Scheme
    host: str
    port: int
    socket_path: str | None = None
    ca_file: str | None = None
    certificate: TlsFiles | None = None
    min_tls: TlsVersion = TlsVersion.TLS_1_2
    server_name: str | None = None
    needs_close_notify: bool = True
    proxy: ForwardProxy | None = None

    @property
    def verified_name(self) -> str:
        """The name that the certificate must have (RFC 9110 section 4.3.4)."""
        return self.server_name or self.host

    @property
    def authority(self) -> str:
        """The value of ``Host`` (RFC 9110 section 7.2), without a default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme is Scheme.HTTPS else 80
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """An address of a group: a URL of the list, which may have several addresses of the network.

    Attributes:
        service: what requests to it name: ``Host``, and the name in its certificate.
        place: where connections go; with the verified name of the service.
        weight: its share of the requests, compared with the others'.
        is_backup: it serves only while no other address does.
    """

    service: UpstreamSettings
    place: UpstreamSettings
    weight: int = 1
    is_backup: bool = False


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Several addresses that serve the same: an entry of ``upstreams``.

    Attributes:
        eject: None: no address is ejected.
        resolve_s: how often names are looked up while requests come.
        max_requests: how many it serves at the same time; None: any number.
        queue: for those that come then.
        check: None: no address is asked whether it is alive.
    """

    name: GroupName
    addresses: tuple[AddressSettings, ...]
    balance: BalanceSettings = WARM
    eject: EjectSettings | None = EJECT
    retry: RetrySettings = RETRY
    resolve_s: float = RENEW_S
    max_requests: int | None = None
    queue: QueueSettings = QUEUE
    check: CheckSettings | None = None
