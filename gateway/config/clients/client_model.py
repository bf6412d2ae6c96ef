"""The keys of `clients`, our registrations at authorization servers, by the rules of `document_model`."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from gateway.config.clients.login_model import LoginModel
from gateway.config.clients.send_model import Send
from gateway.config.clients.shape_model import TokenAnswerModel, TokenRequestModel
from gateway.config.tls.tls_model import ClientTls
from gateway.config.values.key_types import (
    AssertionLifetime,
    Audience,
    AuthMethodWord,
    CertificateHeaders,
    Claims,
    ClientSecrets,
    Duration,
    Flag,
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
from gateway.config.values.strict import Strict, flag, optional
from gateway.core.oauth.client_assertion import JWT_BEARER


class ClientTimeouts(Strict):
    """Limits on parts of a token request."""

    connect_timeout_s: Duration | None = optional("For a connection, including TLS.", "5s", alias="connect")


class ClientModel(Strict):
    """Our registration at an authorization server (RFC 6749 section 2)."""

    model_config = ConfigDict(
        # For editors; `client_rules` checks it.
        json_schema_extra={
            "anyOf": [
                {"required": ["token_endpoint", "client_id"]},
                {"required": ["issuer", "client_id"]},
                {"required": ["login"]},
                {
                    "required": ["token_endpoint", "token_endpoint_auth_method"],
                    "properties": {"token_endpoint_auth_method": {"enum": ["none"]}},
                },
            ]
        }
    )

    token_endpoint: ServerUrl | None = optional(
        "The URL to request tokens at; its query is kept. By default discovered from the issuer."
    )
    issuer: Issuer | None = optional(
        "The identifier of the authorization server, from which its endpoints are discovered (RFC 8414)."
    )
    client_id: Text | None = optional(
        "The identifier of this client at the authorization server; required unless there is a `login`, or "
        "nothing authenticates the client."
    )
    client_secret: ClientSecrets | None = Field(
        default=None,
        repr=False,
        description="The secret of this client, best as ${env:NAME} or ${file:/path}, "
        "or a list of secrets that are tried in turn when one is refused.",
    )
    grant_type: GrantTypeWord | None = optional(
        "The grant: client credentials, a signed assertion (RFC 7523 section 2.1), or any other name, "
        "with what it requires in `parameters`.",
        "client_credentials",
    )
    method: AuthMethodWord | None = optional(
        "How the client authenticates; client_assertion if that key is given.",
        "client_secret_basic",
        alias="token_endpoint_auth_method",
    )
    legacy_unencoded: Flag = flag(
        "Do not form-encode id and secret in the Basic header, for servers that do not decode them."
    )
    private_key: PrivateKey | None = Field(
        default=None,
        repr=False,
        description="The key that signs assertions, PEM or JWK, best as ${file:/path}.",
    )
    signing_algorithm: SigningAlgorithmWord | None = optional(
        "The algorithm that signs assertions; by default HS256, or the one that fits the key.",
        alias="token_endpoint_auth_signing_alg",
    )
    key_id: Text | None = optional("The key id that is sent; by default that of the JWK.", alias="kid")
    assertion_audience: Text | None = optional(
        "The audience of assertions: token_endpoint, issuer, or any other text.", "token_endpoint"
    )
    assertion_lifetime_s: AssertionLifetime | None = optional(
        "How long an assertion is valid, at most 5m.", "1m", alias="assertion_lifetime"
    )
    assertion_certificate: Text | None = optional(
        "PEM file: the certificate of the private key and its chain, for the header of assertions."
    )
    certificate_headers: CertificateHeaders | None = optional(
        "How the certificate is sent: x5t#S256, x5t (SHA-1), x5c (itself and its chain), or a list of these.",
        alias="assertion_certificate_headers",
    )
    assertion_subject: Text | None = optional(
        "The subject of a jwt-bearer assertion; by default the client itself."
    )
    assertion_claims: Claims | None = Field(
        default=None,
        repr=False,
        description="Additional claims of assertions, which may be lists and objects.",
    )
    client_assertion: Text | None = Field(
        default=None,
        repr=False,
        description="An assertion from another source, as ${file:/path}.",
    )
    client_assertion_type: Text | None = optional("The type of that assertion.", JWT_BEARER)
    scope: Scope | None = optional("The scope to request: words in one text, or a list.")
    audience: Audience | None = optional(
        "The audience of the token, if the authorization server requires one."
    )
    resource: Resource | None = optional("The absolute URI of the protected resource, or a list (RFC 8707).")
    parameters: dict[ParameterName, ParameterValue] | None = Field(
        default=None, repr=False, description="Additional fields of the token request."
    )
    headers: TokenRequestFields | None = Field(
        default=None, repr=False, description="Additional header fields of the token request."
    )
    request: TokenRequestModel | None = optional(
        "The shape of the token request, where it is not that of RFC 6749."
    )
    answer: TokenAnswerModel | None = optional("The shape of its answer, where it is not that of RFC 6749.")
    login: LoginModel | None = optional(
        "How to log in to a server that does not speak OAuth, instead of a token_endpoint."
    )
    default_lifetime_s: Duration | None = optional(
        "The lifetime of a token if the response states none.", "5m", alias="default_lifetime"
    )
    token_type: TokenTypeWord | None = optional(
        "bearer: treat tokens as bearer tokens, whatever type the authorization server names."
    )
    send: Send | None = optional(
        "Where requests to upstreams carry the credential; by default in Authorization, as a bearer token."
    )
    timeout_s: Duration | None = optional("How long a token request may take.", "10s", alias="timeout")
    timeouts: ClientTimeouts | None = optional("Limits on parts of a token request.")
    allow_insecure: Flag = flag(
        "Allow http:// to an authorization server on another machine: the secret then travels unencrypted."
    )
    proxy: Proxy | None = Field(
        default=None,
        repr=False,
        description="The forward proxy to the authorization server: http://host:port.",
    )
    tls: ClientTls | None = optional("How the authorization server is verified, and our certificate for it.")
    certificate_bound: Flag | None = optional(
        "Tokens are bound to our certificate, which routes must use too; by default with the TLS methods.",
        alias="tls_client_certificate_bound_access_tokens",
    )
    dpop: Flag = flag(
        "Tokens are bound to a key of ours, and every request carries a proof of it (RFC 9449).",
        alias="dpop_bound_access_tokens",
    )
    dpop_private_key: PrivateKey | None = Field(
        default=None,
        repr=False,
        description="The key that tokens are bound to, PEM or JWK; by default generated in memory.",
    )
    dpop_signing_alg: SigningAlgorithmWord | None = optional(
        "The algorithm that signs proofs; by default the one that fits the key, ES256 for one in memory."
    )
    dpop_allow_bearer: Flag = flag("Accept tokens that are not bound, from a server that issues no others.")
    is_required: Flag | None = optional(
        "false: a first token of this client is not waited for before the gateway counts as ready.",
        True,
        alias="required",
    )
    revoke: Flag = flag("Revoke tokens that are still valid but no longer used (RFC 7009).")
    revocation_endpoint: ServerUrl | None = optional(
        "The URL to revoke tokens at; by default discovered from the issuer."
    )
