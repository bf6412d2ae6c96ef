"""What `gateway.yaml` means: typed, frozen, complete. Written by `config`, read by everybody.

Times are seconds, sizes are bytes. A secret is given by a `SecretReader`, called at each use, so that a
file that was replaced takes effect at the next token request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NewType

from gateway.core.client_assertion import AssertionSettings
from gateway.core.dpop import DpopSettings
from gateway.core.secret import Secret

ClientName = NewType("ClientName", str)
RouteName = NewType("RouteName", str)
SecretReader = Callable[[], Secret]

KIB: Final = 1024
MIB: Final = 1024 * KIB


class AuthMethod(Enum):
    """Registered values of ``token_endpoint_auth_method`` (RFC 7591 section 2, RFC 8705 section 2).

    ``client_assertion`` is a word of ours: the assertion is made by somebody else, who vouches for us.
    """

    CLIENT_SECRET_BASIC = "client_secret_basic"
    CLIENT_SECRET_POST = "client_secret_post"
    CLIENT_SECRET_JWT = "client_secret_jwt"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS_CLIENT_AUTH = "tls_client_auth"
    SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth"
    CLIENT_ASSERTION = "client_assertion"
    NONE = "none"


class GrantType(Enum):
    """Registered values of ``grant_type`` (RFC 6749 section 4.4, RFC 7523 section 2.1)."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TlsVersion(Enum):
    """The oldest version of TLS that is spoken (RFC 9325 section 3.1.1: 1.2 at least)."""

    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


class CallerAuthorization(Enum):
    """What happens to the caller's own ``Authorization``."""

    REPLACE = "replace"
    REJECT = "reject"
    KEEP = "keep"


