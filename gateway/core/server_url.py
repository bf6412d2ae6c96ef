"""URLs of an authorization server that the server itself told: may a credential be sent there?

Rules: absolute, visible ASCII, no user, no fragment (RFC 6749 section 3.2); ``https``, or ``http`` on this
machine, if the server that tells it is on this machine too, or where the owner allowed it. Nothing is
resolved here.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

_VISIBLE: Final = re.compile(
    r"[\x21-\x5b\x5d-\x7e]{1,2048}"
)  # no backslash, which some readers take for a slash


def is_address(host: str) -> bool:
    """Tell whether `host`, without brackets, is an IP address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can be meant, whoever resolves it: 127.0.0.0/8, ::1, localhost.

    Names below ``localhost`` are left out: some resolvers ask the DNS for them.
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
    """Tell whether `url`, as the server at `teller` wrote it, is one that credentials may be sent to."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in url:
        return False
    if parts.scheme != "http":
        return parts.scheme == "https"
    return allows_insecure or (is_loopback(host) and is_loopback(host_of(teller)))


def origin_of(url: str) -> str:
    """Give ``scheme://host[:port]`` of an absolute URL, as it is written."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}".lower()


def authority_of(url: str) -> tuple[str, str, int | None]:
    """Give scheme, host and port of an absolute URL: equal for two that lead to the same server."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:  # it leads nowhere, as who asks there is told
        return url, "", None
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """Give the host of an absolute URL, in lower case, an IPv6 address without its brackets."""
    return urlsplit(url).hostname or ""
