"""What `gateway.yaml` means: typed, frozen, complete. `config` builds it, every other room reads it.

Times are seconds, sizes are bytes. The settings of clients are in `client_settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Final, NewType

from gateway.core.access_settings import NOTHING, GateSettings, WaySettings
from gateway.core.balance_settings import (
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
from gateway.core.caller import WayName
from gateway.core.carriers import USUAL, Carrier
from gateway.core.client_settings import ClientName, ClientSettings, ClientTrust, Grant, TlsFiles, TlsVersion
from gateway.core.forward_proxy import ForwardProxy
from gateway.core.identity_jwt import IdentityKeySettings
from gateway.core.instances import InstanceSettings
from gateway.core.proxies import NO_PROXIES, TrustedProxies
from gateway.core.refusal_sign import RefusalSign
from gateway.core.resolution import RENEW_S
from gateway.core.rewrite_settings import USUAL_REWRITES, RewriteSettings

RouteName = NewType("RouteName", str)
GroupName = NewType("GroupName", str)

KIB: Final = 1024
MIB: Final = 1024 * KIB


class CallerAuthorization(Enum):
    """What happens to the ``Authorization`` of the caller."""

    REPLACE = "replace"
    REJECT = "reject"
    KEEP = "keep"


class Scheme(Enum):
    """How to connect to an upstream."""

    HTTP = "http"
    HTTPS = "https"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on: ``host`` and ``port`` (0: any free port), or the ``path`` of a unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """Who may connect to a unix socket.

    Attributes:
        mode: the permissions of its file; None: what the umask leaves.
        group: the name or number of its group; None: that of the process.
    """

    mode: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """A listening socket.

    Attributes:
        place: where its address is in the file, as ``3:5: listen[1]``.
        access: who may connect, if it is a unix socket.
        client_trust: whose certificates callers may present; None: they are not asked for any.
    """

    address: Address
    tls: TlsFiles | None = None
    place: str = field(default="listen", compare=False)
    access: SocketAccess = SocketAccess()
    client_trust: ClientTrust | None = None


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


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Changes to a header: first ``remove``, then ``set``, then ``add``.

    Attributes:
        allow: request fields that pass, although they are blocked by default.
    """

    set: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    add: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    remove: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on one request.

    Attributes:
        total_s: the route's ``timeout``, from the head of the request to the last byte of the response; None:
            none.
        connect_s: for a connection to the upstream, including TLS.
        response_s: from the last byte of the request to the head of the response; also for the wait for a
            token.
        idle_s: without a byte of a body in either direction.
    """

    total_s: float | None = None
    connect_s: float = 5.0
    response_s: float = 60.0
    idle_s: float = 60.0


@dataclass(frozen=True, slots=True)
class TunnelSettings:
    """How long a tunnel may last; times are in seconds.

    Attributes:
        idle_s: without a byte in either direction; also for event streams.
        max_age_s: in all; None: unbounded.
        ends_with_token: it ends when the token expires that opened it.
        half_close_s: without a byte, once one side has ended.
        close_timeout_s: for the peers to answer a Close of ours.
    """

    idle_s: float = 300.0
    max_age_s: float | None = None
    ends_with_token: bool = False
    half_close_s: float = 10.0
    close_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Whose token is injected, by who calls.

    Attributes:
        by: what of the caller selects (`core.tenants`).
        routes: the same route for each value, with its own grant.
        default: for all other callers; None: they are refused.
    """

    by: str
    routes: tuple[tuple[str, RouteSettings], ...]
    default: RouteSettings | None = None

    @property
    def all(self) -> tuple[RouteSettings, ...]:
        """Every one of these routes."""
        return (*(route for _, route in self.routes), *((self.default,) if self.default is not None else ()))


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A rule that matches requests and says what happens to them.

    Attributes:
        path: a prefix of whole segments, without a final slash, except ``/`` itself.
        host: in lower case, without port; ``*.example.com`` matches any name below it; None: any.
        methods: None: any.
        upstream: the service; where there is a `group`, that of its first address.
        base_path: what is prepended to the forwarded path, without a final slash; may be empty.
        grant: the grant whose token is injected; None: none is.
        send: where the parts of the credential go; what the client says, unless the route says otherwise.
        recover_on: status codes that mean that the upstream refused the token.
        refusal_signs: further responses that mean it.
        instances: how the credential names the upstream, of which `upstream` has all but host and port; None
            if the configuration names it.
        refuses_foreign_pages: whether loopback listeners refuse pages of other sites (`core.http.foreign`).
        gate: what stands before it.
        websocket: whether WebSocket may be used.
        tunnel: how long its tunnels may last.
        tenants: whose token is injected, by who calls; then the route itself has no grant.
        passes: request fields that carry a caller's credential on other routes, and pass on this one.
        group: the addresses that share its requests; None: `upstream` is the only one.
    """

    name: RouteName
    path: str
    upstream: UpstreamSettings
    host: str | None = None
    methods: frozenset[str] | None = None
    base_path: str = ""
    strips_prefix: bool = False
    preserves_host: bool = False
    grant: Grant | None = None
    authorization: CallerAuthorization = CallerAuthorization.REPLACE
    send: tuple[Carrier, ...] = USUAL
    recover_on: frozenset[int] = frozenset({401})
    refusal_signs: tuple[RefusalSign, ...] = ()
    instances: InstanceSettings | None = None
    request_headers: HeaderRules = HeaderRules()
    response_headers: HeaderRules = HeaderRules()
    timeouts: Timeouts = Timeouts()
    max_body_bytes: int | None = None
    refuses_foreign_pages: bool = False
    gate: GateSettings = NOTHING
    websocket: bool = True
    tunnel: TunnelSettings = TunnelSettings()
    tenants: TenantSettings | None = None
    passes: tuple[str, ...] = ()
    rewrite: RewriteSettings = USUAL_REWRITES
    group: GroupSettings | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what callers and upstreams can make the gateway hold.

    Attributes:
        replay_bytes: the longest request body that can be replayed after a 401.
        replay_total_bytes: for the replays of all requests together.
        connections: connections of callers, for all listeners together.
        tunnels: tunnels, for all routes together.
        tunnels_per_caller: tunnels of one caller, or of one network where callers are not known.
        buffers_bytes: for the buffers of all connections together, without replays.
    """

    target_bytes: int = 8 * KIB
    header_bytes: int = 64 * KIB
    headers: int = 128
    head_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    replay_bytes: int = 64 * KIB
    replay_total_bytes: int = 64 * MIB
    connections: int = 10_000
    tunnels: int = 1_000
    tunnels_per_caller: int = 100
    buffers_bytes: int = 256 * MIB


