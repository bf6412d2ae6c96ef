"""What would happen to a request: route, upstream URL, header before and after; nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.errors import MalformedRequest, NoRoute
from gateway.core.foreign import names_this_machine
from gateway.core.masking import MASKED_FROM_CHARS
from gateway.core.near_routes import near_routes
from gateway.core.outbound import CallerFields, OutboundPlan
from gateway.core.request_head import HeadReader, RequestHead
from gateway.core.routing import Router
from gateway.core.secret import MASK
from gateway.core.settings import RouteSettings, Scheme, Settings

TOKEN_SHOWN = b"%b <the token of client %b>"
PROOF_SHOWN = b"DPoP: <a new proof>"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A request as it comes in and as it goes out; header lines as text."""

    route: RouteSettings
    upstream_url: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def explain(settings: Settings, method: str, url: str, fields: tuple[tuple[str, str], ...]) -> Explanation:
    """Say what would become of a request from the loopback address to the first listener.

    Args:
        settings: the gateway's.
        method: as it stands in the request line.
        url: a path, or an absolute URL whose host stands for ``Host``.
        fields: of the request's header.

    Raises:
        GatewayError: the request would be refused.
    """
    raw = [(_bytes(name), _bytes(value)) for name, value in fields]
    if not any(name.lower() == b"host" for name, _ in raw):
        raw.insert(0, (b"Host", _host_of(url, settings)))
    _bytes(method + url)
    head = HeadReader(settings.limits).read(method, url, (1, 1), raw)
    route = _route(settings, head, method)
    plan = OutboundPlan(route)
    caller = CallerFields(b"127.0.0.1", b"http", is_trusted=False, is_local=_is_local(settings))
    plan.admit(head, is_local=caller.is_local)
    lines = b"\r\n".join(_outbound_lines(plan, head, caller))
    return Explanation(
        route,
        _masked(_upstream_url(route, plan.target(head.target)), settings),
        tuple(f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in raw),
        tuple(_masked(lines.decode("latin-1"), settings).split("\r\n")[1:]),
    )


def _route(settings: Settings, head: RequestHead, method: str) -> RouteSettings:
    try:
        return Router((route, route) for route in settings.routes).match(head.host, head.target.path, method)
    except NoRoute as missed:
        near = near_routes(settings.routes, head.host, head.target.path)
        raise NoRoute("\n  ".join((f"{missed.detail}; the nearest:", *near))) from None


def _is_local(settings: Settings) -> bool:
    return bool(settings.listeners) and names_this_machine(settings.listeners[0].address.host)


def _outbound_lines(plan: OutboundPlan, head: RequestHead, caller: CallerFields) -> list[bytes]:
    grant = plan.settings.grant
    if grant is None or plan.keeps_callers(head):
        return plan.head(head, caller, plan.authorization(head, None), b"<a new id>")
    scheme = b"Bearer" if grant.dpop is None else b"DPoP"
    lines = plan.head(head, caller, TOKEN_SHOWN % (scheme, grant.client.encode()), b"<a new id>")
    return lines if grant.dpop is None else [*lines, PROOF_SHOWN]


def _masked(text: str, settings: Settings) -> str:
    """What came from the environment or a file into such a key may be a secret, so it is not shown."""
    for referenced in sorted(settings.referenced, key=len, reverse=True):
        if len(referenced) >= MASKED_FROM_CHARS:
            text = text.replace(referenced, MASK)
    return text


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedRequest("the request holds a character that HTTP cannot carry: encode it") from None


def _host_of(url: str, settings: Settings) -> bytes:
    if "://" in url:
        return _bytes(url.partition("://")[2].partition("/")[0].partition("?")[0])
    return str(settings.listeners[0].address).encode("latin-1") if settings.listeners else b"localhost"


def _upstream_url(route: RouteSettings, target: str) -> str:
    upstream = route.upstream
    if upstream.scheme is Scheme.UNIX:
        return f"unix:{upstream.socket_path} {target}"
    return f"{upstream.scheme.value}://{upstream.authority}{target}"


def render(explanation: Explanation) -> str:
    """Write an explanation for a person."""
    route = explanation.route
    client = f"client {route.grant.client}" if route.grant is not None else "no client: no token is injected"
    return "\n".join(
        (
            f"route      {route.name} ({client})",
            f"upstream   {explanation.upstream_url}",
            "before",
            *(f"  {line}" for line in explanation.before),
            "after",
            *(f"  {line}" for line in explanation.after),
        )
    )
