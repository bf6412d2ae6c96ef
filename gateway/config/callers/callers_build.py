"""Models -> settings of the ways to know a caller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config.callers.callers_model import JwtModel, WayModel
from gateway.config.problems import dotted
from gateway.config.tree import Keys, find
from gateway.config.values.key_types import JwtType
from gateway.config.values.strict import given, unique
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    JWT_ALGORITHMS,
    ApiKeyWay,
    BasicWay,
    CertificateWay,
    IntrospectionWay,
    JwtWay,
    NetworkWay,
    Way,
    WaySettings,
)
from gateway.core.settings.client_settings import ClientName, Reach


def way_settings(callers: Mapping[str, WayModel], root: Keys, folder: Path) -> dict[WayName, WaySettings]:
    """Build the ways, by name."""
    return {
        WayName(name): WaySettings(WayName(name), _way(model, folder), _place(root, name))
        for name, model in callers.items()
    }


def _way(model: WayModel, folder: Path) -> Way:
    if model.api_key is not None:
        return ApiKeyWay(str(folder / model.api_key.file), **given(model.api_key, "header"))
    if model.introspection is not None:
        asks = model.introspection
        return IntrospectionWay(
            client=ClientName(asks.client),
            endpoint=asks.endpoint.url if asks.endpoint is not None else None,
            audience=unique(asks.audience),
            **given(asks, "issuer", "cache_s", "id_claim"),
        )
    if model.certificate is not None:
        of = model.certificate
        return CertificateWay(unique(of.uri), unique(of.dns), unique(of.subject))
    if model.basic is not None:
        return BasicWay(str(folder / model.basic.htpasswd))
    if model.jwt is not None:
        return _jwt(model.jwt, folder)
    assert model.network is not None, "callers_rules finds a way without a kind"
    return NetworkWay(unique(model.network))


def _jwt(model: JwtModel, folder: Path) -> JwtWay:
    ca_file = model.tls.ca if model.tls is not None else None
    return JwtWay(
        issuer=model.issuer,
        audience=unique(model.audience),
        jwks_uri=model.jwks_uri.url if model.jwks_uri is not None else None,
        keys_file=str(folder / model.keys) if model.keys is not None else None,
        algorithms=tuple(each.value for each in unique(model.algorithms)) or JWT_ALGORITHMS,
        takes_any_type=model.token_type is JwtType.ANY,
        id_claim=model.id_claim,
        header=model.header,
        reach=Reach(
            ca_file=str(folder / ca_file) if ca_file is not None else None,
            allows_insecure=model.allow_insecure,
            **given(model, "timeout_s"),
        ),
    )


def _place(root: Keys, name: str) -> str:
    place = find(root, ("callers", name)).key_place
    return f"{place.line}:{place.column}: {dotted(('callers', name))}"
