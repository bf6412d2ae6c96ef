"""What must fit together in one route, and between a route and its client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config.clients.client_method import is_certificate_bound
from gateway.config.clients.client_model import Client
from gateway.config.problems import Loc, Mistake
from gateway.config.routes.route_model import Route
from gateway.config.spelling import close_to
from gateway.core.settings import CallerAuthorization, Scheme

_AUTHORIZATION: Final = "the key `authorization` and the token decide on this field here"
_DECIDED: Final = frozenset(("authorization", "dpop"))

_PROOF_FOR_ANYBODY: Final = (
    "the caller's Host would stand in the proofs of possession, and who receives one could use it at the "
    "server that the caller named: write `host` without *, the name that callers use, or leave this out"
)
_BOUND: Final = (
    "the client's tokens are bound to its certificate: name the same certificate and key here, or say "
    "tls_client_certificate_bound_access_tokens: false at the client if they are not"
)


def route_findings(loc: Loc, route: Route, clients: Mapping[str, Client | None]) -> Iterator[Mistake]:
    """Give what does not fit together; `clients` holds None for a client that is broken itself."""
    yield from _unknown_client(loc, route, clients)
    yield from _needs_client(loc, route)
    yield from _wider_scope(loc, route, clients)
    yield from _needs_https(loc, route)
    yield from _other_certificate(loc, route, clients)
    yield from _two_authorizations(loc, route)
    yield from _proof_for_anybody(loc, route, clients)


def _unknown_client(loc: Loc, route: Route, clients: Mapping[str, Client | None]) -> Iterator[Mistake]:
    if route.client is not None and route.client not in clients:
        known = ", ".join(clients) or "none"
        close = close_to(route.client, clients)
        hint = f", did you mean {close}?" if close else f"; known are: {known}"
        yield Mistake((*loc, "client"), f"no client has this name{hint}")


def _needs_client(loc: Loc, route: Route) -> Iterator[Mistake]:
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
                yield Mistake(
                    (*loc, key), "means nothing without a client on the same route", is_about_key=True
                )


def _wider_scope(loc: Loc, route: Route, clients: Mapping[str, Client | None]) -> Iterator[Mistake]:
    client = clients.get(route.client or "")
    if client is None or not client.scope or not route.scope:
        return
    if not set(route.scope) <= set(client.scope):
        yield Mistake(
            (*loc, "scope"), "asks for more than the scope of its client, which a route can only narrow"
        )


def _needs_https(loc: Loc, route: Route) -> Iterator[Mistake]:
    if route.tls is not None and route.upstream.settings.scheme is not Scheme.HTTPS:
        yield Mistake((*loc, "tls"), "means nothing unless the upstream is https://", is_about_key=True)


def _other_certificate(loc: Loc, route: Route, clients: Mapping[str, Client | None]) -> Iterator[Mistake]:
    """RFC 8705 section 3: the upstream refuses a bound token without the certificate it is bound to."""
    client = clients.get(route.client or "")
    if client is None or client.tls is None or not is_certificate_bound(client):
        return
    ours = route.tls.certificate if route.tls is not None else None
    if route.upstream.settings.scheme is Scheme.HTTPS and ours != client.tls.certificate:
        yield Mistake(
            (*loc, "tls") if ours is None else (*loc, "tls", "certificate"), _BOUND, is_about_key=True
        )


def _proof_for_anybody(loc: Loc, route: Route, clients: Mapping[str, Client | None]) -> Iterator[Mistake]:
    """RFC 9449 section 4.2: a proof is for one URL. Who chooses its host chooses whom it convinces."""
    client = clients.get(route.client or "")
    is_exact = route.host is not None and not route.host.startswith("*")
    if client is not None and client.dpop and route.preserve_host and not is_exact:
        yield Mistake((*loc, "preserve_host"), _PROOF_FOR_ANYBODY, is_about_key=True)


def _two_authorizations(loc: Loc, route: Route) -> Iterator[Mistake]:
    """One Authorization goes out: the token's, or the caller's, or the one that is set; one DPoP, too."""
    is_decided = route.client is not None or route.authorization is CallerAuthorization.KEEP
    rules = route.headers.request if route.headers is not None else None
    if rules is None or not is_decided:
        return
    for key, names in (("set", rules.set), ("add", rules.add), ("remove", rules.remove)):
        for index, name in enumerate(names or ()):
            if name.lower() in _DECIDED:
                where = (*loc, "headers", "request", key, index if key == "remove" else name)
                yield Mistake(where, _AUTHORIZATION, is_about_key=True)
