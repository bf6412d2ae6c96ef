"""URLs that an authorization server names: may credentials be sent there?

Such a URL is absolute and visible ASCII, with neither a user nor a fragment (RFC 6749 section 3.2). Its
scheme is ``https``; ``http`` is accepted where the owner allows it, or if both the URL and the server that
names it are on this machine. Nothing is resolved here.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

_VISIBLE: Final = re.compile(
    r"[\x21-\x5b\x5d-\x7e]{1,2048}"
)  # no backslash, which some parsers take for a slash

# Brackets hold all of the host, or there are none: not every release of Python 3.11 to 3.13 insists on it.
_AUTHORITY: Final = re.compile(r"(?:\[[^\[\]]*\]|[^\[\]]*)(?::[0-9]*)?")


def is_address(host: str) -> bool:
    """Whether `host`, without brackets, is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether `host` means this machine to every resolver: 127.0.0.0/8, ::1, localhost.

    Names below ``localhost`` are left out, since some resolvers look them up in the DNS.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def may_be_asked(url: object, teller: str, *, allows_insecure: bool) -> bool:
    """Whether credentials may be sent to `url`, which the server at `teller` names."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in url or not _AUTHORITY.fullmatch(parts.netloc):
        return False
    if parts.scheme != "http":
        return parts.scheme == "https"
    return allows_insecure or (is_loopback(host) and is_loopback(url_host(teller)))


def origin_of(url: str) -> str:
    """Return ``scheme://host[:port]`` of an absolute URL, in lower case."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}".lower()


def authority_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an absolute URL; they are equal for URLs of the same server."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:  # it leads nowhere, as whoever connects finds out
        return url, "", None
    return parts.scheme, parts.hostname or "", port


def url_host(url: str) -> str:
    """Return the host of an absolute URL in lower case, without the brackets of an IPv6 address."""
    return urlsplit(url).hostname or ""
