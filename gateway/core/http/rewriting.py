"""References in a response that would lead past the gateway, led back into their route.

An upstream writes its redirects as if it were alone. A caller that follows one to the upstream itself goes
without the token that the gateway would have sent. Rules:

- A reference is rewritten if its origin is the upstream's own and its path belongs to this route. It becomes
  a path, ``/crm/users?x``: the caller knows best by which scheme, host and port it reached the gateway.
- With ``preserve_host`` an upstream may take the caller's host for its own, under either scheme. A path that
  lies in the route already then stays: an upstream that heeds ``X-Forwarded-Prefix`` has written it.
- A path that a more specific route takes to another place stays, too: nothing would be found there.
- Whatever else there is stays byte for byte: other hosts, relative references, paths outside this route, and
  what a browser might read as another host or another path. Nothing is repaired.
- The bytes of the rest of the path, of the query and of the fragment do not change.
- What trusted proxies before us stripped (``X-Forwarded-Prefix``) comes first, since callers need it.
- The ``Path`` of a cookie is led back in the same way. One that covers all of the upstream's part of the
  route covers the route, and no more of the gateway.

RFC 9110 sections 8.7 and 10.2.2, RFC 3986 sections 4.2 and 5, RFC 6265 sections 4.1.2 and 5.1.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from gateway.core.errors import AmbiguousPath
from gateway.core.http.rewrite_bounds import inside
from gateway.core.http.target import other_readings
from gateway.core.settings.rewrite_settings import CookieDomain
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.core.text.server_url import is_address

Origin: TypeAlias = tuple[bytes, bytes, int]
"""Scheme, host, port; in lower case."""

_REFERENCES: Final = frozenset({b"location", b"content-location"})
_REFERENCE: Final = re.compile(rb"(?:(https?):)?//([^/?#]*)([^?#]*)(.*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(rb"\[?([0-9a-z._:~-]+?)\]?(?::([0-9]{0,5}))?", re.IGNORECASE)
_PORTS: Final = {b"http": 80, b"https": 443}
_BORDERS: Final = (b"", b"/")
_BLANKS: Final = b" \t"
_UNCLEAN: Final = bytes((*range(0x21), 0x7F))
_HOST_ONLY: Final = b"__host-"


class Rewriting:
    """What is rewritten in the responses of one route, prepared once."""

    __slots__ = (
        "_cookies",
        "_elsewhere",
        "_elsewhere_lengths",
        "_hosts",
        "_inside",
        "_keeps_host",
        "_origins",
        "_route",
        "_scheme",
        "_settings",
    )

    def __init__(self, settings: RouteSettings) -> None:
        self._settings = settings.rewrite
        self._cookies = settings.rewrite.edits_cookies
        path = b"" if settings.path == "/" else settings.path.encode("ascii")
        self._route = path
        self._inside = inside(settings).encode("ascii")
        self._elsewhere = frozenset(each.encode("ascii") for each in settings.rewrite.elsewhere)
        self._elsewhere_lengths = frozenset(map(len, self._elsewhere))
        upstreams = _upstreams(settings)
        self._origins = frozenset(map(_origin_of, upstreams))
        self._hosts = frozenset(host for _, host, _ in self._origins)
        self._scheme = _origin_of(settings.upstream)[0]
        self._keeps_host = settings.preserves_host

    def lines(self, lines: Iterable[bytes], authority: bytes, before: bytes = b"") -> list[bytes]:
        """Return the lines of a response's head, rewritten.

        Args:
            lines: of the head, as the upstream sent it.
            authority: the caller's ``Host``.
            before: the prefix that proxies before us stripped.
        """
        if before and not _is_prefix(before):
            before = b""
        return [self._line(line, authority, before) for line in lines]

    def _line(self, line: bytes, authority: bytes, before: bytes) -> bytes:
        name, _, value = line.partition(b":")
        key = name.lower()
        if key in _REFERENCES and self._settings.location:
            led = self.reference(value.strip(_BLANKS), authority, before)
            return line if led is None else name + b": " + led
        if key == b"set-cookie" and self._cookies:
            return name + b":" + self.cookie(value, authority, before)
        return line

    # ── references ────────────────────────────────────────────────────────────────────────────────

    def reference(self, value: bytes, authority: bytes, before: bytes = b"") -> bytes | None:
        """Return where a reference leads by way of the gateway; None if it stays as it is."""
        found = _REFERENCE.fullmatch(value)
        if found is None or len(value.translate(None, _UNCLEAN)) < len(value):
            return None
        scheme, where, path, rest = found.groups()
        scheme = scheme.lower() if scheme is not None else self._scheme
        origin = _origin(scheme, where)
        if origin is None:
            return None
        if origin not in self._origins:
            is_preserved = self._keeps_host and origin == _origin(scheme, authority)
            if not is_preserved or _is_within(path, before + self._route):
                return None
        led = self._led_back(path, before)
        return None if led is None else led + rest

    def _led_back(self, path: bytes, before: bytes) -> bytes | None:
        if not _is_within(path, self._inside):
            return None
        own = self._route + path[len(self._inside) :]
        if self._leads_elsewhere(own):
            return None
        led = before + own or b"/"
        return led if _has_one_reading(led) else None

    def _leads_elsewhere(self, path: bytes) -> bool:
        """Whether another route takes it; the work does not grow with the number of routes."""
        tops = (path[:length] for length in self._elsewhere_lengths if path[length : length + 1] in _BORDERS)
        return any(top in self._elsewhere for top in tops)

    # ── cookies ───────────────────────────────────────────────────────────────────────────────────

    def cookie(self, value: bytes, authority: bytes, before: bytes = b"") -> bytes:
        """Return the value of a ``Set-Cookie`` with its ``Path`` and ``Domain`` as the route has them."""
        pair, *attributes = value.split(b";")
        # RFC 6265bis: such a cookie must have the path `/`, or browsers refuse it.
        is_bound = pair.strip(_BLANKS).lower().startswith(_HOST_ONLY)
        kept = [pair]
        for attribute in attributes:
            key, equals, text = attribute.partition(b"=")
            written = text.strip(_BLANKS)
            new: bytes | None = written
            match key.strip(_BLANKS).lower():
                case b"path" if self._settings.cookie_path and not is_bound:
                    new = self._cookie_path(written, before)
                case b"domain" if written:
                    new = self._cookie_domain(written, authority)
            if new is not None:
                kept.append(attribute if new == written else key + equals + new)
        return b";".join(kept)

    def _cookie_path(self, path: bytes, before: bytes) -> bytes:
        inside, route = self._inside, before + self._route
        if path[:1] != b"/" or len(path.translate(None, _UNCLEAN)) < len(path):
            return path
        if inside and _is_within(path, inside):
            return route + path[len(inside) :] or b"/"
        if route and _is_within(path, route):
            return path
        if path == b"/" or _is_within(inside, path.rstrip(b"/")):
            return route or b"/"
        return path if inside else route + path

    def _cookie_domain(self, domain: bytes, authority: bytes) -> bytes | None:
        """Return the ``Domain`` that takes the place of `domain`; None if there is none."""
        wanted = self._settings.cookie_domain
        name = domain.lower().removeprefix(b".")
        callers = _origin(self._scheme, authority)
        hosts = self._hosts | {callers[1]} if self._keeps_host and callers is not None else self._hosts
        is_own = any(host == name or host.endswith(b"." + name) for host in hosts)
        if wanted is CookieDomain.KEEP or not is_own:
            return domain
        if wanted is CookieDomain.REMOVE or callers is None:
            return None
        host = callers[1]
        # Browsers refuse a Domain that is an address, or a name without a dot.
        return host if b"." in host and not is_address(host.decode("ascii")) else None


def rewriting_of(settings: RouteSettings) -> Rewriting | None:
    """Return what is rewritten in the responses of a route; None if nothing is."""
    rewrite = settings.rewrite
    return Rewriting(settings) if rewrite.location or rewrite.edits_cookies else None


def _upstreams(settings: RouteSettings) -> tuple[UpstreamSettings, ...]:
    """Return the services that are the route's own: one, or those of its group."""
    if settings.group is None:
        return (settings.upstream,)
    return tuple(each.service for each in settings.group.addresses)


