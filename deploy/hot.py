"""The modules that are compiled in a wheel, and why.

Here belongs what runs for each request, and what `bench.pairs` shows to be worth it. All of it goes into one
library, where a call from one module to another is a call in C. What is written here obeys two rules:

- Nothing recurses over foreign data. Compiled recursion knows no limit: it ends the process.
- Values have the types that are declared: at each function's door they are checked.

What derives from aiohttp's classes (`proxy.request_reader`, `link`, `caller`, `listener`) stays interpreted:
their attributes are looked up as ever, and nothing is gained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

HOT: Final = {
    "takes each request from its caller's connection to the upstream's, and the answer back": (
        "gateway.proxy.answer",
        "gateway.proxy.answer_reader",
        "gateway.proxy.body",
        "gateway.proxy.buffers",
        "gateway.proxy.call",
        "gateway.proxy.exchange",
        "gateway.proxy.exchange_facts",
        "gateway.proxy.fast_lane",
        "gateway.proxy.front",
        "gateway.proxy.handler",
        "gateway.proxy.pool",
        "gateway.proxy.relay",
        "gateway.proxy.route",
        "gateway.proxy.stream",
        "gateway.proxy.tls_upstream",
        "gateway.proxy.upstream",
        "gateway.proxy.upstream_flow",
    ),
    "reads its head": (
        "gateway.core.http.fields",
        "gateway.core.http.plain_head",
        "gateway.core.http.request_head",
        "gateway.core.http.target",
    ),
    "finds its route, and what goes out on it": (
        "gateway.core.http.outbound",
        "gateway.core.http.routing",
    ),
    "has its token": (
        "gateway.core.token",
        "gateway.oauth.source",
    ),
    "reads the answer's head, and decides whether the token was refused": (
        "gateway.core.http.answer_head",
        "gateway.core.http.challenge",
        "gateway.core.http.recovery",
    ),
    "counts it, and writes its line": (
        "gateway.core.http.access_record",
        "gateway.observe.access_log",
        "gateway.observe.histogram",
        "gateway.observe.line_writer",
        "gateway.observe.route_metrics",
        "gateway.observe.series",
    ),
    "is read by all of these": (
        "gateway.core.clock",
        "gateway.core.settings",
    ),
}


def modules() -> list[str]:
    """Return the names of all of them."""
    return sorted(name for group in HOT.values() for name in group)


def files() -> list[str]:
    """Return their paths, from the top of the sources."""
    return [str(Path(*name.split(".")).with_suffix(".py")) for name in modules()]
