"""Hosts, ports, networks: text -> value.

Rules: RFC 3986 section 3.2.2 for hosts, RFC 4291 section 2.2 for IPv6. Names are in lower case and plain
ASCII (internationalized ones in their ``xn--`` form). Nothing is resolved here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network
from typing import Final

from gateway.config.problems import Wrong
from gateway.core.settings.forward_proxy import Exempt
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.proxies import Network
from gateway.core.text.server_url import is_address, is_loopback

_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_DIGITS_AND_DOTS: Final = re.compile(r"[0-9.]+")
_SOCKET_PATH_BYTES: Final = 107
"""`sun_path` holds 108 bytes on Linux, the last one NUL (unix(7))."""

_FOR_WHOM: Final = "127.0.0.1:PORT for callers on this machine, or 0.0.0.0:PORT for every interface"
_PORT_ALONE: Final = f"a port alone is not an address: write {_FOR_WHOM}"
_EXPECTED_ADMIN: Final = "expected off, or an address such as 127.0.0.1:8079 or unix:/run/admin.sock"
_EXPECTED_EXEMPT: Final = (
    "expected a host such as example.com, which stands for all below it, too, an address, or a network such "
    "as 10.0.0.0/8"
)
_EXPECTED_NETWORK: Final = "expected a network such as 10.0.0.0/8 or 2001:db8::/32"
MODE_IN_QUOTES: Final = 'YAML readers disagree on unquoted modes: put it in quotes, as in mode: "0660"'
MODE_PATTERN: Final = "0?[0-7]{3}"
EXPECTED_MODE: Final = 'expected permissions as octal digits in quotes, as in mode: "0660"'
EXPECTED_ADDRESS: Final = "expected an address such as 127.0.0.1:8080, '[::1]:8080' or unix:/run/gateway.sock"


@dataclass(frozen=True, slots=True)
class Authority:
    """The parts of ``host[:port]``; an IPv6 host has no brackets here."""

    host: str
    port: int | None


def listening_address(value: object) -> Address:
    """Read the address of a listener.

    Raises:
        Wrong: it is neither ``host:port`` nor ``unix:/path``.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        raise Wrong(_PORT_ALONE)
    if not isinstance(value, str):
        raise Wrong(EXPECTED_ADDRESS)
    if value.startswith("unix:"):
        return Address(path=socket_path(value))
    _refuse_near_misses(value)
    found = authority(value)
    if found.port is None:
        raise Wrong("the port is missing: write 127.0.0.1:8080, '[::1]:8080' or unix:/run/gateway.sock")
    return Address(found.host, found.port)


def _refuse_near_misses(text: str) -> None:
    if text.startswith((":", "*:")) and text.count(":") == 1:
        raise Wrong(f"the host is missing: write {_FOR_WHOM}")
    if text.isdecimal():
        raise Wrong(_PORT_ALONE)
    if "://" in text:
        raise Wrong("an address has no scheme: write 127.0.0.1:8080, and add `tls` for HTTPS")
    if text.startswith("/"):
        raise Wrong("write unix: before the path of a socket, as in unix:/run/gateway.sock")


def admin_address(value: object) -> Address | None:
    """Read the address of the admin listener; None for ``off``."""
    if value == "off":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Wrong(_EXPECTED_ADMIN)
    if isinstance(value, str) and ":" not in value and not value.isdecimal():
        raise Wrong(_EXPECTED_ADMIN)
    return listening_address(value)


def authority(text: str) -> Authority:
    """Split ``host[:port]``.

    Raises:
        Wrong: the host or the port is invalid.
    """
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Wrong("expected an IPv6 address in brackets, as in [::1]:8080")
        return Authority(_ipv6(inside), _port(rest[1:]) if rest else None)
    if text.count(":") > 1:
        raise Wrong("an IPv6 address needs brackets, as in [::1]:8080")
    name, colon, port = text.partition(":")
    return Authority(host_name(name), _port(port) if colon else None)


def service_name(value: object) -> Authority:
    """Read the name of a service: ``host[:port]``.

    Raises:
        Wrong: it is something else, such as a URL.
    """
    if not isinstance(value, str):
        raise Wrong("expected host or host:port, as in api.example.com")
    if "://" in value or "/" in value:
        raise Wrong("a name has neither scheme nor path: write host or host:port, as in api.example.com")
    return authority(value)


