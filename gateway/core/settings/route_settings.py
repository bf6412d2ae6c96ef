"""The routes: what each one matches, and what happens to its requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from gateway.core.settings.access_settings import NOTHING, GateSettings
from gateway.core.settings.carriers import USUAL, Carrier
from gateway.core.settings.client_settings import (
    Grant,
)
from gateway.core.settings.instances import InstanceSettings
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.settings.rewrite_settings import USUAL_REWRITES, RewriteSettings
from gateway.core.settings.upstream_settings import GroupSettings, UpstreamSettings

RouteName = NewType("RouteName", str)


class CallerAuthorization(Enum):
    """What happens to the ``Authorization`` of the caller."""

    REPLACE = "replace"
    REJECT = "reject"
    KEEP = "keep"


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
