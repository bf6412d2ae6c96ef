"""Models -> settings of what stands before a route: access, limits, CORS, identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.config.process.process_model import IdentityKeyModel
from gateway.config.routes.access_model import AccessEntryModel
from gateway.config.routes.gate_model import CorsModel, IdentityJwtModel, LimitModel
from gateway.config.routes.gate_rules import GATE_KEYS
from gateway.config.routes.route_model import RouteModel
from gateway.config.values.strict import given, unique
from gateway.core.caller import WayName
from gateway.core.http.fields import folded
from gateway.core.settings.access_settings import (
    NOTHING,
    PLACES,
    AccessEntry,
    AccessRule,
    CorsSettings,
    GateSettings,
    InFlightLimit,
    Limit,
    RateLimit,
    WaySettings,
    credential_fields,
    field_of,
)
from gateway.core.settings.hours import Hours
from gateway.core.settings.identity import IdentityField
from gateway.core.settings.identity_jwt import LIFETIME_S, IdentityJwt


def gate_settings(route: RouteModel, signer: IdentityKeyModel | None = None) -> GateSettings:
    """Build what stands before a route; `signer` is who signs `identity_jwt`."""
    if GATE_KEYS.isdisjoint(route.model_fields_set):
        return NOTHING
    return GateSettings(
        rule=_rule(route.access),
        limits=tuple(_limit(each) for each in route.limits or ()),
        cors=_cors(route.cors) if route.cors is not None else None,
        identity=tuple(IdentityField.of(*each) for each in (route.identity or {}).items()),
        identity_jwt=_identity_jwt(route.identity_jwt, signer) if route.identity_jwt is not None else None,
    )


def fields_told_in(routes: Sequence[RouteModel]) -> frozenset[bytes]:
    """Return the fields that tell an upstream who calls, on any route, folded."""
    names = (name for route in routes for name in route.identity or ())
    signed = (route.identity_jwt.header for route in routes if route.identity_jwt is not None)
    return frozenset(folded(name.encode()) for name in (*names, *signed))


def credentials_of_others(
    ways: Mapping[WayName, WaySettings], rule: AccessRule | None, told_in: frozenset[bytes]
) -> tuple[str, ...]:
    """Return the fields that carry a credential on other routes, and are the caller's own business here.

    One that tells an upstream who calls (`told_in`) is nobody's but ours: upstreams believe it.
    """
    if not ways:
        return ()
    named = rule.ways if rule is not None else ()
    ours = credential_fields(ways[name] for name in named)
    fields = (name for each in ways.values() if (name := field_of(each.way)) is not None)
    free = (name for name in fields if folded(name.encode()) not in told_in)
    return unique([name for name in free if name.lower().encode() not in ours])


def reads_authorization(ways: Mapping[WayName, WaySettings], rule: AccessRule | None) -> bool:
    """Whether a route knows its callers by what they send in ``Authorization``."""
    named = [ways[name].way for name in rule.ways] if rule is not None else []
    return any(field_of(way) is None and not isinstance(way, PLACES) for way in named)


def _rule(access: Sequence[AccessEntryModel] | object | None) -> AccessRule | None:
    if not isinstance(access, Sequence):
        return None
    return AccessRule(tuple(_entry(entry) for entry in access))


def _entry(entry: AccessEntryModel) -> AccessEntry:
    return AccessEntry(
        callers=tuple(map(WayName, unique(entry.caller))),
        scope=frozenset(entry.scope or ()),
        claims=tuple((name, unique(values)) for name, values in (entry.claims or {}).items()),
        hours=Hours.of(tuple(entry.hours), entry.zone) if entry.hours and entry.zone else None,
    )


def _limit(model: LimitModel) -> Limit:
    if model.in_flight is not None:
        return InFlightLimit(model.name, model.in_flight, **given(model, "by"))
    assert model.rate is not None, "gate_rules finds a limit that says nothing"
    count, period_s = model.rate
    return RateLimit(model.name, count, period_s, model.burst or count, **given(model, "by"))


def _identity_jwt(model: IdentityJwtModel, signer: IdentityKeyModel | None) -> IdentityJwt:
    assert signer is not None, "signing_rules finds a route for which nobody signs"
    usual = "Bearer " if model.header.lower() == "authorization" else ""
    return IdentityJwt(
        header=model.header,
        prefix=usual if model.prefix is None else model.prefix,
        issuer=signer.issuer,
        audience=unique(model.audience),
        claims=unique(model.claims),
        lifetime_s=signer.lifetime_s or LIFETIME_S,
    )


def _cors(model: CorsModel) -> CorsSettings:
    return CorsSettings(
        origins=frozenset(model.origins),
        credentials=model.credentials,
        headers=None if model.headers is None else unique(model.headers),
        expose=unique(model.expose),
        **({} if model.max_age is None else {"max_age_s": int(model.max_age)}),
    )
