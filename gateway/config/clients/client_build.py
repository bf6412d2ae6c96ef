"""Models -> settings of clients: grants, and readers of their credentials."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from gateway.config.clients.client_method import SIGNING_METHODS, client_method, credential_key, is_signing
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.login_build import login_settings
from gateway.config.clients.login_model import LoginModel
from gateway.config.clients.shape_build import answer_shape, referenced_values, request_shape
from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import constant_reader, template_reader
from gateway.config.tls.tls_build import authorities, oldest_version, own_certificate
from gateway.config.tree import Items, Keys, Leaf, Node, Spot, find
from gateway.config.values.strict import given, unique
from gateway.core.oauth.client_assertion import JWT_BEARER
from gateway.core.settings.client_settings import (
    AuthMethod,
    ClientName,
    ClientSettings,
    Grant,
    GrantType,
    Reach,
    SecretReader,
)
from gateway.core.settings.signing_settings import (
    LIFETIME_S,
    AssertionSettings,
    CertificateHeader,
    DpopSettings,
    JsonClaim,
)
from gateway.core.text import plain_text

_KEY: Final = "private_key"
"""Its value may have several lines, as in PEM."""


def client_settings(name: str, client: ClientModel, root: Keys, sources: ReferenceValues) -> ClientSettings:
    """Build the settings of one client.

    Raises:
        Wrong: a credential file vanished since it was read.
    """
    if client.login is not None:
        return _with_login(name, client, client.login, root, sources)
    key = credential_key(client)
    here = ("clients", name)
    spot = find(root, here if key is None else (*here, key))
    dpop_spot = find(root, (*here, "dpop_private_key"))
    revocation = client.revocation_endpoint
    return ClientSettings(
        grant=_grant(name, client, sources.folder),
        credentials=(constant_reader(""),) if key is None else _readers(spot.node, key, sources),
        reach=_reach(client, sources.folder),
        dpop_key=None if client.dpop_private_key is None else _reader(dpop_spot.node, _KEY, sources),
        is_required=client.is_required is not False,
        referenced=tuple(referenced_values(here, client, root, sources)),
        revokes=client.revoke,
        revocation_endpoint=None if revocation is None else revocation.url,
        place=_place(spot, name, key),
        dpop_place=_place(dpop_spot, name, "dpop_private_key"),
        **given(client, "default_lifetime_s"),
    )


def _with_login(
    name: str, client: ClientModel, login: LoginModel, root: Keys, sources: ReferenceValues
) -> ClientSettings:
    spot = find(root, ("clients", name, "login"))
    settings, readers = login_settings(login, spot.node, sources)
    certificate = own_certificate(client.tls, sources.folder)
    return ClientSettings(
        grant=Grant(ClientName(name), None, "", AuthMethod.NONE, certificate=certificate, login=settings),
        credentials=readers,
        reach=_reach(client, sources.folder),
        place=_place(spot, name, "login"),
        **given(client, "default_lifetime_s"),
    )


def _reach(client: ClientModel, folder: Path) -> Reach:
    return Reach(
        ca_file=authorities(client.tls, folder),
        min_tls=oldest_version(client.tls),
        server_name=client.tls.server_name if client.tls is not None else None,
        allows_insecure=client.allow_insecure,
        **given(client, "timeout_s", "proxy"),
        **given(client.timeouts),
    )


def _grant(name: str, client: ClientModel, folder: Path) -> Grant:
    method = client_method(client)
    return Grant(
        client=ClientName(name),
        token_endpoint=None if client.token_endpoint is None else client.token_endpoint.url,
        issuer=None if client.issuer is None else client.issuer.url,
        client_id=client.client_id or "",
        method=method,
        scope=unique(client.scope),
        audience=unique(client.audience),
        resource=unique(client.resource),
        parameters=tuple((client.parameters or {}).items()),
        headers=tuple((client.headers or {}).items()),
        legacy_unencoded=client.legacy_unencoded,
        assertion=_assertion(client, folder) if is_signing(client) else None,
        assertion_type=_assertion_type(client, method),
        certificate=own_certificate(client.tls, folder),
        grant_type=client.grant_type or GrantType.CLIENT_CREDENTIALS,
        dpop=DpopSettings(client.dpop_signing_alg, client.dpop_allow_bearer) if client.dpop else None,
        takes_any_type=client.token_type is not None,
        request=request_shape(client.request),
        answer=answer_shape(client.answer),
    )


def _assertion(client: ClientModel, folder: Path) -> AssertionSettings:
    certificate = client.assertion_certificate
    return AssertionSettings(
        audience=_audience(client),
        algorithm=client.signing_algorithm,
        key_id=client.key_id,
        certificate=None if certificate is None else str(folder / certificate),
        subject=client.assertion_subject,
        claims=tuple((name, _claim(value)) for name, value in (client.assertion_claims or {}).items()),
        lifetime_s=client.assertion_lifetime_s or LIFETIME_S,
        certificate_headers=unique(client.certificate_headers) or (CertificateHeader.X5T_S256,),
    )


def _claim(value: JsonValue) -> str | JsonClaim:
    return value if isinstance(value, str) else JsonClaim(json.dumps(value))


def _audience(client: ClientModel) -> str | None:
    match client.assertion_audience:
        case None | "token_endpoint":
            return None
        case "issuer" if client.issuer is not None:
            return client.issuer.url
        case other:
            return other


def _assertion_type(client: ClientModel, method: AuthMethod) -> str:
    if method is AuthMethod.CLIENT_ASSERTION:
        return client.client_assertion_type or JWT_BEARER
    return JWT_BEARER if method in SIGNING_METHODS else ""


def _readers(node: Node, key: str, sources: ReferenceValues) -> tuple[SecretReader, ...]:
    nodes = node.nodes if isinstance(node, Items) else (node,)
    return tuple(_reader(one, key, sources) for one in nodes)


def _reader(node: Node, key: str, sources: ReferenceValues) -> SecretReader:
    assert isinstance(node, Leaf)
    if node.template is None:
        return constant_reader(str(node.value))
    checked: Callable[[str], str] = plain_text.lines if key == _KEY else plain_text.text
    return template_reader(node.template, sources, checked)


def _place(spot: Spot, name: str, key: str | None) -> str:
    place = spot.node.place
    return f"{place.line}:{place.column}: clients.{name}" + (f".{key}" if key else "")
