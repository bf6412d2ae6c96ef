"""What must fit together in one route, and between a route and its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from gateway.config.clients.client_method import is_certificate_bound
from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.send_build import carriers, client_carriers, sends_authorization
from gateway.config.clients.send_rules import send_findings, unknown_part, unknown_parts
from gateway.config.problems import Loc, Mistake
from gateway.config.routes.client_key import ClientsByCaller
from gateway.config.routes.route_model import RouteModel
from gateway.config.spelling import close_to
from gateway.config.upstreams.upstreams_rules import NO_PROXY, TO_A_SOCKET
from gateway.config.values.units import TOKEN
from gateway.core.http.fields import folded
from gateway.core.settings.carriers import MAIN_PART, Carrier, InCookie, InHeader, InQuery
from gateway.core.settings.route_settings import CallerAuthorization
from gateway.core.settings.upstream_settings import Scheme

Clients = Mapping[str, ClientModel | None]
"""By name; None for a client that is invalid itself."""

_AUTHORIZATION: Final = "on this route the token and the key `authorization` decide this field: remove it"
_NO_CLIENT: Final = "has no effect without `client` on this route: add that, or remove this key"
_OF_GRANTS: Final = ("scope", "audience", "resource", "parameters", "token_headers")
_DECIDED: Final = frozenset((b"authorization", b"dpop"))
_MAPPINGS: Final = ("set", "add")
_NOT_NAMED: Final = "has no effect unless the upstream is {token.PART}: remove it"
_NOBODY_NAMES: Final = "missing key: the upstream is named by a credential"
_ANY_SERVER: Final = (
    "missing key: a credential goes wherever it says itself, so write which servers it may name, as in "
    "https://*.example.com"
)
_ONE_NAME: Final = "the certificate of each instance must have the instance's own name: remove it"
_CALLERS_TOKEN: Final = "the caller's own token names no upstream: write replace or reject"
_KEPT: Final = (
    "on this route the caller's own Authorization passes, since the credential goes elsewhere: write "
    "authorization: replace as well, or remove this key"
)
_CREDENTIAL: Final = "this field carries the credential, as `send` says: remove this key"
_COOKIES: Final = (
    "a cookie carries the credential, as `send` says, beside those of the caller: remove this key; only "
    "`remove` may name Cookie, which then removes the caller's"
)
_REFERRER: Final = "on this route it is no-referrer, since the credential is in the query: remove this key"

_ONE_HOST: Final = "the upstream is one host, so this key or `proxy` has no effect: remove one of them"
_PROOF_FOR_ANYBODY: Final = (
    "the caller's Host would become part of the proofs of possession, and whoever receives one could use "
    "it at the server that the caller named: write `host` without *, the name that callers use, or remove "
    "this key"
)
_NOBODY_KNOWN: Final = (
    "the client depends on who calls, and nobody is known on this route: write `access` with entries that "
    "name callers"
)
_BOUND: Final = (
    "the client's tokens are bound to its certificate: write the same certificate and key here, or "
    "tls_client_certificate_bound_access_tokens: false at the client if they are not"
)


def route_findings(loc: Loc, route: RouteModel, clients: Clients, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield what does not fit together; `wrong` has the keys that are present but invalid."""
    if isinstance(route.client, ClientsByCaller):
        each = (_of_client(loc, one, clients, wrong) for one in route.for_each_client())
        yield from dict.fromkeys(chain.from_iterable(each))
        if not isinstance(route.access, list):
            yield Mistake((*loc, "client"), _NOBODY_KNOWN)
    else:
        yield from _of_client(loc, route, clients, wrong)