class ReloadTrigger(Enum):
    """What makes a running gateway read its configuration anew: SIGHUP alone, or a changed file as well."""

    SIGNAL = "signal"
    WATCH = "watch"


class LogFormat(Enum):
    """How log records are written; AUTO: readable on a terminal, JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and where. ``access``: ``stdout``, ``stderr``, the path of a file, or None for off."""

    level: str = "info"
    format: LogFormat = LogFormat.AUTO
    access: str | None = "stdout"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gateway.yaml`.

    Attributes:
        callers: the ways to know a caller, by name.
        workers: how many processes serve callers; None: as many as there is processor time for.
        identity_jwt: the key that signs who calls; None: nothing does.
        admin_place: where the address of `admin` is in the file, as ``2:8: admin``.
        referenced: values of ``${env:}`` and ``${file:}`` that may be secrets, and are never shown.
        warnings: what is probably not intended, each as a line with its place.
    """

    listeners: tuple[ListenerSettings, ...]
    admin: Address | None
    clients: dict[ClientName, ClientSettings]
    routes: tuple[RouteSettings, ...]
    callers: dict[WayName, WaySettings] = field(default_factory=dict)
    trusted_proxies: TrustedProxies = NO_PROXIES
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    grace_s: float = 30.0
    workers: int | None = 1
    reload: ReloadTrigger = ReloadTrigger.SIGNAL
    identity_jwt: IdentityKeySettings | None = None
    referenced: frozenset[str] = field(default=frozenset(), repr=False)
    warnings: tuple[str, ...] = ()
    admin_place: str = field(default="admin", compare=False)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The grants that routes need, once each, in the order of the file."""
        tenants = (route.tenants.all for route in self.routes if route.tenants is not None)
        each = (*self.routes, *chain.from_iterable(tenants))
        return tuple(dict.fromkeys(route.grant for route in each if route.grant is not None))

    def permitted(self) -> dict[RouteName, tuple[RouteSettings, ...]]:
        """Return the routes by name, each with what it is for its tenants."""
        return {
            route.name: (route, *(route.tenants.all if route.tenants is not None else ()))
            for route in self.routes
        }
