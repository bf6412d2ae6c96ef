"""The two ways in which a gateway serves requests; the suite takes one of them: ``pytest --way=slow``.

A gateway that has just begun knows no names of fields, so that it reads the first heads with a parser. Tests
mostly send one request: none of them would meet the reader of plain heads, if it knew no names before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.http.answer_head import ANSWER_NAMES

if TYPE_CHECKING:
    from gateway.app import Gateway

FAST: Final = "fast"
SLOW: Final = "slow"
HOSTS: Final = (
    "gateway.test",
    "a",
    "b",
    "crm.test",
    "named.test",
    "localhost",
    "evil.test",
    "crm.example.com",
)
REQUEST_NAMES: Final = [
    "Host",
    "Accept",
    "accept",
    "Accept-Encoding",
    "User-Agent",
    "Connection",
    "Cookie",
    "Authorization",
    "authorization",
    "Origin",
    "Sec-Fetch-Site",
    "Content-Type",
    "Via",
    "via",
    "X-Foo",
    "x-foo",
    "X-Bar",
    "X-Tenant",
    "x-tenant",
    "X-Tag",
    "X-A",
    "X-Drop",
    "X-Secret",
    "X-Long",
    "X-Leak",
    "X-Lower",
    "X-Request-ID",
    "x-request-id",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "DPoP",
    "Forwarded",
    "X-Real-IP",
    "X_Forwarded_For",
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "Max-Forwards",
    "Upgrade",
    "Expect",
    "If-None-Match",
]
ANSWER_FIELDS: Final = [
    "Content-Length",
    "content-length",
    "Content-Type",
    "Connection",
    "Date",
    "Server",
    "ETag",
    "Set-Cookie",
    "set-cookie",
    "Location",
    "Keep-Alive",
    "Retry-After",
    "WWW-Authenticate",
    "DPoP-Nonce",
    "X-A",
    "X-Foo",
    "X-T",
    "X-Tag",
    "X-Drop",
    "X-Leak",
    "Transfer-Encoding",
    "Trailer",
]

_chosen = FAST


def choose(way: str) -> None:
    """Have all gateways take this way from now on."""
    global _chosen  # noqa: PLW0603 - an option of the whole run
    _chosen = way


def is_fast() -> bool:
    return _chosen == FAST


def lead(gateway: Gateway) -> None:
    """Let a gateway that was just built take the chosen way, from its first request on."""
    gateway.front.is_open = is_fast()
    if is_fast():
        gateway.front.reader._names.sort((name.encode(), b"") for name in REQUEST_NAMES)
        ANSWER_NAMES.sort((name.encode(), b"") for name in ANSWER_FIELDS)
        for host in HOSTS:
            gateway.front.reader.read("GET", "/", (1, 1), [(b"Host", host.encode())])