def _of_client(loc: Loc, route: RouteModel, clients: Clients, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    yield from _unknown_client(loc, route, clients)
    yield from _needs_client(loc, route)
    yield from _narrows_login(loc, route, clients)
    yield from _wider_scope(loc, route, clients)
    yield from _needs_https(loc, route)
    yield from _needs_network(loc, route)
    yield from _other_certificate(loc, route, clients)
    yield from _named_by_credential(loc, route, clients, wrong)
    if wrong.isdisjoint({(*loc, "send"), ("clients", _name(route), "send")}):
        yield from _sent_elsewhere(loc, route, clients)
        yield from _two_authorizations(loc, route, clients)
        yield from _told_referrers(loc, route, clients)
    yield from _proof_for_anybody(loc, route, clients)


def _name(route: RouteModel) -> str:
    """Return the name of the one client of a route; empty without."""
    return next(iter(route.client_names), "")


def _unknown_client(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    if route.client is not None and _name(route) not in clients:
        known = f"expected one of {', '.join(clients)}" if clients else "none is defined"
        close = close_to(_name(route), clients)
        hint = f", did you mean {close}?" if close else f"; {known}"
        yield Mistake((*loc, "client"), f"unknown client{hint}")


def _needs_client(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    if route.client is None:
        if route.tunnel is not None and route.tunnel.max_age == TOKEN:
            yield Mistake((*loc, "tunnel", "max_age"), _NO_CLIENT.replace("this key", "token"))
        for key in (
            "scope",
            "audience",
            "resource",
            "parameters",
            "token_headers",
            "send",
            "recover_on",
            "allow_foreign_pages",
            "allow_insecure",
        ):
            if key in route.model_fields_set:
                yield Mistake((*loc, key), _NO_CLIENT, is_about_key=True)


def _narrows_login(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    client = clients.get(_name(route))
    if client is None:
        return
    for key in _OF_GRANTS if client.login is not None else ():
        if key in route.model_fields_set:
            words = "has no effect with a client that logs in: remove it"
            yield Mistake((*loc, key), words, is_about_key=True)
    yield from unknown_parts((*loc, "send"), route.send or (), client)


def _wider_scope(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    client = clients.get(_name(route))
    if client is None or not client.scope or not route.scope:
        return
    if not set(route.scope) <= set(client.scope):
        yield Mistake((*loc, "scope"), "exceeds the scope of the client, which a route can only narrow")


def _needs_network(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    if route.proxy is not None and route.upstream.settings.scheme is Scheme.UNIX:
        yield Mistake((*loc, "proxy"), TO_A_SOCKET, is_about_key=True)
    if route.no_proxy is None or route.upstream.group:
        return
    if route.proxy is None:
        yield Mistake((*loc, "no_proxy"), NO_PROXY, is_about_key=True)
    elif route.upstream.instance is None:
        yield Mistake((*loc, "no_proxy"), _ONE_HOST, is_about_key=True)


def _needs_https(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    is_https = route.upstream.settings.scheme is Scheme.HTTPS or route.upstream.group
    if route.tls is not None and not is_https:
        yield Mistake((*loc, "tls"), "has no effect unless the upstream is https://", is_about_key=True)


def _other_certificate(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Find a missing certificate: an upstream refuses a bound token without it (RFC 8705 section 3)."""
    client = clients.get(_name(route))
    if client is None or client.tls is None or not is_certificate_bound(client):
        return
    ours = route.tls.certificate if route.tls is not None else None
    if route.upstream.settings.scheme is Scheme.HTTPS and ours != client.tls.certificate:
        here = ("upstreams", route.upstream.group) if route.upstream.group else loc
        yield Mistake(
            (*here, "tls") if ours is None else (*here, "tls", "certificate"), _BOUND, is_about_key=True
        )


def _proof_for_anybody(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Find proofs whose host a caller chooses, and so the server that accepts them (RFC 9449 section 4.2)."""
    client = clients.get(_name(route))
    is_exact = route.host is not None and not route.host.startswith("*")
    if client is not None and client.dpop and route.preserve_host and not is_exact:
        yield Mistake((*loc, "preserve_host"), _PROOF_FOR_ANYBODY, is_about_key=True)


def _named_by_credential(
    loc: Loc, route: RouteModel, clients: Clients, wrong: frozenset[Loc]
) -> Iterator[Mistake]:
    """Find an upstream that nothing names, or that the credential may name without bounds."""
    named = route.upstream.instance
    if named is None:
        if route.instances is not None and (*loc, "upstream") not in wrong:
            yield Mistake((*loc, "instances"), _NOT_NAMED, is_about_key=True)
        return
    if route.client is None:
        yield Mistake((*loc, "client"), _NOBODY_NAMES, is_about_key=True)
    if route.instances is None and (*loc, "instances") not in wrong:
        yield Mistake((*loc, "instances"), _ANY_SERVER, is_about_key=True)
    client = clients.get(_name(route))
    if named.part == MAIN_PART:
        yield Mistake((*loc, "upstream"), "the token itself is no URL: name another part of the credential")
    elif client is not None and (words := unknown_part(named.part, client)):
        yield Mistake((*loc, "upstream"), words)
    if route.tls is not None and route.tls.server_name is not None:
        yield Mistake((*loc, "tls", "server_name"), _ONE_NAME, is_about_key=True)
    if route.authorization is CallerAuthorization.KEEP and sends_authorization(_carried(route, clients)):
        yield Mistake((*loc, "authorization"), _CALLERS_TOKEN)


def _sent_elsewhere(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    client = clients.get(_name(route))
    is_bound = client is not None and client.dpop
    yield from send_findings((*loc, "send"), route.send or (), is_bound=is_bound)


def _two_authorizations(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Find a second Authorization or DPoP, or a second credential: something else decides which goes out."""
    carried = _carried(route, clients)
    decided = dict.fromkeys(_DECIDED, _why_decided(route, carried))
    for each in carried:
        match each:
            case InHeader() if folded(each.name.encode()) not in _DECIDED:
                decided[folded(each.name.encode())] = _CREDENTIAL
            case InCookie():
                decided[b"cookie"] = _COOKIES
    yield from _told_there(loc, route, decided)
    rules = route.headers.request if route.headers is not None else None
    if rules is None:
        return
    for key, names in (
        ("set", rules.set),
        ("add", rules.add),
        ("remove", rules.remove),
        ("allow", rules.allow),
    ):
        for index, name in enumerate(names or ()):
            why = decided.get(folded(name.encode()), "")
            if why and not (why is _COOKIES and key == "remove"):
                where = (*loc, "headers", "request", key, name if key in _MAPPINGS else index)
                yield Mistake(where, why, is_about_key=True)


def _told_there(loc: Loc, route: RouteModel, decided: Mapping[bytes, str]) -> Iterator[Mistake]:
    """Find fields that tell who calls, and are decided otherwise."""
    for name in route.identity or ():
        if why := decided.get(folded(name.encode()), ""):
            yield Mistake((*loc, "identity", name), why, is_about_key=True)
    signed = route.identity_jwt
    if signed is not None and (why := decided.get(folded(signed.header.encode()), "")):
        words = why.replace("remove it", "use another").replace("remove this key", "use another")
        yield Mistake((*loc, "identity_jwt", "header"), words)


def _carried(route: RouteModel, clients: Clients) -> tuple[Carrier, ...]:
    if route.client is None:
        return ()
    client = clients.get(_name(route))
    if route.send is not None or client is None:
        return carriers(route.send)
    return client_carriers(client)


def _why_decided(route: RouteModel, carried: tuple[Carrier, ...]) -> str:
    """Say why header rules cannot change Authorization; an empty text if they can."""
    if sends_authorization(carried):
        return _AUTHORIZATION
    is_kept = route.authorization is CallerAuthorization.KEEP or (route.authorization is None and carried)
    return (_KEPT if carried else _AUTHORIZATION) if is_kept else ""


def _told_referrers(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    rules = route.headers.response if route.headers is not None else None
    has_query = any(isinstance(each, InQuery) for each in _carried(route, clients))
    for key, names in (("set", rules.set), ("add", rules.add)) if rules is not None and has_query else ():
        for name in names or ():
            if folded(name.encode()) == b"referrer-policy":
                yield Mistake((*loc, "headers", "response", key, name), _REFERRER, is_about_key=True)