def _origin_of(upstream: UpstreamSettings) -> Origin:
    """Return the origin that an upstream takes for its own, by the ``Host`` that it gets."""
    scheme = b"https" if upstream.scheme is Scheme.HTTPS else b"http"
    return scheme, upstream.host.lower().removesuffix(".").encode("ascii"), upstream.port


def _origin(scheme: bytes, authority: bytes) -> Origin | None:
    """Return the origin of a reference; None if its authority is not just a host and a port."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    host, port = found.groups()
    is_bracketed = b"[" in authority
    if (b":" in host) != is_bracketed or (b"]" in authority) != is_bracketed:
        return None
    return scheme, host.lower().removesuffix(b"."), int(port) if port else _PORTS[scheme]


def _is_within(path: bytes, top: bytes) -> bool:
    """Whether `path` is `top` or below it; everything is within an empty one."""
    return not top or path == top or path.startswith(top + b"/")


def _is_prefix(path: bytes) -> bool:
    """Whether a path can stand in front of another one, and in a cookie."""
    return b";" not in path and len(path.translate(None, _UNCLEAN)) == len(path) and _has_one_reading(path)


def _has_one_reading(path: bytes) -> bool:
    """Whether nobody takes `path` for another host, or for a path elsewhere."""
    if path[1:2] in (b"/", b"\\"):  # RFC 3986 section 4.2: a reference that begins with `//` names a host
        return False
    try:
        tuple(other_readings(path.decode("latin-1")))
    except AmbiguousPath:
        return False
    return True
