"""Requests caused by a foreign web page, on a listener that only this machine can reach.

Whoever reaches a route with a client acts with our credentials, and a browser on this machine extends its
reach to every page that it shows: through a form or a script that sends across sites, or through a name of
the page's own that resolves to 127.0.0.1 (DNS rebinding). Rules:

- ``Host`` names this machine, unless the route names the `host` that it serves: then it matched already. A
  request without Host (HTTP/1.0) did not come from a browser. A browser sends a target in absolute form only
  if the gateway is configured as its proxy.
- ``Origin``, if present, belongs to this machine or to the route's host. ``null`` belongs to nobody.
- ``Sec-Fetch-Site`` is not ``cross-site`` (Fetch Metadata). ``same-site`` pages belong to this machine, or to
  the domain of the route's host.
- A page of an origin that the route's `cors` lists is none of those.
- Programs send none of these except Host, and pass.
"""

from __future__ import annotations

from typing import Final

from gateway.core.errors import ForeignPage, MalformedRequest
from gateway.core.http.host import host_of
from gateway.core.http.request_head import RequestHead
from gateway.core.text.server_url import is_loopback

USUAL_HOSTS: Final = frozenset({"", "127.0.0.1", "::1", "localhost"})
# As the hosts files of common systems name it; nobody can register these names (RFC 6761 section 6.3).
_NAMES: Final = frozenset(
    {
        "ip6-localhost",
        "ip6-loopback",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
        "localhost.localdomain",
    }
)
NO_ORIGINS: Final[frozenset[bytes]] = frozenset()
_OWN_SITES: Final = frozenset({b"none", b"same-origin", b"same-site"})


def refuse_foreign_page(
    head: RequestHead, route_host: str | None, origins: frozenset[bytes] = NO_ORIGINS
) -> None:
    """Refuse a request that a page of another site caused, as far as its head shows that.

    Args:
        head: the head of the request.
        route_host: the `host` of the route that it matched, if the route has one.
        origins: those whose pages may use the route (`core.access.cors`).

    Raises:
        ForeignPage: another site's page caused it.
    """
    is_named = route_host is not None or head.target_authority is not None or names_this_machine(head.host)
    if not is_named and head.host:
        raise ForeignPage("Host names neither this machine nor a host of the route")
    special = head.special
    if special.get(b"origin") in origins:
        return
    if b"origin" in special and not _is_own_origin(special[b"origin"], route_host):
        raise ForeignPage("Origin belongs neither to this machine nor to a host of the route")
    if b"sec-fetch-site" in special and special[b"sec-fetch-site"].lower() not in _OWN_SITES:
        raise ForeignPage("a web page of another site caused the request")


def names_this_machine(host: str) -> bool:
    """Whether `host` is this machine's own name or address, or one that no foreign page can have.

    `host` is in lower case, without brackets, port or final dot. This accepts more than `is_loopback`, which
    decides where credentials may be sent: nothing is sent here, and no foreign page has a name below
    ``localhost``.
    """
    if host in USUAL_HOSTS or host in _NAMES or host.endswith(".localhost"):
        return bool(host)
    return is_loopback(host)


def _is_own_origin(origin: bytes, route_host: str | None) -> bool:
    """RFC 6454 section 7: ``scheme://host[:port]``, or ``null``; a list belongs to nobody."""
    scheme, mark, authority = origin.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        return False
    try:
        host = host_of(authority)
    except MalformedRequest:
        return False
    return names_this_machine(host) or (route_host is not None and _is_of(host, route_host))


def _is_of(host: str, route_host: str) -> bool:
    if route_host.startswith("*."):
        return host.endswith(route_host[1:]) and len(host) > len(route_host) - 1
    return host == route_host
