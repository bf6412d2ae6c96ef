"""What must fit together in one route, and between a route and its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.clients.client_method import is_certificate_bound
from gateway.config.clients.client_model import ClientModel
from gateway.config.problems import Loc, Mistake
from gateway.config.routes.route_model import RouteModel
from gateway.config.spelling import close_to
from gateway.core.settings import CallerAuthorization, Scheme

Clients = Mapping[str, ClientModel | None]
"""By name; None for a client that is invalid itself."""

_AUTHORIZATION: Final = "on this route the token and the key `authorization` decide this field: remove it"
_NO_CLIENT: Final = "has no effect without `client` on this route: add that, or remove this key"
_DECIDED: Final = frozenset(("authorization", "dpop"))

_PROOF_FOR_ANYBODY: Final = (
    "the caller's Host would become part of the proofs of possession, and whoever receives one could use "
    "it at the server that the caller named: write `host` without *, the name that callers use, or remove "
    "this key"
)
_BOUND: Final = (
    "the client's tokens are bound to its certificate: write the same certificate and key here, or "
    "tls_client_certificate_bound_access_tokens: false at the client if they are not"
)


def route_findings(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Yield what does not fit together."""
    yield from _unknown_client(loc, route, clients)
    yield from _needs_client(loc, route)
    yield from _wider_scope(loc, route, clients)
    yield from _needs_https(loc, route)
    yield from _other_certificate(loc, route, clients)
    yield from _two_authorizations(loc, route)
    yield from _proof_for_anybody(loc, route, clients)


def _unknown_client(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    if route.client is not None and route.client not in clients:
        known = f"expected one of {', '.join(clients)}" if clients else "none is defined"
        close = close_to(route.client, clients)
        hint = f", did you mean {close}?" if close else f"; {known}"
        yield Mistake((*loc, "client"), f"unknown client{hint}")


def _needs_client(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    if route.client is None:
        for key in (
            "scope",
            "audience",
            "resource",
            "parameters",
            "token_headers",
            "recover_on",
            "allow_foreign_pages",
            "allow_insecure",
        ):
            if key in route.model_fields_set:
                yield Mistake((*loc, key), _NO_CLIENT, is_about_key=True)


def _wider_scope(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    client = clients.get(route.client or "")
    if client is None or not client.scope or not route.scope:
        return
    if not set(route.scope) <= set(client.scope):
        yield Mistake((*loc, "scope"), "exceeds the scope of the client, which a route can only narrow")


def _needs_https(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    if route.tls is not None and route.upstream.settings.scheme is not Scheme.HTTPS:
        yield Mistake((*loc, "tls"), "has no effect unless the upstream is https://", is_about_key=True)


def _other_certificate(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Find a missing certificate: an upstream refuses a bound token without it (RFC 8705 section 3)."""
    client = clients.get(route.client or "")
    if client is None or client.tls is None or not is_certificate_bound(client):
        return
    ours = route.tls.certificate if route.tls is not None else None
    if route.upstream.settings.scheme is Scheme.HTTPS and ours != client.tls.certificate:
        yield Mistake(
            (*loc, "tls") if ours is None else (*loc, "tls", "certificate"), _BOUND, is_about_key=True
        )


def _proof_for_anybody(loc: Loc, route: RouteModel, clients: Clients) -> Iterator[Mistake]:
    """Find proofs whose host a caller chooses, and so the server that accepts them (RFC 9449 section 4.2)."""
    client = clients.get(route.client or "")
    is_exact = route.host is not None and not route.host.startswith("*")
    if client is not None and client.dpop and route.preserve_host and not is_exact:
        yield Mistake((*loc, "preserve_host"), _PROOF_FOR_ANYBODY, is_about_key=True)


def _two_authorizations(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    """Find a second Authorization or DPoP: exactly one goes out, and something else decides which."""
    is_decided = route.client is not None or route.authorization is CallerAuthorization.KEEP
    rules = route.headers.request if route.headers is not None else None
    if rules is None or not is_decided:
        return
    for key, names in (("set", rules.set), ("add", rules.add), ("remove", rules.remove)):
        for index, name in enumerate(names or ()):
            if name.lower() in _DECIDED:
                where = (*loc, "headers", "request", key, index if key == "remove" else name)
                yield Mistake(where, _AUTHORIZATION, is_about_key=True)
