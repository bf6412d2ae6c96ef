"""What may stand under `clients`: our registrations at authorization servers.

Rules: as in `model`, whose part this is.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from gateway.config.tls.tls_model import ClientTls
from gateway.config.values.key_types import (
    AssertionLifetime,
    Audience,
    AuthMethodWord,
    CertificateHeaders,
    Claims,
    ClientSecrets,
    Duration,
    GrantTypeWord,
    Issuer,
    ParameterName,
    ParameterValue,
    PrivateKey,
    Proxy,
    Resource,
    Scope,
    ServerUrl,
    SigningAlgorithmWord,
    Text,
    TokenRequestFields,
    TokenTypeWord,
)
from gateway.config.values.strict import Strict, flag, optional, required
from gateway.core.oauth.client_assertion import JWT_BEARER


class ClientTimeouts(Strict):
    """Bounds on parts of a request to the authorization server."""

    connect_timeout_s: Duration | None = optional("For a connection, TLS included.", "5s", alias="connect")


class Client(Strict):
    """Our registration at an authorization server (RFC 6749 section 2)."""

    model_config = ConfigDict(
        # For editors; `client_rules` says it to everybody else.
        json_schema_extra={"anyOf": [{"required": ["token_endpoint"]}, {"required": ["issuer"]}]}
    )

    token_endpoint: ServerUrl | None = optional(
        "URL that tokens are requested from; a query in it is kept; left out: the issuer says it."
    )
    issuer: Issuer | None = optional(
        "The authorization server's own name: where its endpoints are is asked there (RFC 8414)."
    )
    client_id: Text = required("The identifier we are registered with.")
    client_secret: ClientSecrets | None = Field(
        default=None,
        repr=False,
        description="The secret we are registered with, best as ${env:NAME} or ${file:/path}; "
        "or a list, whose next one is tried where one is refused.",
    )
    grant_type: GrantTypeWord | None = optional(
        "What asks for the token: our credentials, or a signed assertion (RFC 7523 section 2.1).",
        "client_credentials",
    )
    method: AuthMethodWord | None = optional(
        "How we authenticate; client_assertion, where that key stands.",
        "client_secret_basic",
        alias="token_endpoint_auth_method",
    )
    legacy_unencoded: bool = flag(
        "Id and secret as they are in the Basic header: the server does not decode."
    )
    private_key: PrivateKey | None = Field(
        default=None,
        repr=False,
        description="Signs our assertions: PEM or JWK; best as ${file:/path}.",
    )
    signing_algorithm: SigningAlgorithmWord | None = optional(
        "What assertions are signed with; left out: HS256, or what fits the key.",
        alias="token_endpoint_auth_signing_alg",
    )
    key_id: Text | None = optional("Names the key to the server; left out: the JWK's own.", alias="kid")
    assertion_audience: Text | None = optional(
        "Whom our assertions are for: token_endpoint, issuer, or any other text.", "token_endpoint"
    )
    assertion_lifetime_s: AssertionLifetime | None = optional(
        "How long an assertion can be used, at most 5m.", "1m", alias="assertion_lifetime"
    )
    assertion_certificate: Text | None = optional(
        "PEM file: the private key's certificate, followed by its chain; it is named in the assertion's head."
    )
    certificate_headers: CertificateHeaders | None = optional(
        "By what: x5t#S256, x5t (SHA-1), x5c (itself and its chain), or a list; left out: x5t#S256.",
        alias="assertion_certificate_headers",
    )
    assertion_subject: Text | None = optional(
        "With the jwt-bearer grant: whom the assertion speaks for; left out: the client itself."
    )
    assertion_claims: Claims | None = Field(
        default=None, repr=False, description="Further claims of our assertions; lists and objects too."
    )
    client_assertion: Text | None = Field(
        default=None,
        repr=False,
        description="An assertion that somebody else makes for us; as ${file:/path}.",
    )
    client_assertion_type: Text | None = optional("What kind of assertion that is.", JWT_BEARER)
    scope: Scope | None = optional("What is asked for: words in one text, or a list.")
    audience: Audience | None = optional("Whom the token is for, where the authorization server asks for it.")
    resource: Resource | None = optional("Absolute URI of the protected resource, or a list (RFC 8707).")
    parameters: dict[ParameterName, ParameterValue] | None = Field(
        default=None, repr=False, description="Further form fields of the token request."
    )
    headers: TokenRequestFields | None = Field(
        default=None, repr=False, description="Further header fields of the token request."
    )
    default_lifetime_s: Duration | None = optional(
        "How long a token lives that does not say it.", "5m", alias="default_lifetime"
    )
    token_type: TokenTypeWord | None = optional(
        "bearer: take tokens for bearer tokens, whatever the authorization server calls their type."
    )
    timeout_s: Duration | None = optional("How long a token request may take.", "10s", alias="timeout")
    timeouts: ClientTimeouts | None = optional("Bounds on parts of it.")
    allow_insecure: bool = flag(
        "Allow a token endpoint with http:// on another machine: the secret then travels unprotected."
    )
    proxy: Proxy | None = Field(
        default=None,
        repr=False,
        description="Forward proxy on the way to the token endpoint, http://host:port.",
    )
    tls: ClientTls | None = optional("How the authorization server is verified, and who we are to it.")
    certificate_bound: bool | None = optional(
        "Tokens are bound to our certificate, which routes must show too; left out: if it is the method.",
        alias="tls_client_certificate_bound_access_tokens",
    )
    dpop: bool = flag(
        "Tokens are bound to a key of ours, whose possession every request proves (RFC 9449).",
        alias="dpop_bound_access_tokens",
    )
    dpop_private_key: PrivateKey | None = Field(
        default=None,
        repr=False,
        description="The key that tokens are bound to, PEM or JWK; left out: made in memory at the start.",
    )
    dpop_signing_alg: SigningAlgorithmWord | None = optional(
        "What proofs are signed with; left out: what fits the key, ES256 for one made in memory."
    )
    dpop_allow_bearer: bool = flag("Take tokens that are not bound, from a server that gives no others.")
    revoke: bool = flag("Revoke tokens that are no longer used though they live (RFC 7009).")
    revocation_endpoint: ServerUrl | None = optional("Where; left out: the issuer says it.")
