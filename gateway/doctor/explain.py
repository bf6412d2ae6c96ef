"""What would happen to a request: its route, the upstream URL, the header before and after. Nothing is sent.

It has no rules of its own: the listeners' parser reads the request, and the handler's functions decide, in
the handler's order. A test compares the two over real sockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.access.rule_words import entry_words
from gateway.core.access_errors import CallerNotAllowed
from gateway.core.caller import Caller
from gateway.core.errors import NoRoute
from gateway.core.http.carrying import outbound_plan
from gateway.core.http.entrance import Entrance
from gateway.core.http.outbound import (
    CallerFields,
    OutboundPlan,
    expectation_lines,
    framing_lines,
    request_id,
)
from gateway.core.http.request_head import HeadReader, RawHeaders, RequestHead
from gateway.core.http.routing import Router
from gateway.core.http.websocket import UPGRADE_LINES, offered_key
from gateway.core.secret import Secret
from gateway.core.settings.all_settings import Settings
from gateway.core.settings.balance_settings import Balance, CheckSettings
from gateway.core.settings.identity import identity_lines
from gateway.core.settings.identity_jwt import stated
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.reserved import reserved_fields
from gateway.core.settings.rewrite_settings import CookieDomain
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import AddressSettings, Scheme
from gateway.core.tenants import selected
from gateway.core.text.masking import Mask
from gateway.core.token import Token
from gateway.core.upstreams.active_checks import status_words
from gateway.doctor.admittance import NOBODY, Described, admitted
from gateway.doctor.arrival import Arrival, authority_of
from gateway.doctor.credential_words import credential_words, legible, recovery_words, stand_in
from gateway.doctor.near_routes import near_routes

_HOW: Final = {
    Balance.WARM: "the fewest requests, then one with an idle connection, then in turn",
    Balance.ROUND_ROBIN: "in turn",
    Balance.HASH: "by the value of {}; in turn without it",
}
PROOF_SHOWN = b"DPoP: <a new proof>"
ID_SHOWN = b"<a new id>"
JWT_SHOWN = "<a signed JWT>"


@dataclass(frozen=True, slots=True)
class Question:
    """A request as a listener's parser read it."""

    method: str
    target: str
    version: tuple[int, int]
    fields: RawHeaders


@dataclass(frozen=True, slots=True)
class Explanation:
    """A request as it arrives and as it goes out; header lines as text.

    Attributes:
        upstream_url: empty if the gateway itself answers.
        access: the entry of the rule that lets the caller in, and as whom.
        stated: what the JWT of `identity_jwt` states of the caller, without the times; empty without one.
    """

    route: RouteSettings
    upstream_url: str
    caller: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    access: str = "anyone"
    stated: str = ""


def request_bytes(
    method: str, url: str, fields: Sequence[str], arrived: Arrival, *, is_http10: bool = False
) -> bytes:
    """Write a request as curl would send it: for an absolute URL, its path, and its authority as Host."""
    lines = [f"{method} {_target_of(url)} HTTP/1.{0 if is_http10 else 1}", *fields]
    has_host = any(line.partition(":")[0].strip().lower() == "host" for line in fields)
    if not has_host and (authority_of(url) or not is_http10):
        lines.insert(1, f"Host: {_host_of(url, arrived.listener.address)}")
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


def explain(settings: Settings, asked: Question, arrived: Arrival, who: Described = NOBODY) -> Explanation:
    """Explain what would happen to a request.

    Args:
        settings: those of the gateway.
        asked: the request.
        arrived: where it arrives, and from whom.
        who: as whom the caller is known.

    Raises:
        GatewayError: the request would be refused.
    """
    caller = Entrance.of(arrived.listener, settings.trusted_proxies).caller(arrived.peer)
    reader = HeadReader(settings.limits, reserved_fields(settings))
    head = reader.read(asked.method, asked.target, asked.version, asked.fields)
    route = _route(settings, head)
    outbound_plan(route).admit(head, is_local=caller.is_local)
    rule, by = route.gate.rule, "anyone"
    told: tuple[bytes, ...] = ()
    content = b""
    if rule is not None:
        known, entry = admitted(rule, settings.callers, who, head, caller)
        by = f"{entry_words(rule.entries[entry])}, as {known.way}:{known.id}"
        told = identity_lines(route.gate.identity, known)
        if (signed := route.gate.identity_jwt) is not None:
            content = stated(signed, known)
            told += (f"{signed.header}: {signed.prefix}{JWT_SHOWN}".encode(),)
        route = _for_tenant(route, known)
    plan = outbound_plan(route)
    plan.admit(head, is_local=caller.is_local)  # again for a tenant, whose credential may go elsewhere
    is_ours = head.max_forwards == 0
    if head.wants_websocket:
        offered_key(head, is_taken=route.websocket)
        told += UPGRADE_LINES
    token = _token(plan, head)
    lines = b"" if is_ours else b"\r\n".join((*_outbound_lines(plan, head, caller, token), *told))
    first, *after = (_text(lines) if token is None else legible(_text(lines), token)).split("\r\n")
    # What came from the environment or a file into such a key may be a secret.
    mask = Mask(map(Secret, settings.referenced))
    return Explanation(
        route,
        "" if is_ours else mask.whole(_upstream_url(route, _target_in(first))),
        _caller(caller, arrived, head),
        tuple(f"{_text(name)}: {_text(value)}" for name, value in asked.fields),
        tuple(map(mask.whole, after)),
        by,
        mask.whole(_text(content)),
    )


def _route(settings: Settings, head: RequestHead) -> RouteSettings:
    router = Router((route, route) for route in settings.routes)
    try:
        return router.match(head.host, head.path, head.method)
    except NoRoute as missed:
        near = near_routes(settings.routes, head.host, head.path)
        raise NoRoute("\n  ".join((f"{missed.detail}; the nearest routes:", *near))) from None


