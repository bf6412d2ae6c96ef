"""Where an authorization server's metadata contradicts the configuration, in plain sentences.

They decide nothing: metadata is often incomplete or out of date, so the token request is sent regardless.
They are what an operator reads first when it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.oauth.metadata import ServerMetadata, Words
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, Grant, GrantType
from gateway.core.settings.signing_settings import SigningAlgorithm
from gateway.core.text.cut import some_of


@dataclass(frozen=True, slots=True)
class UsedAlgorithms:
    """The algorithms that the client's keys sign with; None for a key that is missing or unusable."""

    assertion: SigningAlgorithm | None = None
    dpop: SigningAlgorithm | None = None


def find_objections(
    metadata: ServerMetadata, client: ClientSettings, used: UsedAlgorithms
) -> tuple[str, ...]:
    """Return how the metadata contradicts the client's settings and keys."""
    return tuple(_objections(metadata, client, used))


def _objections(metadata: ServerMetadata, client: ClientSettings, used: UsedAlgorithms) -> Iterator[str]:
    grant = client.grant
    yield from _unlisted("grant_types_supported", grant.grant_type, metadata.grant_types)
    if grant.grant_type == GrantType.CLIENT_CREDENTIALS:
        method = _registered_method(grant)
        yield from _unlisted("token_endpoint_auth_methods_supported", method, metadata.auth_methods)
        if used.assertion is not None:
            name = "token_endpoint_auth_signing_alg_values_supported"
            yield from _unlisted(name, used.assertion.value, metadata.signing_algorithms)
    if grant.dpop is not None:
        yield from _about_dpop(used.dpop, metadata.dpop_algorithms)
    if client.revokes and client.revocation_endpoint is None:
        yield from _about_revocation(metadata, shows_certificate=grant.certificate is not None)


def _registered_method(grant: Grant) -> str:
    """To the server, an assertion that somebody else signed is one that was signed with a private key."""
    if grant.method is AuthMethod.CLIENT_ASSERTION and grant.assertion_type == JWT_BEARER:
        return AuthMethod.PRIVATE_KEY_JWT.value
    return grant.method.value


def _about_dpop(algorithm: SigningAlgorithm | None, supported: Words | None) -> Iterator[str]:
    if supported is None:
        yield "it does not say that it binds tokens by DPoP (dpop_signing_alg_values_supported is missing)"
    elif algorithm is not None:
        yield from _unlisted("dpop_signing_alg_values_supported", algorithm.value, supported)


def _about_revocation(metadata: ServerMetadata, *, shows_certificate: bool) -> Iterator[str]:
    if metadata.revocation_endpoint_for(shows_certificate=shows_certificate) is None:
        yield "it names no revocation_endpoint, so no token is revoked"


def _unlisted(name: str, value: str, listed: Words | None) -> Iterator[str]:
    if listed is not None and value not in listed:
        yield f"{name} does not list {value}: it has {some_of(listed) or 'nothing'}"
