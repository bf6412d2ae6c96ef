"""URLs and paths: text -> value, by the generic syntax of RFC 3986 and nothing cleverer.

No library parses here, since libraries repair, decode and normalise: what is matched and what is sent must be
the bytes in the file. User information is refused, except for a proxy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from gateway.config.problems import Wrong
from gateway.config.values.hosts import Authority, authority, socket_path
from gateway.config.values.names import GROUP
from gateway.core.errors import AmbiguousPath
from gateway.core.http.target import other_readings
from gateway.core.secret import Secret
from gateway.core.settings.forward_proxy import Exempt, ForwardProxy
from gateway.core.settings.upstream_settings import Scheme, UpstreamSettings

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_BARE_HOST: Final = re.compile(
    r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+:[0-9]+)(:[0-9]+)?(/.*)?"
)
_DEFAULT_PORTS: Final = {Scheme.HTTP: 80, Scheme.HTTPS: 443}

_INSTANCE: Final = re.compile(
    r"(?P<scheme>https://)?\{token\.(?P<part>[A-Za-z_][A-Za-z0-9_-]{0,63})\}(?P<path>/.*)?"
)

NOBODY: Final = UpstreamSettings(Scheme.HTTPS, "group.invalid", 443)
EXPECTED_UPSTREAM: Final = "expected http://host[:port][/path], https://host[:port][/path] or unix:/path"


@dataclass(frozen=True, slots=True)
class InstanceName:
    """The part of the credential that names an upstream: a whole URL, or only the host."""

    part: str
    is_host: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a route's `upstream` says.

    Attributes:
        instance: what names it, if the configuration does not; then the host in `settings` stands for it.
        group: the name of the group that it is, or empty; then `settings` are nobody's.
    """

    settings: UpstreamSettings
    base_path: str = ""
    instance: InstanceName | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A URL of the authorization server, used exactly as written."""

    url: str
    scheme: Scheme
    host: str


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: Scheme
    authority: Authority
    path: str
    rest: str


def upstream_or_group(value: object) -> Upstream:
    """Read an upstream of a route, or the name of a group; raises what `upstream` raises."""
    if isinstance(value, str) and GROUP.fullmatch(value) and value != "localhost":
        return Upstream(NOBODY, group=value)
    return upstream(value)


def upstream(value: object) -> Upstream:
    """Read an upstream that is no group.

    Raises:
        Wrong: it is no URL of an upstream, or its path is ambiguous.
    """
    return _instance(value) if isinstance(value, str) and "{" in value else address(value)


def address(value: object) -> Upstream:
    """Read the URL of an upstream.

    Raises:
        Wrong: it is none, or its path is ambiguous.
    """
    if not isinstance(value, str):
        raise Wrong(EXPECTED_UPSTREAM)
    if value.startswith("unix:"):
        return Upstream(UpstreamSettings(Scheme.UNIX, "localhost", 80, socket_path=socket_path(value)))
    url = _http_url(value, EXPECTED_UPSTREAM)
    if url.rest:
        raise Wrong("an upstream must not have a query or a fragment: the caller's query is forwarded")
    base = path_prefix(url.path) if url.path else "/"
    settings = UpstreamSettings(url.scheme, url.authority.host, _port(url))
    return Upstream(settings, "" if base == "/" else base)


def _instance(value: str) -> Upstream:
    found = _INSTANCE.fullmatch(value)
    if found is None:
        raise Wrong(
            "a credential names its upstream as {token.PART}/path, or as https://{token.PART}/path if that "
            "part is a host alone"
        )
    base = path_prefix(found["path"]) if found["path"] else "/"
    settings = UpstreamSettings(Scheme.HTTPS, f"{{token.{found['part']}}}", 443)
    named = InstanceName(found["part"], is_host=found["scheme"] is not None)
    return Upstream(settings, "" if base == "/" else base, named)


def endpoint(value: object) -> ServerUrl:
    """Read the URL of a token endpoint (RFC 6749 section 3.2); its query is kept.

    Raises:
        Wrong: it is no absolute http(s) URL, or one with a fragment or user information.
    """
    expected = "expected an absolute URL such as https://login.example.com/oauth/token"
    if not isinstance(value, str):
        raise Wrong(expected)
    url = _http_url(value, expected)
    if "#" in url.rest:
        raise Wrong("an endpoint must not have a fragment (RFC 6749 section 3.2)")
    return ServerUrl(value, url.scheme, url.authority.host)


def issuer(value: object) -> ServerUrl:
    """Read an issuer identifier (RFC 8414 section 2), which is compared byte for byte.

    Raises:
        Wrong: it is no absolute http(s) URL, or one with a query, a fragment or user information.
    """
    expected = "expected the issuer's URL, such as https://login.example.com"
    if not isinstance(value, str):
        raise Wrong(expected)
    url = _http_url(value, expected)
    if url.rest:
        raise Wrong("an issuer must not have a query or a fragment (RFC 8414 section 2)")
    if "/.well-known/" in value:
        raise Wrong("write the issuer, not the URL of its metadata (RFC 8414 section 3)")
    return ServerUrl(value, url.scheme, url.authority.host)


def origin(value: str) -> str:
    """Read an origin as browsers write it (RFC 6454 section 6.1), or ``*``.

    Raises:
        Wrong: it is none, or is not written so.
    """
    expected = "expected an origin such as https://app.example.com, or *"
    if value == "*":
        return value
    url = _http_url(value, expected)
    if url.rest or url.path:
        raise Wrong("an origin ends with its host or port, without a path: https://app.example.com")
    if value != value.lower() or value.endswith((":80", ":443")):
        raise Wrong("browsers write an origin in lower case, and without its usual port")
    return value


def proxy(value: object) -> str:
    """Read the URL of a forward proxy, which may contain a user.

    Raises:
        Wrong: it is not ``http://[user:password@]host:port``.
    """
    expected = "expected http://host:port or http://user:password@host:port"
    if not isinstance(value, str) or not value.startswith("http://") or not _VISIBLE.fullmatch(value):
        raise Wrong(expected)
    _, _, where = value.removeprefix("http://").removesuffix("/").rpartition("@")
    if authority(where).port is None:
        raise Wrong(expected)
    return value


def forward_proxy(url: str, exempt: Sequence[Exempt] | None = None) -> ForwardProxy:
    """Return the forward proxy of a URL that `proxy` has read; user and password may be percent-encoded."""
    user, _, where = url.removeprefix("http://").removesuffix("/").rpartition("@")
    at = authority(where)
    assert at.port is not None
    name, _, password = user.partition(":")
    credentials = Secret(f"{unquote(name)}:{unquote(password)}") if user else None
    return ForwardProxy(at.host, at.port, credentials, tuple(exempt or ()))


def resource(text: str) -> str:
    """Read a resource indicator: an absolute URI without a fragment (RFC 8707 section 2).

    Raises:
        Wrong: it is none.
    """
    scheme, colon, rest = text.partition(":")
    if not (colon and rest and _SCHEME.fullmatch(scheme) and _VISIBLE.fullmatch(text)):
        raise Wrong("expected an absolute URI such as https://api.example.com (RFC 8707)")
    if "#" in text:
        raise Wrong("a resource must not have a fragment (RFC 8707 section 2)")
    return text


def check_path(text: str) -> str:
    """Read what a check asks for: a path, with a query if it has one.

    Raises:
        Wrong: it does not begin with a slash, or cannot stand in a request.
    """
    if not text.startswith("/"):
        raise Wrong("expected a path that begins with /, such as /health")
    if not _VISIBLE.fullmatch(text) or "#" in text or "\\" in text or _BAD_PERCENT.search(text):
        raise Wrong("expected visible ASCII without # and backslash: write other characters as %XX")
    return text


def path_prefix(text: str) -> str:
    """Read the path of a route or an upstream; a final slash is dropped.

    Raises:
        Wrong: it does not begin with a slash, or is ambiguous.
    """
    if not text.startswith("/"):
        raise Wrong("expected a path that begins with /")
    if "?" in text or "#" in text:
        raise Wrong("a path must not contain ? or #: a route matches any query")
    if not _VISIBLE.fullmatch(text) or "\\" in text or _BAD_PERCENT.search(text):
        raise Wrong("a path may contain only visible ASCII without backslash: write other characters as %XX")
    try:
        tuple(other_readings(text))
    except AmbiguousPath:
        words = "a path must not contain dot segments, not even encoded ones: such requests are refused"
        raise Wrong(words) from None
    return text.rstrip("/") or "/"


def _http_url(text: str, expected: str) -> _Url:
    name, separator, rest = text.partition("://")
    if not separator and _BARE_HOST.fullmatch(text):
        raise Wrong("the scheme is missing: write https:// or http:// before the host")
    if name.lower() not in ("http", "https") or not separator:
        raise Wrong(expected)
    if not _VISIBLE.fullmatch(text) or "\\" in text:
        raise Wrong("a URL may contain only visible ASCII: write other characters as %XX")
    found = re.fullmatch(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", rest)
    if found is None or not found["authority"]:
        raise Wrong(expected)
    if "@" in found["authority"]:
        raise Wrong("this URL must not contain a user or a password")
    return _Url(Scheme(name.lower()), authority(found["authority"]), found["path"], found["rest"])


def _port(url: _Url) -> int:
    port = url.authority.port
    if port == 0:
        raise Wrong("expected a port from 1 to 65535 after the colon")
    return _DEFAULT_PORTS[url.scheme] if port is None else port