def _for_tenant(route: RouteSettings, caller: Caller) -> RouteSettings:
    if route.tenants is None:
        return route
    value = selected(caller, route.tenants.by)
    found = dict(route.tenants.routes).get(value or "", route.tenants.default)
    if found is None:
        raise CallerNotAllowed(f"this route has no client for this caller: {route.tenants.by} selects it")
    return found


def _token(plan: OutboundPlan, head: RequestHead) -> Token | None:
    grant = plan.settings.grant
    if grant is None or (plan.may_keep and plan.keeps_callers(head)):
        return None
    return stand_in(plan.settings, grant)


def _outbound_lines(
    plan: OutboundPlan, head: RequestHead, caller: CallerFields, token: Token | None
) -> list[bytes]:
    lines = plan.head(head, caller, token, request_id(head, ID_SHOWN))
    grant = plan.settings.grant
    if token is not None and grant is not None and grant.dpop is not None:
        lines.append(PROOF_SHOWN)
    return [*lines, *framing_lines(head), *expectation_lines(head)]


def _target_in(line: str) -> str:
    return line.partition(" ")[2].removesuffix(" HTTP/1.1")


def _caller(caller: CallerFields, arrived: Arrival, head: RequestHead) -> str:
    words = f"{caller.name}, over {caller.proto.decode('ascii')}, at {arrived.listener.address}"
    if not caller.is_trusted:
        return words
    client = caller.client_behind(head)
    return f"{words}; a trusted proxy, which " + (f"speaks for {client}" if client else "names no client")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _target_of(url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        return url
    path = url.partition("://")[2].removeprefix(authority_of(url))
    return path if path.startswith("/") else f"/{path}"


def _host_of(url: str, address: Address) -> str:
    """Return the Host that curl would send: from the URL, or the listener's address."""
    if named := authority_of(url):
        return named
    return "localhost" if address.path is not None else str(address)


def _upstream_url(route: RouteSettings, target: str) -> str:
    upstream = route.upstream
    if upstream.scheme is Scheme.UNIX:
        return f"unix:{upstream.socket_path} {target}"
    return f"{upstream.scheme.value}://{upstream.authority}{target}"


def _instance_lines(route: RouteSettings) -> tuple[str, ...]:
    named = route.instances
    return () if named is None else (f"instances  {' or '.join(map(str, named.allowed))}",)


def _group_lines(route: RouteSettings) -> tuple[str, ...]:
    """Say which addresses the request could go to; the upstream shown is that of the first."""
    group = route.group
    if group is None:
        return ()
    each = (f"           {_address(one)}" for one in group.addresses)
    how = _HOW[group.balance.kind].format(group.balance.header)
    return f"addresses  of {group.name}: {how}", *each, *_check_lines(group.check)


def _check_lines(check: CheckSettings | None) -> tuple[str, ...]:
    if check is None:
        return ()
    rule = f"out after {check.fall} failures in a row, back after {check.rise} successes"
    alive = status_words(check.expect)
    return (f"checked    by GET {check.path} every {check.every_s:g} s, alive at {alive}; {rule}",)


def _address(one: AddressSettings) -> str:
    place = one.place
    where = f"unix:{place.socket_path}" if place.scheme is Scheme.UNIX else f"{place.host}:{place.port}"
    weight = f", weight {one.weight}" if one.weight != 1 else ""
    backup = ", while no other can serve" if one.is_backup else ""
    way = "" if place.proxy is None else f", through {place.proxy} by CONNECT"
    return f"{where} as {one.service.authority}{weight}{backup}{way}"


def _proxy_lines(route: RouteSettings) -> tuple[str, ...]:
    proxy = route.upstream.proxy
    return () if proxy is None else (f"proxy      {proxy}, by CONNECT",)


def _credential_lines(route: RouteSettings) -> tuple[str, ...]:
    if route.grant is None:
        return ()
    return f"credential {credential_words(route)}", f"recovers   {recovery_words(route)}"


def _rewrite_lines(route: RouteSettings) -> tuple[str, ...]:
    rewrite, named = route.rewrite, []
    if rewrite.location:
        named.append("Location and Content-Location")
    if rewrite.cookie_path:
        named.append("the Path of cookies")
    if rewrite.cookie_domain is not CookieDomain.KEEP:
        named.append("the Domain of cookies")
    if not named:
        return ()
    scheme = "https" if route.upstream.scheme is Scheme.HTTPS else "http"
    inside = route.base_path + ("" if route.strips_prefix or route.path == "/" else route.path)
    also = ", or at the caller's Host" if route.preserves_host else ""
    led = f"at {scheme}://{route.upstream.authority}{inside}{also}, into {route.path}"
    return (f"rewrites   {', '.join(named)}: what is {led}",)


def render(explanation: Explanation) -> str:
    """Render an explanation for a terminal."""
    route = explanation.route
    client = f"client {route.grant.client}" if route.grant is not None else "no client: no token is injected"
    return "\n".join(
        (
            f"route      {route.name} ({client})",
            f"upstream   {explanation.upstream_url or 'none: the gateway answers itself (Max-Forwards: 0)'}",
            *_instance_lines(route),
            *_group_lines(route),
            *_proxy_lines(route),
            f"caller     {explanation.caller}",
            *((f"access     {explanation.access}",) if explanation.access != "anyone" else ()),
            *((f"signed     {explanation.stated}",) if explanation.stated else ()),
            *_credential_lines(route),
            *_rewrite_lines(route),
            "before",
            *(f"  {line}" for line in explanation.before),
            "after",
            *(f"  {line}" for line in explanation.after),
        )
    )
