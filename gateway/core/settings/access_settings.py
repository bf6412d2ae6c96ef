"""Who may use a route, as `settings` holds it: the ways to know a caller, and the rules that name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from gateway.core.caller import WayName
from gateway.core.settings.client_settings import ClientName, Reach
from gateway.core.settings.hours import Hours
from gateway.core.settings.identity import IdentityField
from gateway.core.settings.identity_jwt import IdentityJwt
from gateway.core.settings.proxies import Network

JWT_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures that anybody can verify (RFC 7518 section 3.1, RFC 8037 section 3.1)."""


@dataclass(frozen=True, slots=True)
class NetworkWay:
    """Callers are known by their address: the peer's, or the client's that a trusted proxy reports."""

    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyWay:
    """Callers send a key of ours in a header field.

    Attributes:
        file: the YAML file that lists the keys by their SHA-256.
        header: the name of the field.
    """

    file: str
    header: str = "X-API-Key"


@dataclass(frozen=True, slots=True)
class JwtWay:
    """Callers send an access token that is a JWT.

    Attributes:
        issuer: the ``iss`` of its tokens.
        audience: of which a token's ``aud`` must name one; never empty.
        jwks_uri: where its keys are; None if its metadata says so (RFC 8414), or a file holds them.
        keys_file: a file that holds its keys as a JSON Web Key Set; None if they are fetched.
        algorithms: those that are taken.
        takes_any_type: whether any JWT of the issuer is taken for an access token (RFC 9068 section 4).
        id_claim: the claim that names the caller; None: ``sub``, else ``client_id``.
        header: the field that the token is in, without a scheme; None: ``Authorization: Bearer``.
        reach: how the issuer is reached.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_uri: str | None = None
    keys_file: str | None = None
    algorithms: tuple[str, ...] = JWT_ALGORITHMS
    takes_any_type: bool = False
    id_claim: str | None = None
    header: str | None = None
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True, slots=True)
class IntrospectionWay:
    """Callers send a token of an authorization server that is asked about it (RFC 7662).

    Attributes:
        client: which of our clients asks.
        endpoint: where; None: the metadata of the client's issuer says so.
        issuer: what the response must name as ``iss``; None: anything, or nothing.
        audience: of which its ``aud`` must name one; empty: anything, or nothing.
        cache_s: how long a response is remembered at most.
        id_claim: the member that names the caller; None: ``sub``, else ``client_id``.
    """

    client: ClientName
    endpoint: str | None = None
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    cache_s: float = 30.0
    id_claim: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateWay:
    """Callers present a certificate to a listener that asks for one.

    Attributes:
        uri, dns, subject: patterns; of each kind that has any, one must fit.
    """

    uri: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BasicWay:
    """Callers send a user name and a password.

    Attributes:
        htpasswd: the file of users, as ``htpasswd -B`` writes it.
    """

    htpasswd: str


Way = NetworkWay | ApiKeyWay | JwtWay | BasicWay | CertificateWay | IntrospectionWay
PLACES: Final = (NetworkWay, CertificateWay)
"""Ways that know a caller by where it comes from, and not by what it adds to a request."""


@dataclass(frozen=True, slots=True)
class WaySettings:
    """One way to know a caller.

    Attributes:
        place: where it is in the file, as ``12:3: callers.partner``.
    """

    name: WayName
    way: Way
    place: str = field(default="", compare=False)


class LimitKey(Enum):
    """Whose requests are counted together."""

    CALLER = "caller"
    NETWORK = "network"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often: `count` requests in `period_s` in the long run, and `burst` at once.

    Attributes:
        name: its name in ``RateLimit`` fields.
    """

    name: str
    count: int
    period_s: float
    burst: int
    by: LimitKey = LimitKey.CALLER


@dataclass(frozen=True, slots=True)
class InFlightLimit:
    """How many at the same time."""

    name: str
    most: int
    by: LimitKey = LimitKey.ROUTE


Limit = RateLimit | InFlightLimit


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """Which pages of other origins may use a route (Fetch standard, section 3.2).

    Attributes:
        origins: as browsers write them; ``*`` alone means any.
        credentials: pages may send what the browser knows of the caller.
        max_age_s: how long the answer to a preflight may be remembered.
        headers: which request fields pages may set; None: those that they ask for.
        expose: which response fields pages may read, beyond those of limits.
    """

    origins: frozenset[str]
    credentials: bool = False
    max_age_s: int = 600
    headers: tuple[str, ...] | None = None
    expose: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether pages of any origin may."""
        return "*" in self.origins


def field_of(way: Way) -> str | None:
    """Return the field of its own that a way's credential is in, if it is in one."""
    return way.header if isinstance(way, ApiKeyWay | JwtWay) else None


def credential_fields(ways: Iterable[WaySettings]) -> frozenset[bytes]:
    """Return the names of the fields that credentials alone are in, in lower case."""
    fields = (field_of(each.way) for each in ways)
    return frozenset(name.lower().encode() for name in fields if name is not None)


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One way in. All that it says must hold.

    Attributes:
        callers: the caller must be known in each of these ways.
        scope: what it must have been granted, by these ways together.
        claims: names of claims, each with the values that are accepted.
        hours: when; None: always.
    """

    callers: tuple[WayName, ...]
    scope: frozenset[str] = frozenset()
    claims: tuple[tuple[str, tuple[str | int | bool, ...]], ...] = ()
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may use a route: whoever satisfies one of the entries."""

    entries: tuple[AccessEntry, ...]

    @property
    def ways(self) -> tuple[WayName, ...]:
        """The ways that any entry names, once each, in the order of the file."""
        return tuple(dict.fromkeys(name for entry in self.entries for name in entry.callers))

    @property
    def has_hours(self) -> bool:
        """Whether any entry depends on the time."""
        return any(entry.hours is not None for entry in self.entries)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What stands before a route.

    Attributes:
        rule: who may use it; None: whoever reaches it.
        identity: what the upstream is told of the caller.
        identity_jwt: what it is told in a signed form; None: nothing.
    """

    rule: AccessRule | None = None
    limits: tuple[Limit, ...] = ()
    cors: CorsSettings | None = None
    identity: tuple[IdentityField, ...] = ()
    identity_jwt: IdentityJwt | None = None

    @property
    def told_in(self) -> tuple[str, ...]:
        """The names of the fields in which the upstream is told who calls."""
        signed = (self.identity_jwt.header,) if self.identity_jwt is not None else ()
        return (*(field.name for field in self.identity), *signed)

    @property
    def is_open(self) -> bool:
        """Whether nothing stands there."""
        return self.rule is None and not self.limits and self.cors is None


NOTHING: Final = GateSettings()
