"""What must fit together across sections. Each rule yields mistakes; none looks at text.

Rules:

- Secrets and tokens go without TLS to this machine only, unless ``allow_insecure`` is set (RFC 6749 section
  3.2, RFC 6750 section 5.3). A name other than ``localhost`` is another machine.
- A route that injects a token needs ``access`` as soon as another machine can reach a listener: whoever
  reaches it acts with our credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.callers.callers_rules import callers_findings
from gateway.config.clients.client_method import server_urls
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.client_rules import client_findings
from gateway.config.clients.login_rules import login_findings
from gateway.config.clients.shape_rules import shape_findings
from gateway.config.document.hash_rules import hash_findings
from gateway.config.document.introspection_rules import introspection_findings
from gateway.config.document.signing_rules import signing_findings
from gateway.config.document.validation import Parts
from gateway.config.problems import LineOf, Loc, Mistake
from gateway.config.process.process_rules import process_findings
from gateway.config.references.secret_warnings import secret_problems
from gateway.config.routes.access_rules import access_findings
from gateway.config.routes.gate_rules import GATE_KEYS, gate_findings
from gateway.config.routes.group_rules import group_findings, of_group
from gateway.config.routes.route_clashes import route_clashes
from gateway.config.routes.route_model import RouteModel
from gateway.config.routes.route_rules import route_findings
from gateway.config.routes.route_warnings import route_warnings
from gateway.config.tree import Keys, find
from gateway.config.upstreams.upstreams_rules import upstreams_findings
from gateway.config.values.hosts import is_private
from gateway.config.values.urls import forward_proxy
from gateway.core.settings.forward_proxy import proxy_to
from gateway.core.settings.upstream_settings import Scheme
from gateway.core.text.server_url import is_loopback

_UNASKED: Final = (
    "no listener asks its callers for a certificate: add client_ca, the authorities that sign them, to the "
    "tls of a listener"
)
_UNGUARDED: Final = (
    "other machines can reach the listener on line {}, and any caller would act with this client's "
    "credentials: write access: anyone if that is intended, or listen on 127.0.0.1 or a unix socket"
)
_IN_THE_OPEN: Final = (
    "http:// would send the {} unencrypted to another machine: use https://, "
    "or write allow_insecure: true if that is intended"
)


def rule_findings(parts: Parts, root: Keys) -> Iterator[Mistake]:
    """Yield everything that does not fit together, and what is probably not intended."""

    def line_of(loc: Loc) -> int:
        return find(root, loc).node.place.line

    yield from callers_findings(parts.callers, parts.wrong)
    yield from _unasked_certificates(parts)
    yield from introspection_findings(parts)
    yield from signing_findings(parts)
    for name, client in parts.clients.items():
        if client is not None:
            yield from _insecure_endpoints(("clients", name), client, parts.wrong)
            yield from client_findings(("clients", name), client, parts.wrong)
            yield from login_findings(("clients", name), client, parts.wrong, root)
            yield from shape_findings(("clients", name), client, root)
    # If `clients` is no mapping at all, no name is known to be wrong.
    names = dict.fromkeys(name for route in parts.routes.values() for name in ("", *route.client_names))
    clients = names if ("clients",) in parts.wrong else parts.clients
    yield from upstreams_findings(parts.groups, parts.wrong)
    yield from hash_findings(parts)
    for index, written in parts.routes.items():
        yield from group_findings(("routes", index), written, parts.groups, parts.wrong)
        route = of_group(written, parts.groups)
        yield from route_findings(("routes", index), route, clients, parts.wrong)
        if not route.model_fields_set.isdisjoint(GATE_KEYS):
            yield from access_findings(("routes", index, "access"), route, parts.callers)
            yield from gate_findings(("routes", index), route, parts.wrong)
        yield from _insecure_upstream(("routes", index), route, parts)
    yield from route_clashes(_without(parts, "path", "host", "methods"), line_of)
    yield from route_warnings(_without(parts, "path", "host", "methods", "client"), line_of)
    yield from process_findings(parts.process, line_of)
    yield from _unguarded(parts, line_of)
    yield from secret_problems(root)


def _without(parts: Parts, *keys: str) -> dict[int, RouteModel]:
    """Return the routes in which none of these keys is invalid: of others nobody knows what was meant."""
    return {
        index: route
        for index, route in parts.routes.items()
        if parts.wrong.isdisjoint(("routes", index, key) for key in keys)
    }


def _insecure_endpoints(loc: Loc, client: ClientModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    for key, endpoint in server_urls(client):
        if _crosses_openly(endpoint.scheme, endpoint.host) and not _allows_insecure(loc, client, wrong):
            yield Mistake((*loc, *key), _IN_THE_OPEN.format("client secret"))


def _insecure_upstream(loc: Loc, route: RouteModel, parts: Parts) -> Iterator[Mistake]:
    group = parts.groups.get(route.upstream.group)
    places = [each.url.settings for each in group.addresses] if group is not None else []
    places = places or [route.upstream.settings]
    ways = [(one.scheme, one.host) for one in places]
    proxied = group if group is not None else route
    if proxied.proxy is not None:  # what goes through it passes there openly, whatever the upstream's name
        proxy = forward_proxy(proxied.proxy, proxied.no_proxy)
        behind = (one for one in places if proxy_to(proxy, one.host, one.port) is not None)
        ways += [(one.scheme, proxy.host) for one in behind]
    crosses = any(_crosses_openly(scheme, host) for scheme, host in ways)
    if route.client is not None and crosses and not _allows_insecure(loc, route, parts.wrong):
        yield Mistake((*loc, "upstream"), _IN_THE_OPEN.format("token"))


def _crosses_openly(scheme: Scheme, host: str) -> bool:
    return scheme is Scheme.HTTP and not is_loopback(host)


def _unasked_certificates(parts: Parts) -> Iterator[Mistake]:
    """Yield each way that knows callers by a certificate, if no listener asks for one."""
    asks = any(
        one.tls is not None and one.tls.client_ca is not None for one in parts.process.listeners.values()
    )
    if asks or any(loc[:1] == ("listen",) for loc in parts.wrong):
        return
    for name, way in parts.callers.items():
        loc = ("callers", name, "certificate")
        if way is not None and way.certificate is not None and loc not in parts.wrong:
            yield Mistake(loc, _UNASKED, is_about_key=True)


def _allows_insecure(loc: Loc, part: ClientModel | RouteModel, wrong: frozenset[Loc]) -> bool:
    """Return whether http:// is allowed; an invalid `allow_insecure` gets the benefit of the doubt."""
    return part.allow_insecure or (*loc, "allow_insecure") in wrong


def _unguarded(parts: Parts, line_of: LineOf) -> Iterator[Mistake]:
    open_at = [index for index, one in parts.process.listeners.items() if not is_private(one.address)]
    for index, route in parts.routes.items() if open_at else ():
        loc = ("routes", index, "access")
        if route.client is not None and route.access is None and loc not in parts.wrong:
            message = _UNGUARDED.format(line_of(("listen", open_at[0])))
            yield Mistake(loc, message, is_about_key=True)
