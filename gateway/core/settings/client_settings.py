"""Our registrations at authorization servers, as `settings` holds them: typed, frozen, complete.

Times are in seconds. A secret comes from a `SecretReader`, which is called at each use, so that a replaced
file takes effect with the next token request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import NewType

from gateway.core.secret import Secret
from gateway.core.settings.login_settings import LoginSettings
from gateway.core.settings.shape_settings import USUAL_REQUEST, AnswerShape, RequestShape
from gateway.core.settings.signing_settings import AssertionSettings, DpopSettings

ClientName = NewType("ClientName", str)
SecretReader = Callable[[], Secret]


class AuthMethod(Enum):
    """Registered values of ``token_endpoint_auth_method`` (RFC 7591 section 2, RFC 8705 section 2).

    ``client_assertion`` is our own name: the assertion is made by a third party that vouches for us.
    """

    CLIENT_SECRET_BASIC = "client_secret_basic"
    CLIENT_SECRET_POST = "client_secret_post"
    CLIENT_SECRET_JWT = "client_secret_jwt"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS_CLIENT_AUTH = "tls_client_auth"
    SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth"
    CLIENT_ASSERTION = "client_assertion"
    NONE = "none"


class GrantType(StrEnum):
    """The values of ``grant_type`` that the gateway knows (RFC 6749 section 4.4, RFC 7523 section 2.1)."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenType(Enum):
    """What tokens are treated as, whatever the server calls their type (RFC 6749 section 7.1)."""

    BEARER = "bearer"


class TlsVersion(Enum):
    """The oldest acceptable version of TLS (RFC 9325 section 3.1.1: at least 1.2)."""

    TLS_1_2 = "TLSv1.2"
    TLS_1_3 = "TLSv1.3"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of a certificate chain and its private key."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """Whose certificates a listener accepts from its callers.

    Attributes:
        ca_file: PEM file with the authorities.
        is_required: whether a caller without one is refused in the handshake.
    """

    ca_file: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """Everything that decides which token comes back: the key of the token store.

    Attributes:
        token_endpoint: None if the metadata of `issuer` names it (RFC 8414). Its query may contain a secret.
        issuer: the authorization server's identifier; with a `token_endpoint` nothing is discovered.
        headers: further header fields of the token request.
        legacy_unencoded: id and secret are not form-encoded in the Basic header.
        assertion: how assertions are signed; None if none is.
        assertion_type: the ``client_assertion_type``; empty if no assertion is sent.
        certificate: what we present to the authorization server in the TLS handshake (RFC 8705).
        dpop: how tokens are bound to a key of ours (RFC 9449); None if they are not.
        takes_any_type: tokens are treated as bearer tokens, whatever the server calls their type.
        grant_type: one of `GrantType`, or any other name.
        client_id: empty where the server knows no clients; then nothing authenticates one.
        request: the shape of the token request.
        answer: the shape of its answer; None for that of RFC 6749 section 5.1.
        login: how to log in to a server that does not speak OAuth; None with a token endpoint. Of the rest of
            a grant, only `client` and `certificate` have an effect then.
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
    grant_type: str = GrantType.CLIENT_CREDENTIALS
    issuer: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    dpop: DpopSettings | None = None
    takes_any_type: bool = False
    request: RequestShape = USUAL_REQUEST
    answer: AnswerShape | None = None
    login: LoginSettings | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The connection settings for an authorization server.

    Attributes:
        timeout_s: for one request, from connecting to the last byte of the answer.
        connect_timeout_s: for connecting, TLS included.
        ca_file: PEM file of a CA bundle to trust instead of the system's.
        proxy: URL of a forward proxy; may contain a password.
        server_name: the name that its certificate must have, also sent as SNI; None for the URL's host.
        allows_insecure: its metadata may name ``http://`` endpoints on another machine.
    """

    timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    min_tls: TlsVersion = TlsVersion.TLS_1_2
    allows_insecure: bool = False
    server_name: str | None = None


class Section(Enum):
    """Where a grant has values that the owner wrote: attributes of `Grant`, or of its `request`."""

    PARAMETERS = "parameters"
    HEADERS = "headers"
    QUERY = "query"


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Referenced:
    """A value of a grant that is composed of references, and read again at each use.

    Attributes:
        loaded: what it was when the configuration was read. A route that writes another one keeps that.
    """

    section: Section
    name: str
    loaded: str = field(repr=False)
    read: SecretReader = field(repr=False)

    @property
    def key(self) -> str:
        """Its key below the client."""
        section = "request.query" if self.section is Section.QUERY else self.section.value
        return f"{section}.{self.name}"

    def exchanged(self, grant: Grant, value: str) -> Grant:
        """Return the grant with `value` for what was loaded."""
        match self.section:
            case Section.PARAMETERS:
                return replace(grant, parameters=self._with(grant.parameters, value))
            case Section.HEADERS:
                return replace(grant, headers=self._with(grant.headers, value))
            case Section.QUERY:
                request = replace(grant.request, query=self._with(grant.request.query, value))
                return replace(grant, request=request)

    def _with(self, pairs: Pairs, value: str) -> Pairs:
        ours = (self.name, self.loaded)
        return tuple((self.name, value) if pair == ours else pair for pair in pairs)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Our registration at an authorization server.

    Attributes:
        credentials: the client secrets, the private key or the finished assertion, depending on the method;
            one empty text if a certificate, or nothing, authenticates the client. Only secrets can be
            several. Of a login, its secret texts (`login_settings.SecretText`).
        dpop_key: the private key that tokens are bound to; None if it is made in memory, or the grant has no
            `dpop`.
        is_required: the gateway is not ready before each of its grants has had a token. Not compared: whether
            it is asked for changes nothing of a source.
        referenced: values of the grant that may change while it is in use, as files are replaced.
        revokes: tokens that are no longer used are revoked (RFC 7009).
        revocation_endpoint: where; None if the metadata of the issuer names it.
        place: where the credential is in the file, as in ``12:5: clients.crm.private_key``.
        dpop_place: the same for `dpop_key`.
    """

    grant: Grant
    credentials: tuple[SecretReader, ...] = field(repr=False, compare=False)
    reach: Reach = Reach()
    default_lifetime_s: float = 300.0
    dpop_key: SecretReader | None = field(default=None, repr=False, compare=False)
    is_required: bool = field(default=True, compare=False)
    referenced: tuple[Referenced, ...] = field(default=(), repr=False, compare=False)
    revokes: bool = False
    revocation_endpoint: str | None = field(default=None, repr=False)
    place: str = field(default="", compare=False)
    dpop_place: str = field(default="", compare=False)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The configured URLs of its authorization server and proxy."""
        known = (self.grant.token_endpoint or self.grant.issuer, self.revocation_endpoint, self.reach.proxy)
        return tuple(url for url in known if url)

    @property
    def name(self) -> ClientName:
        """Its key under ``clients``."""
        return self.grant.client
