"""URLs of an authorization server that the server itself told: may a credential be sent there?

Rules: absolute, visible ASCII, no user, no fragment (RFC 6749 section 3.2); ``https``, or ``http`` on this
machine or where the owner allowed it. Nothing is resolved here.
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
    """Tell whether only this machine can be meant: 127.0.0.0/8, ::1, localhost."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def may_be_asked(url: object, *, allows_insecure: bool) -> bool:
    """Tell whether `url`, as a server wrote it, is one that credentials may be sent to."""
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (allows_insecure or is_loopback(host)))


def origin_of(url: str) -> str:
    """Give ``scheme://host[:port]`` of an absolute URL, as it is written."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}".lower()


def host_of(url: str) -> str:
    """Give the host of an absolute URL, in lower case, an IPv6 address without its brackets."""
    return urlsplit(url).hostname or ""
