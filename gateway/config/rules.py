"""What must fit together across keys. Each rule gives its findings; none looks at text.

Rules:

- What a secret or a token is sent to without TLS is on this machine, or ``allow_insecure`` stands there
  (RFC 6749 section 3.2, RFC 6750 section 5.3). A name but for ``localhost`` is another machine.
- A route that injects a token says ``access`` as soon as another machine can reach a listener: whoever
  reaches it acts with our credentials.
- No two routes are equally specific: same host and path, and methods in common.
- No two listeners share an address. One replayable body fits into the budget for all.
- An admin listener that other machines reach is warned of: containers are scraped and probed from outside.
  So is trust in callers of unix sockets where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.config.client_model import Client
from gateway.config.client_rules import client_findings, server_urls
from gateway.config.hosts import UnixPeers, is_private
from gateway.config.model import Route
from gateway.config.problems import Loc, Mistake, Severity
from gateway.config.route_rules import route_findings
from gateway.config.route_warnings import route_warnings
from gateway.config.secret_warnings import secret_problems
from gateway.config.tree import Keys, find
from gateway.config.validation import Parts
from gateway.core.server_url import is_loopback
from gateway.core.settings import Address, Limits, Scheme

LineOf = Callable[[Loc], int]

_ADMIN: Final[Loc] = ("admin",)
_UNGUARDED: Final = (
    "other machines can reach the listener of line {}, and whoever does would act with this client's "
    "credentials: write access: anyone if that is meant, or listen on 127.0.0.1 or a unix socket"
)
_IN_THE_OPEN: Final = (
    "http:// would send the {} unprotected to another machine: use https://, "
    "or write allow_insecure: true if that is meant"
)
_OPEN_ADMIN: Final = (
    "other machines can reach the admin listener, which shows clients, routes and metrics to whoever asks: "
    "listen on 127.0.0.1 or a unix socket, or let only your monitoring reach this address"
)
_NO_SOCKET: Final = "no listener is a unix socket, so nobody is trusted by this: name networks or addresses"
_EQUAL: Final = "host, path and methods equal those of {}: no request could tell the two apart"
_OVERLAP: Final = "host and path equal those of {}, and they share methods: neither is more specific"


def rule_findings(parts: Parts, root: Keys) -> Iterator[Mistake]:
    """Give all that does not fit together, and what fits and is seldom meant."""

    def line_of(loc: Loc) -> int:
        return find(root, loc).node.place.line

    for name, client in parts.clients.items():
        if client is not None:
            yield from _insecure_endpoints(("clients", name), client, parts.wrong)
            yield from client_findings(("clients", name), client, parts.wrong)
    # Where `clients` is no mapping at all, nothing is known of any name.
    names = {route.client or "": None for route in parts.routes.values()}
    clients = names if ("clients",) in parts.wrong else parts.clients
    for index, route in parts.routes.items():
        yield from route_findings(("routes", index), route, clients)
        yield from _insecure_upstream(("routes", index), route, parts.wrong)
    yield from _unguarded(parts, line_of)
    yield from _equal_routes(parts, line_of)
    yield from _equal_addresses(parts, line_of)
    yield from _open_admin(parts)
    yield from _access_without_file(parts)
    yield from _trusts_nobody(parts)
    yield from _replay_budget(parts)
    yield from route_warnings(parts, line_of)
    yield from secret_problems(root)


def _insecure_endpoints(loc: Loc, client: Client, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    for key, endpoint in server_urls(client):
        if _crosses_openly(endpoint.scheme, endpoint.host) and not _allows_insecure(loc, client, wrong):
            yield Mistake((*loc, key), _IN_THE_OPEN.format("client secret"))


def _insecure_upstream(loc: Loc, route: Route, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    upstream = route.upstream.settings
    if route.client is None or not _crosses_openly(upstream.scheme, upstream.host):
        return
    if not _allows_insecure(loc, route, wrong):
        yield Mistake((*loc, "upstream"), _IN_THE_OPEN.format("token"))


def _crosses_openly(scheme: Scheme, host: str) -> bool:
    return scheme is Scheme.HTTP and not is_loopback(host)


def _allows_insecure(loc: Loc, part: Client | Route, wrong: frozenset[Loc]) -> bool:
    """Where the key stands and is wrong, nobody knows what was meant."""
    return part.allow_insecure or (*loc, "allow_insecure") in wrong


def _unguarded(parts: Parts, line_of: LineOf) -> Iterator[Mistake]:
    open_at = [index for index, one in parts.listeners.items() if not is_private(one.address)]
    for index, route in parts.routes.items() if open_at else ():
        loc = ("routes", index, "access")
        if route.client is not None and route.access is None and loc not in parts.wrong:
            message = _UNGUARDED.format(line_of(("listen", open_at[0])))
            yield Mistake(loc, message, is_about_key=True)


def _equal_routes(parts: Parts, line_of: LineOf) -> Iterator[Mistake]:
    seen: dict[tuple[str | None, str], list[tuple[int, Route]]] = {}
    for index, route in parts.routes.items():
        if any(("routes", index, key) in parts.wrong for key in ("path", "host", "methods")):
            continue
        alike = seen.setdefault((route.host, route.path), [])
        for earlier, other in alike:
            if words := _clash(route.methods, other.methods):
                line = line_of(("routes", earlier))
                yield Mistake(("routes", index), words.format(f"the route of line {line}"))
                break
        alike.append((index, route))


def _clash(methods: list[str] | None, others: list[str] | None) -> str | None:
    if methods is None or others is None:
        # Any method beside a list is no clash: the list is more specific.
        return _EQUAL if methods is others else None
    if set(methods) == set(others):
        return _EQUAL
    return _OVERLAP if set(methods) & set(others) else None


def _equal_addresses(parts: Parts, line_of: LineOf) -> Iterator[Mistake]:
    seen: dict[Address, Loc] = {}
    places: list[tuple[Loc, Address | None]] = [(_ADMIN, parts.admin)]
    places += [(("listen", index), one.address) for index, one in parts.listeners.items()]
    for loc, address in places:
        if address is None or (address.path is None and address.port == 0):
            continue
        first = seen.setdefault(address, loc)
        if first is not loc:
            # The admin listener has an address even where the file does not name it.
            taken_by = "`admin`" if first is _ADMIN else f"the listener of line {line_of(first)}"
            yield Mistake(loc, f"the address is taken by {taken_by}")


def _open_admin(parts: Parts) -> Iterator[Mistake]:
    if parts.admin is not None and not is_private(parts.admin):
        yield Mistake(_ADMIN, _OPEN_ADMIN, severity=Severity.WARNING)


def _access_without_file(parts: Parts) -> Iterator[Mistake]:
    for index, listener in parts.listeners.items():
        for key in ("mode", "group") if listener.address.path is None else ():
            if key in listener.model_fields_set:
                words = "means nothing unless the address is a unix socket, as in unix:/run/gateway.sock"
                yield Mistake(("listen", index, key), words, is_about_key=True)


def _trusts_nobody(parts: Parts) -> Iterator[Mistake]:
    """Who trusts the callers of unix sockets, and has none, thinks of another way in."""
    trusted = parts.document.trusted_proxies if parts.document is not None else None
    if any(one.address.path is not None for one in parts.listeners.values()):
        return
    for index, proxy in enumerate(trusted or ()):
        if proxy is UnixPeers.UNIX:
            yield Mistake(("trusted_proxies", index), _NO_SOCKET, severity=Severity.WARNING)


def _replay_budget(parts: Parts) -> Iterator[Mistake]:
    limits = parts.limits
    if limits is None:
        return
    one = limits.replay_bytes or Limits().replay_bytes
    budget = limits.replay_total_bytes or Limits().replay_total_bytes
    if one > budget:
        loc = "replay" if limits.replay_bytes is not None else "replay_total"
        yield Mistake(
            ("limits", loc), "one body would be larger than replay_total, the budget for all of them"
        )
