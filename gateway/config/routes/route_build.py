"""Models -> settings of routes: upstreams, narrowed grants, header rules, and a name for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from gateway.config.clients.send_build import carriers, sends_authorization
from gateway.config.process.process_model import IdentityKeyModel
from gateway.config.routes.access_build import (
    credentials_of_others,
    fields_told_in,
    gate_settings,
    reads_authorization,
)
from gateway.config.routes.client_key import ClientsByCaller
from gateway.config.routes.recovery_model import RefusalModel
from gateway.config.routes.rewrite_model import rewrite_settings
from gateway.config.routes.route_model import RequestRules, ResponseRules, RouteModel
from gateway.config.routes.tunnel_model import TunnelModel
from gateway.config.tls.tls_build import with_tls
from gateway.config.upstreams.upstreams_build import UsedGroup
from gateway.config.values.strict import given, unique
from gateway.config.values.units import TOKEN
from gateway.config.values.urls import forward_proxy
from gateway.core.caller import WayName
from gateway.core.http.rewrite_bounds import bounded
from gateway.core.settings.access_settings import NOTHING, GateSettings, WaySettings
from gateway.core.settings.carriers import USUAL, Carrier
from gateway.core.settings.client_settings import ClientName, Grant
from gateway.core.settings.instances import InstanceSettings
from gateway.core.settings.refusal_sign import RefusalSign
from gateway.core.settings.route_settings import (
    CallerAuthorization,
    HeaderRules,
    RouteName,
    RouteSettings,
    TenantSettings,
    Timeouts,
    TunnelSettings,
)
from gateway.core.settings.upstream_settings import GroupName, UpstreamSettings
from gateway.core.text.json_condition import JsonCondition

Fields = tuple[tuple[str, str], ...]


class _Refusals(TypedDict, total=False):
    """What `recover_on` becomes."""

    recover_on: frozenset[int]
    refusal_signs: tuple[RefusalSign, ...]


@dataclass(frozen=True, slots=True)
class UsedClient:
    """What routes take from their client.

    Attributes:
        send: where its credential goes unless a route says otherwise.
    """

    grant: Grant
    send: tuple[Carrier, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """What other sections have that routes name.

    Attributes:
        signer: who signs `identity_jwt`.
    """

    clients: Mapping[ClientName, UsedClient]
    ways: Mapping[WayName, WaySettings]
    groups: Mapping[GroupName, UsedGroup]
    signer: IdentityKeyModel | None = None


class RouteBuilder:
    """Builds all routes of a document together, since a name depends on the others."""

    def __init__(self, routes: Sequence[RouteModel], named: Named, folder: Path) -> None:
        self._routes = routes
        self._clients = named.clients
        self._ways = named.ways
        self._groups = named.groups
        self._signer = named.signer
        self._folder = folder
        self._places = Counter(map(_place, routes))
        self._told_in = fields_told_in(routes)

    def all(self) -> tuple[RouteSettings, ...]:
        """Build them, in the order of the file."""
        return bounded(map(self._route, self._routes))

    def _route(self, route: RouteModel) -> RouteSettings:
        if not isinstance(route.client, ClientsByCaller):
            return self._of_one_client(route)
        by_name = {name: self._tenant(route, name) for name in route.client.names}
        return replace(
            self._of_one_client(route.with_client(route.client.names[0])),
            grant=None,
            tenants=TenantSettings(
                route.client.by,
                tuple((value, by_name[name]) for value, name in route.client.clients),
                by_name[route.client.default] if route.client.default is not None else None,
            ),
        )

    def _tenant(self, route: RouteModel, client: str) -> RouteSettings:
        """Return the route for a caller that was let in already."""
        return replace(self._of_one_client(route.with_client(client)), gate=NOTHING)

    def _of_one_client(self, route: RouteModel) -> RouteSettings:
        headers, gate, send = route.headers, gate_settings(route, self._signer), self._send(route)
        group = self._groups.get(GroupName(route.upstream.group))
        return RouteSettings(
            name=self._name(route),
            path=route.path,
            host=route.host,
            methods=None if route.methods is None else frozenset(route.methods),
            upstream=self._upstream(route),
            group=group.settings if group is not None else None,
            base_path=group.base_path if group is not None else route.upstream.base_path,
            strips_prefix=route.strip_prefix,
            preserves_host=route.preserve_host,
            grant=self._grant(route),
            authorization=route.authorization or self._usual_policy(gate, send),
            send=send,
            instances=_instances(route),
            **_refusals(route.recover_on),
            request_headers=_header_rules(headers.request if headers is not None else None),
            response_headers=_header_rules(headers.response if headers is not None else None),
            rewrite=rewrite_settings(route.rewrite),
            timeouts=Timeouts(total_s=route.timeout, **given(route.timeouts)),
            max_body_bytes=route.max_body,
            refuses_foreign_pages=route.client is not None and not route.allow_foreign_pages,
            gate=gate,
            websocket=route.websocket,
            tunnel=_tunnel(route.tunnel),
            passes=credentials_of_others(self._ways, gate.rule, self._told_in),
        )

    def _usual_policy(self, gate: GateSettings, send: tuple[Carrier, ...]) -> CallerAuthorization:
        """Return what happens to the caller's ``Authorization``.

        It passes where the credential goes elsewhere, unless it is the caller's credential for the gateway.
        """
        if sends_authorization(send) or reads_authorization(self._ways, gate.rule):
            return CallerAuthorization.REPLACE
        return CallerAuthorization.KEEP

    def _name(self, route: RouteModel) -> RouteName:
        """Return ``crm.example.com/crm``, or with methods ``/crm[GET,POST]`` if routes share the place."""
        place = _place(route)
        is_shared = self._places[place] > 1 and route.methods is not None
        return RouteName(f"{place}[{','.join(sorted(set(route.methods or ())))}]" if is_shared else place)

    def _grant(self, route: RouteModel) -> Grant | None:
        client = self._client(route)
        if client is None:
            return None
        grant = client.grant
        return replace(
            grant,
            scope=unique(route.scope) or grant.scope,
            audience=grant.audience if route.audience is None else unique(route.audience),
            resource=grant.resource if route.resource is None else unique(route.resource),
            parameters=tuple((dict(grant.parameters) | (route.parameters or {})).items()),
            headers=_laid_over(grant.headers, route.token_headers or {}),
        )

    def _send(self, route: RouteModel) -> tuple[Carrier, ...]:
        if route.send is not None:
            return carriers(route.send)
        client = self._client(route)
        return USUAL if client is None else client.send

    def _client(self, route: RouteModel) -> UsedClient | None:
        names = route.client_names
        return self._clients[ClientName(names[0])] if names else None

    def _upstream(self, route: RouteModel) -> UpstreamSettings:
        group = self._groups.get(GroupName(route.upstream.group))
        if group is not None:
            return group.settings.addresses[0].service
        proxy = forward_proxy(route.proxy, route.no_proxy) if route.proxy is not None else None
        return replace(with_tls(route.upstream.settings, route.tls, self._folder), proxy=proxy)


def _refusals(written: Sequence[RefusalModel] | None) -> _Refusals:
    if written is None:
        return {}
    return {
        "recover_on": frozenset(each.status for each in written if not each.is_more_than_status),
        "refusal_signs": tuple(_sign(each) for each in written if each.is_more_than_status),
    }


def _sign(written: RefusalModel) -> RefusalSign:
    return RefusalSign(
        status=written.status,
        location=written.location or "",
        content_type=written.content_type or "",
        fields=tuple((written.header or {}).items()),
        json=tuple(JsonCondition(pointer, wanted) for pointer, wanted in (written.json_body or {}).items()),
    )


def _instances(route: RouteModel) -> InstanceSettings | None:
    named = route.upstream.instance
    return None if named is None else InstanceSettings(named.part, unique(route.instances), named.is_host)


def _tunnel(model: TunnelModel | None) -> TunnelSettings:
    if model is None:
        return TunnelSettings()
    age = model.max_age
    return TunnelSettings(
        max_age_s=age if isinstance(age, float) else None,
        ends_with_token=age == TOKEN,
        **given(model, "idle_s", "half_close_s", "close_timeout_s"),
    )


def _laid_over(fields: Fields, others: Mapping[str, str]) -> Fields:
    """Replace and add fields; their names are not case-sensitive (RFC 9110 section 5.1)."""
    replaced = {name.lower() for name in others}
    return (*(pair for pair in fields if pair[0].lower() not in replaced), *others.items())


def _place(route: RouteModel) -> str:
    return (route.host or "") + route.path


def _header_rules(rules: RequestRules | ResponseRules | None) -> HeaderRules:
    if rules is None:
        return HeaderRules()
    return HeaderRules(
        set=tuple((rules.set or {}).items()),
        add=tuple((rules.add or {}).items()),
        remove=tuple(rules.remove or ()),
        allow=unique(rules.allow) if isinstance(rules, RequestRules) else (),
    )