class Scheme(Enum):
    """How an upstream is spoken to."""

    HTTP = "http"
    HTTPS = "https"
    UNIX = "unix"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its private key, PEM."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Everything that decides which token comes back: the key of the token store.

    Attributes:
        token_endpoint: None: `issuer` says where it is (RFC 8414). Some servers have a key in its query.
        issuer: the authorization server's own name; with a `token_endpoint` nothing is discovered.
        headers: further fields of the token request.
        legacy_unencoded: id and secret stand in the Basic header as they are.
        assertion: how assertions are signed; None where none is.
        assertion_type: ``client_assertion_type``; empty where no assertion is sent.
        certificate: ours in the TLS handshake with the authorization server (RFC 8705).
        dpop: how tokens are bound to a key of ours (RFC 9449); None: they are not.
    """

    client: ClientName
    token_endpoint: str | None = field(repr=False)
    client_id: str
    method: AuthMethod
    scope: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    legacy_unencoded: bool = False
    assertion: AssertionSettings | None = None
    assertion_type: str = ""
    certificate: TlsFiles | None = None
    grant_type: GrantType = GrantType.CLIENT_CREDENTIALS
    issuer: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    dpop: DpopSettings | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How an authorization server is reached.

    Attributes:
        timeout_s: for one request to it, from connecting to the answer's last byte.
        connect_timeout_s: for a connection, TLS included.
        ca_file: PEM file of trusted authorities instead of the system's.
        proxy: URL of a forward proxy; may hold a password.
        allows_insecure: what it says of itself may lead to ``http://`` on another machine.
    """

    timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    min_tls: TlsVersion = TlsVersion.TLS_1_2
    allows_insecure: bool = False


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Our registration at an authorization server.

    Attributes:
        credentials: the client secrets, the private key or the finished assertion, as the method has it; an
            empty text where a certificate or nothing proves who we are. Never empty; only secrets are
            several.
        dpop_key: the private key that tokens are bound to; None: one is made in memory, if the grant has
            `dpop`.
        revokes: tokens that are no longer used are revoked (RFC 7009).
        revocation_endpoint: where; None: `Grant.issuer` says it.
        place: where the credential stands in the file, as ``12:5: clients.crm.private_key``.
        dpop_place, tls_place: the same of `dpop_key`, and of what names files of certificates.
    """

    grant: Grant
    credentials: tuple[SecretReader, ...] = field(repr=False, compare=False)
    reach: Reach = Reach()
    default_lifetime_s: float = 300.0
    dpop_key: SecretReader | None = field(default=None, repr=False, compare=False)
    revokes: bool = False
    revocation_endpoint: str | None = field(default=None, repr=False)
    place: str = field(default="", compare=False)
    dpop_place: str = field(default="", compare=False)
    tls_place: str = field(default="", compare=False)

    @property
    def name(self) -> ClientName:
        """Its key under ``clients``."""
        return self.grant.client


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: ``host`` and ``port`` (0: any free one), or the ``path`` of a unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One listening socket."""

    address: Address
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """The service a route forwards to. Equal settings share one connection pool.

    Attributes:
        host: name or address without brackets; for ``unix`` the text of ``Host`` is ``localhost``.
        socket_path: the unix socket, for `Scheme.UNIX` only.
        ca_file: PEM file of trusted authorities instead of the system's.
        certificate: our own certificate for the TLS handshake, or None.
    """

    scheme: Scheme
    host: str
    port: int
    socket_path: str | None = None
    ca_file: str | None = None
    certificate: TlsFiles | None = None
    min_tls: TlsVersion = TlsVersion.TLS_1_2

    @property
    def authority(self) -> str:
        """The value of ``Host`` (RFC 9110 section 7.2), without a default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme is Scheme.HTTPS else 80
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """What the owner changes in a header: first ``remove``, then ``set``, then ``add``."""

    set: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    add: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds on one request.

    Attributes:
        total_s: the route's ``timeout``: from the request's head to the answer's last byte; None: unbounded.
        connect_s: for a connection to the upstream, TLS included.
        response_s: from the request's last byte to the head of the answer; also bounds the wait for a token.
        idle_s: without a byte of a body, in either direction.
    """

    total_s: float | None = None
    connect_s: float = 5.0
    response_s: float = 60.0
    idle_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A rule that matches requests and says what happens to them.

    Attributes:
        path: a prefix on segment borders, without a final slash but for ``/`` itself.
        host: lower case, without port; ``*.example.com`` matches any name below it; None: any.
        methods: None: any.
        base_path: what goes in front of the forwarded path, without a final slash; may be empty.
        grant: None: no token is injected.
        recover_on: the upstream's status codes that mean "the token was refused".
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
    recover_on: frozenset[int] = frozenset({401})
    request_headers: HeaderRules = HeaderRules()
    response_headers: HeaderRules = HeaderRules()
    timeouts: Timeouts = Timeouts()
    max_body_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a caller or an upstream may make us hold.

    Attributes:
        replay_bytes: the longest request body that can be replayed after a 401.
        replay_total_bytes: held for replays by all requests together.
    """

    target_bytes: int = 8 * KIB
    header_bytes: int = 64 * KIB
    headers: int = 128
    head_timeout_s: float = 10.0
    keepalive_timeout_s: float = 75.0
    replay_bytes: int = 64 * KIB
    replay_total_bytes: int = 64 * MIB


class LogFormat(Enum):
    """How log records are written; AUTO: readable on a terminal, JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where the records go. ``access``: ``stdout``, ``stderr``, a file's path, or None for none."""

    level: str = "info"
    format: LogFormat = LogFormat.AUTO
    access: str | None = "stdout"


Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gateway.yaml`.

    Attributes:
        referenced: what ``${env:}`` and ``${file:}`` stood for: not to be shown wherever it occurs.
    """

    listeners: tuple[ListenerSettings, ...]
    admin: Address | None
    clients: dict[ClientName, ClientSettings]
    routes: tuple[RouteSettings, ...]
    trusted_proxies: tuple[Network, ...] = ()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    grace_s: float = 30.0
    referenced: frozenset[str] = field(default=frozenset(), repr=False)
