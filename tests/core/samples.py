"""Settings and heads as the tests of pure modules want them."""

from __future__ import annotations

from typing import Any

from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import HeadReader, RequestHead
from gateway.core.settings.all_settings import Limits
from gateway.core.settings.client_settings import AuthMethod, ClientName, Grant
from gateway.core.settings.route_settings import RouteName, RouteSettings
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings
from gateway.core.token import Token

UPSTREAM = UpstreamSettings(Scheme.HTTPS, "api.example.com", 443)
GRANT = Grant(ClientName("crm"), "https://login.test/token", "mobile_android", AuthMethod.CLIENT_SECRET_BASIC)
STRANGER = CallerFields(b"203.0.113.9", b"http", is_trusted=False)
PROXY = CallerFields(b"10.0.0.1", b"https", is_trusted=True)


def route(path: str = "/", **members: Any) -> RouteSettings:
    """A route to `UPSTREAM` with a grant."""
    known = {"name": RouteName(path), "path": path, "upstream": UPSTREAM, "grant": GRANT}
    return RouteSettings(**(known | members))


def head_of(
    *fields: str | bytes,
    method: str = "GET",
    target: str = "/",
    version: tuple[int, int] = (1, 1),
    host: str = "a.test",
) -> RequestHead:
    """A request head with these fields, each written as ``Name: value``; with a Host unless it is empty."""
    lines = [line if isinstance(line, bytes) else line.encode("latin-1") for line in fields]
    raw = [(name, value.strip(b" ")) for name, _, value in (line.partition(b":") for line in lines)]
    if host:
        raw.insert(0, (b"Host", host.encode("latin-1")))
    return HeadReader(Limits()).read(method, target, version, raw)


def token(serial: int) -> Token:
    """The token of this number."""
    parts = (("token", f"token_{serial}"),)
    return Token(b"Bearer token_%d" % serial, 0.0, 3600.0, serial, f"{serial:08x}", parts=parts)
