"""How a client authenticates, and which keys belong to which method.

The method is the one that is written or, without one, that of the credential that is present.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.clients.client_model import ClientModel
from gateway.config.problems import Loc
from gateway.config.values.urls import ServerUrl
from gateway.core.settings.client_settings import AuthMethod, GrantType

SECRET_METHODS: Final = frozenset(
    (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST, AuthMethod.CLIENT_SECRET_JWT)
)
SIGNING_METHODS: Final = frozenset((AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT))
CERTIFICATE_METHODS: Final = frozenset((AuthMethod.TLS_CLIENT_AUTH, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH))

METHODS_OF: Final[dict[str, frozenset[AuthMethod]]] = {
    "client_secret": SECRET_METHODS,
    "private_key": frozenset((AuthMethod.PRIVATE_KEY_JWT,)),
    "client_assertion": frozenset((AuthMethod.CLIENT_ASSERTION,)),
    "client_assertion_type": frozenset((AuthMethod.CLIENT_ASSERTION,)),
    "legacy_unencoded": frozenset((AuthMethod.CLIENT_SECRET_BASIC,)),
    "token_endpoint_auth_signing_alg": SIGNING_METHODS,
    "kid": SIGNING_METHODS,
    "assertion_audience": SIGNING_METHODS,
    "assertion_lifetime": SIGNING_METHODS,
    "assertion_certificate": frozenset((AuthMethod.PRIVATE_KEY_JWT,)),
    "assertion_certificate_headers": frozenset((AuthMethod.PRIVATE_KEY_JWT,)),
    "assertion_claims": SIGNING_METHODS,
}
KEYS_OF_JWT_BEARER: Final = frozenset(
    (
        "private_key",
        "token_endpoint_auth_signing_alg",
        "kid",
        "assertion_audience",
        "assertion_lifetime",
        "assertion_certificate",
        "assertion_certificate_headers",
        "assertion_claims",
    )
)
CREDENTIAL_KEYS: Final = ("client_secret", "private_key", "client_assertion")
"""One of them holds the credential, unless a certificate does, or there is none."""


def client_method(client: ClientModel) -> AuthMethod:
    """Return the method that is written, or that of the credential that is present."""
    if client.method is not None:
        return client.method
    if is_jwt_bearer(client):
        return AuthMethod.NONE
    is_given = client.client_assertion is not None
    return AuthMethod.CLIENT_ASSERTION if is_given else AuthMethod.CLIENT_SECRET_BASIC


def is_jwt_bearer(client: ClientModel) -> bool:
    """Return whether a signed assertion is the grant itself (RFC 7523 section 2.1)."""
    return client.grant_type is GrantType.JWT_BEARER


def is_signing(client: ClientModel) -> bool:
    """Return whether the gateway signs assertions for this client."""
    return is_jwt_bearer(client) or client_method(client) in SIGNING_METHODS


def credential_key(client: ClientModel) -> str | None:
    """Return the key that holds the credential; None if the method has none."""
    if is_jwt_bearer(client):
        return "private_key"
    method = client_method(client)
    return next((key for key in CREDENTIAL_KEYS if method in METHODS_OF[key]), None)


def is_certificate_bound(client: ClientModel) -> bool:
    """Return whether its tokens are bound to its certificate (RFC 8705 section 3)."""
    if client.certificate_bound is not None:
        return client.certificate_bound
    return client_method(client) in CERTIFICATE_METHODS


def server_urls(client: ClientModel) -> Iterator[tuple[Loc, ServerUrl]]:
    """Yield the URLs of the authorization server that are in the file, with their keys below the client."""
    urls = {
        "token_endpoint": client.token_endpoint,
        "issuer": client.issuer,
        "revocation_endpoint": client.revocation_endpoint,
    }
    yield from (((key,), endpoint) for key, endpoint in urls.items() if endpoint is not None)
    if client.login is not None:
        for index, step in enumerate(client.login.steps):
            yield ("login", "steps", index, "url"), step.url
        if client.login.logout is not None:
            yield ("login", "logout", "url"), client.login.logout.url
