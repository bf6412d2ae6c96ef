"""The clients' part of `build`: grants, and readers of what proves who we are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.config import names
from gateway.config.client_rules import SIGNING_METHODS, client_method, credential_key, is_signing
from gateway.config.expand import Sources
from gateway.config.model import Client, given
from gateway.config.secret_reader import constant_reader, template_reader
from gateway.config.tree import Keys, Leaf, Spot, find
from gateway.core.client_assertion import JWT_BEARER, LIFETIME_S, AssertionSettings
from gateway.core.settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    GrantType,
    SecretReader,
    TlsFiles,
)

TOKEN_ENDPOINT: Final = "token_endpoint"
"""As `assertion_audience`: the token endpoint's own URL."""


def client_settings(name: str, client: Client, root: Keys, sources: Sources) -> ClientSettings:
    """Build the settings of one client.

    Raises:
        Wrong: a file of its credential vanished since it was read.
    """
    key = credential_key(client)
    spot = find(root, ("clients", name) if key is None else ("clients", name, key))
    ca = client.tls.ca if client.tls is not None else None
    return ClientSettings(
        grant=_grant(name, client, sources.folder),
        credential=constant_reader("") if key is None else _reader(spot, key, sources),
        ca_file=None if ca is None else str(sources.folder / ca),
        place=_place(spot, name, key),
        **given(client, "default_lifetime_s", "timeout_s", "proxy"),
    )


def _grant(name: str, client: Client, folder: Path) -> Grant:
    method = client_method(client)
    return Grant(
        client=ClientName(name),
        token_endpoint=client.token_endpoint.url,
        client_id=client.client_id,
        method=method,
        scope=tuple(dict.fromkeys(client.scope or ())),
        audience=tuple(dict.fromkeys(client.audience or ())),
        resource=tuple(dict.fromkeys(client.resource or ())),
        parameters=tuple((client.parameters or {}).items()),
        legacy_unencoded=client.legacy_unencoded,
        assertion=_assertion(client, folder) if is_signing(client) else None,
        assertion_type=_assertion_type(client, method),
        certificate=_certificate(client, folder),
        grant_type=client.grant_type or GrantType.CLIENT_CREDENTIALS,
    )


def _assertion(client: Client, folder: Path) -> AssertionSettings:
    audience, certificate = client.assertion_audience or TOKEN_ENDPOINT, client.assertion_certificate
    return AssertionSettings(
        audience=client.token_endpoint.url if audience == TOKEN_ENDPOINT else audience,
        algorithm=client.signing_algorithm,
        key_id=client.key_id,
        certificate=None if certificate is None else str(folder / certificate),
        subject=client.assertion_subject,
        claims=tuple((client.assertion_claims or {}).items()),
        lifetime_s=client.assertion_lifetime_s or LIFETIME_S,
    )


def _assertion_type(client: Client, method: AuthMethod) -> str:
    if method is AuthMethod.CLIENT_ASSERTION:
        return client.client_assertion_type or JWT_BEARER
    return JWT_BEARER if method in SIGNING_METHODS else ""


def _certificate(client: Client, folder: Path) -> TlsFiles | None:
    tls = client.tls
    if tls is None or tls.certificate is None or tls.key is None:
        return None
    return TlsFiles(str(folder / tls.certificate), str(folder / tls.key))


def _reader(spot: Spot, key: str, sources: Sources) -> SecretReader:
    leaf = spot.node
    assert isinstance(leaf, Leaf)
    if leaf.template is None:
        return constant_reader(str(leaf.value))
    checked: Callable[[str], str] = names.lines if key == "private_key" else names.text
    return template_reader(leaf.template, sources, checked)


def _place(spot: Spot, name: str, key: str | None) -> str:
    place = spot.node.place
    return f"{place.line}:{place.column}: clients.{name}" + (f".{key}" if key else "")
