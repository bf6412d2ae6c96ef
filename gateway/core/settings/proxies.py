"""The trusted proxies in front of the gateway, and the client that they report.

Rules: each entry of ``X-Forwarded-For`` was written by the hop to its right, and the last one by our peer. So
the field is read from the right, only from a trusted peer, and only as far as the proxies are trusted. An
entry that is not an address (``unknown``, or a name that hides one: RFC 7239 section 6) ends the search: who
is behind it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address

_MOST_HOPS: Final = 16  # a caller may list any number of trusted addresses
_LONGEST_BYTES: Final = 64  # per entry: [IPv6 address]:port takes 47
_REMEMBERED: Final = 1024  # lists of at most `_REMEMBERED_BYTES` each: a quarter of a MiB
_REMEMBERED_BYTES: Final = 128
_UNIX_HOPS: Final = frozenset({b"unix", b"unix:"})  # what nginx calls a peer on a unix socket


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The peers whose ``X-Forwarded-*`` is believed: those in `networks` and, with `unix`, on unix sockets.

    The client found in a list is remembered (bounded): to parse an address takes a quarter of a request's
    time.
    """

    networks: tuple[Network, ...] = ()
    unix: bool = False
    _known: dict[bytes, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def trusts(self, address: IpAddress) -> bool:
        """Whether a peer with this address is one of them."""
        return any(address in network for network in self.networks)

    def client_behind(self, forwarded_for: bytes) -> str:
        """Return the client's address from a trusted peer's ``X-Forwarded-For``, or an empty string.

        It is the last address that is not a trusted proxy's, or the first one if all of them are.
        """
        known = self._known
        client = known.get(forwarded_for)
        if client is None:
            client = self._read(forwarded_for)
            if len(forwarded_for) <= _REMEMBERED_BYTES:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[forwarded_for] = client
        return client

    def _read(self, forwarded_for: bytes) -> str:
        client = ""
        for entry in _from_the_right(forwarded_for):
            if self.unix and entry in _UNIX_HOPS:
                continue
            address = read_hop(entry)
            if address is None:
                return ""
            client = str(address)
            if not self.trusts(address):
                return client
        return client


NO_PROXIES: Final = TrustedProxies()


def _from_the_right(forwarded_for: bytes) -> Iterator[bytes]:
    """Yield the entries; where the list is cut for its length, yield what is not an address."""
    entries = forwarded_for.rsplit(b",", _MOST_HOPS)
    for entry in reversed(entries):
        stripped = entry.strip(b" \t")
        if stripped:  # empty elements of a list are nothing (RFC 9110 section 5.6.1)
            yield stripped


def read_hop(entry: bytes) -> IpAddress | None:
    """Parse an address as proxies write it: bare or in brackets, with or without a port."""
    if len(entry) > _LONGEST_BYTES:
        return None
    if entry[:1] == b"[":
        host, bracket, port = entry[1:].partition(b"]")
        is_good = bool(bracket) and (not port or _is_port(port)) and b":" in host
    elif entry.count(b":") == 1:
        host, _, port = entry.partition(b":")
        is_good = _is_port(b":" + port)
    else:
        host, is_good = entry, True
    return plain_address(host.decode("latin-1")) if is_good else None


def _is_port(text: bytes) -> bool:
    return text[:1] == b":" and text[1:].isdigit() and len(text) <= len(":65535")


def plain_address(text: str) -> IpAddress | None:
    """Parse an address, dropping its zone; an IPv4 caller on an IPv6 socket is an IPv4 caller."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