def host_name(text: str) -> str:
    """Read a name or an IPv4 address, in lower case and without a final dot.

    Raises:
        Wrong: it is neither.
    """
    name = text.lower().removesuffix(".")
    if not name.isascii():
        raise Wrong("write an internationalized host name in its xn-- form")
    if _DIGITS_AND_DOTS.fullmatch(name):
        return str(_ip(name))
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise Wrong("expected a host name or an IP address")
    return name


def host_pattern(text: str) -> str:
    """Read a route's host: a name, an address, or ``*.`` and a name; never a port."""
    if text.startswith("*."):
        return f"*.{host_name(text[2:])}"
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1])
    if text == "*":
        raise Wrong("remove the key to match any host")
    if ":" in text:
        raise Wrong("expected a host without scheme or port: a route matches requests on any port")
    return host_name(text)


def socket_path(text: str) -> str:
    """Read the path in ``unix:/path``.

    Raises:
        Wrong: it is not absolute, or is too long for a socket.
    """
    path = text.removeprefix("unix:")
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise Wrong("expected the absolute path of a socket, as in unix:/run/gateway.sock")
    if len(path.encode()) > _SOCKET_PATH_BYTES:
        raise Wrong(f"the path of a socket may have at most {_SOCKET_PATH_BYTES} bytes")
    return path


class UnixPeers(Enum):
    """All callers that connect to unix sockets."""

    UNIX = "unix"


def trusted_proxy(value: object) -> Network | UnixPeers:
    """Read a trusted proxy: a network, an address, or ``unix``.

    Raises:
        Wrong: it is none of these, or has bits set beyond its prefix.
    """
    if value == UnixPeers.UNIX.value:
        return UnixPeers.UNIX
    if isinstance(value, str) and value.startswith("unix:"):
        raise Wrong("write unix alone: it covers every unix socket of this gateway")
    return network(value, f"{_EXPECTED_NETWORK}, an address, or unix")


def network(value: object, expected: str = f"{_EXPECTED_NETWORK} or an address") -> Network:
    """Read ``10.0.0.0/8`` or a single address.

    Raises:
        Wrong: it is neither, or has bits set beyond its prefix.
    """
    try:
        found = ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Wrong(expected)
    if ip_interface(str(value)).ip != found.network_address:
        raise Wrong("the address has bits set beyond its prefix: write the first address of the network")
    return found


def exempt(value: object) -> Exempt:
    """Read an entry of ``no_proxy``.

    Raises:
        Wrong: it is neither a host nor an address nor a network.
    """
    if not isinstance(value, str) or not value:
        raise Wrong(_EXPECTED_EXEMPT)
    if value == "*":
        raise Wrong("without any upstream the proxy has no effect: remove `proxy` instead")
    if "://" in value:
        raise Wrong("write the host alone, without a scheme")
    if "/" in value or (value.count(":") > 1 and not value.startswith("[")):
        return Exempt(network=network(value, _EXPECTED_EXEMPT))
    bare = value.removeprefix("*").removeprefix(".")
    found = authority(bare)
    if not is_address(found.host):
        return Exempt(found.host, is_only_below=bare != value, port=found.port)
    if bare != value:
        raise Wrong("nothing is below an address: write it without the dot")
    return Exempt(network=ip_network(found.host), port=found.port)


def socket_mode(value: object) -> int:
    """Read the permissions of a unix socket, in octal digits.

    Raises:
        Wrong: it is no such text, or nobody could connect.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        raise Wrong(MODE_IN_QUOTES)
    if not isinstance(value, str) or not re.fullmatch(MODE_PATTERN, value):
        raise Wrong(EXPECTED_MODE)
    mode = int(value, 8)
    if not mode & 0o222:
        raise Wrong('nobody could connect without write permission: write "0660" for user and group')
    return mode


def is_private(address: Address) -> bool:
    """Return whether only this machine can reach an address: loopback, or a unix socket."""
    return address.path is not None or is_loopback(address.host)


def _ipv6(text: str) -> str:
    address = _ip(text)
    if not isinstance(address, IPv6Address) or address.scope_id is not None:
        raise Wrong("expected an IPv6 address in the brackets, without a zone")
    return str(address)


def _ip(text: str) -> object:
    try:
        return ip_address(text)
    except ValueError:
        raise Wrong("expected an IP address such as 192.0.2.1 or ::1") from None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise Wrong("expected a port from 0 to 65535 after the colon")
    return int(text)
