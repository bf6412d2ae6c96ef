"""The keys of `callers`, by the rules of `document_model`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.config.values.certificate_patterns import DnsPatterns, SubjectPatterns, UriPatterns
from gateway.config.values.key_types import (
    Audience,
    CallerNetwork,
    CredentialField,
    Duration,
    FilePath,
    Flag,
    JwtAlgorithms,
    JwtTypeWord,
    ServerUrl,
    Text,
    one_or_many,
)
from gateway.config.values.strict import Strict, flag, optional, required


class ApiKeyModel(Strict):
    """Callers send a key of ours in a header field."""

    file: FilePath = required("The TOML file with the SHA-256 of each key; see `gateway key new`.")
    header: CredentialField | None = optional("The field that the key is in.", "X-API-Key")


class IssuerTls(Strict):
    """How the issuer is verified."""

    ca: FilePath | None = optional("The CA bundle to trust; the system's by default.")


class JwtModel(Strict):
    """Callers send an access token that is a JWT, signed by an issuer."""

    issuer: Text = required("The `iss` of its tokens, exactly as it spells it.")
    audience: Audience = required("What the `aud` of a token must name; of a list, one of them.")
    jwks_uri: ServerUrl | None = optional("Where its keys are; by default its metadata says so.")
    keys: FilePath | None = optional("A file with its keys as a JSON Web Key Set; nothing is fetched then.")
    algorithms: JwtAlgorithms | None = optional("The signature algorithms that are taken; by default all.")
    token_type: JwtTypeWord | None = optional(
        "at+jwt: access tokens by their type (RFC 9068); any: every JWT of the issuer.", "at+jwt"
    )
    id_claim: Text | None = optional("The claim that names the caller; by default sub, else client_id.")
    header: CredentialField | None = optional(
        "The field that the token is in, without Bearer; by default it is in Authorization."
    )
    timeout_s: Duration | None = optional("For one request to the issuer.", "10s", alias="timeout")
    tls: IssuerTls | None = optional("How the issuer is verified.")
    allow_insecure: Flag = flag("Allow http:// to an issuer on another machine.")


class PasswordsModel(Strict):
    """Callers send a user name and a password."""

    htpasswd: FilePath = required("The file of users that `htpasswd -B` writes: bcrypt or argon2id.")


class IntrospectionModel(Strict):
    """Callers send a token that its authorization server is asked about (RFC 7662)."""

    client: Text = required("The name under `clients` of the registration by which the gateway asks.")
    endpoint: ServerUrl | None = optional(
        "Where to ask; by default the metadata of the client's issuer says so."
    )
    issuer: Text | None = optional("What the response must name as `iss`.")
    audience: Audience | None = optional("What the `aud` of the response must name; of a list, one of them.")
    cache_s: Duration | None = optional(
        "How long an answer is remembered at most; never past the token's end.", "30s", alias="cache"
    )
    id_claim: Text | None = optional("The member that names the caller; by default sub, else client_id.")


class CertificateModel(Strict):
    """Callers present a certificate; a name of it fits a pattern of each key."""

    uri: UriPatterns | None = optional("URIs among its alternative names: spiffe://example.org/ns/shop/*")
    dns: DnsPatterns | None = optional("DNS names among its alternative names: *.shop.example.com")
    subject: SubjectPatterns | None = optional("Its whole subject, as in RFC 4514: CN=*,O=Example")


class WayModel(Strict):
    """One way to know a caller: exactly one of these keys."""

    jwt: JwtModel | None = optional("By an access token that is a JWT.")
    api_key: ApiKeyModel | None = optional("By a key of ours that the caller sends.")
    introspection: IntrospectionModel | None = optional(
        "By a token that its authorization server is asked about."
    )
    certificate: CertificateModel | None = optional(
        "By a certificate that it presents to a listener with `client_ca`."
    )
    basic: PasswordsModel | None = optional("By a user name and a password.")
    network: (
        Annotated[
            list[CallerNetwork],
            Field(min_length=1),
            BeforeValidator(one_or_many, json_schema_input_type=CallerNetwork | list[CallerNetwork]),
        ]
        | None
    ) = optional("By its address: networks or addresses.")
