"""Limits on requests: whose count together, and what a response says of them.

``RateLimit`` and ``RateLimit-Policy`` are structured fields (draft-ietf-httpapi-ratelimit-headers, RFC 9651).
A quota of the caller's own that is used up is a 429; a capacity that all share is a 503.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from math import ceil
from typing import Final

from gateway.core.access.gcra import NS, Rate
from gateway.core.caller import Caller
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import LimitKey, RateLimit
from gateway.core.settings.proxies import plain_address

_IPV6_PREFIX: Final = 64
"""A single subscriber has as many addresses."""


def key_of(by: LimitKey, address: str, caller: Caller | None) -> str:
    """Return what a request is counted under; a caller that nobody asked for is its address."""
    if by is LimitKey.ROUTE:
        return ""
    if by is LimitKey.CALLER and caller is not None:
        return f"{caller.way}:{caller.id}"
    return network_of(address)


def network_of(address: str) -> str:
    """Return the address of a peer, or the /64 network of an IPv6 address."""
    found = plain_address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, _IPV6_PREFIX), strict=False))
    return address


def address_of(head: RequestHead, caller: CallerFields) -> str:
    """Return the peer's address, or that of the client which a trusted proxy reports."""
    return caller.client_behind(head) or caller.name


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a rate is used, after a request was counted or refused."""

    limit: RateLimit
    left: int
    reset_s: int


def usage(limit: RateLimit, rate: Rate, state_ns: int, now_ns: int) -> Usage:
    """Return what is left of a rate, and when all of it will be back."""
    reset_s = ceil(max(0, state_ns - now_ns) / NS)
    return Usage(limit, rate.left(state_ns, now_ns), reset_s)


def rate_fields(used: Iterable[Usage]) -> tuple[tuple[str, str], ...]:
    """Return ``RateLimit`` and ``RateLimit-Policy``; none if there is no rate."""
    each = list(used)
    if not each:
        return ()
    left = ", ".join(f'"{one.limit.name}";r={one.left};t={one.reset_s}' for one in each)
    policies = ", ".join(
        f'"{one.limit.name}";q={one.limit.count};w={ceil(one.limit.period_s)}' for one in each
    )
    return ("RateLimit", left), ("RateLimit-Policy", policies)
