"""The modules that are compiled in a wheel, and why.

Here belongs what runs for each request, if `bench.pairs` shows that it pays. All of it goes into one library,
where a call from one module to another is a call in C. Two rules apply:

- No recursion over foreign data. Compiled recursion has no limit, so a deep document would end the process.
- Declared types are the real ones. They are checked at run time, at the entrance of each function.

Left out, since nothing was gained: what derives from aiohttp's classes (`proxy.request_reader`, `link`,
`caller`, `listener`), whose attributes are looked up as before (what each request asks of them stands in
`proxy.caller_facts`); the token source, which is called once for a request; the settings, which are only
read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

HOT: Final = {
    "takes each request from its caller's connection to the upstream's, and the answer back": (
        "gateway.proxy.outgoing.answer",
        "gateway.proxy.outgoing.answer_reader",
        "gateway.proxy.body",
        "gateway.proxy.call",
        "gateway.proxy.caller_facts",
        "gateway.proxy.exchange",
        "gateway.proxy.exchange_facts",
        "gateway.proxy.fast_lane",
        "gateway.proxy.front",
        "gateway.proxy.handler",
        "gateway.proxy.outgoing.pool",
        "gateway.proxy.relay",
        "gateway.proxy.route",
        "gateway.proxy.stream",
        "gateway.proxy.outgoing.target_pool",
        "gateway.proxy.outgoing.tls_upstream",
        "gateway.proxy.outgoing.upstream",
        "gateway.proxy.outgoing.upstream_flow",
        "gateway.request_ids",
    ),
    "reads its head": (
        "gateway.core.http.fields",
        "gateway.core.http.plain_head",
        "gateway.core.http.request_head",
        "gateway.core.http.target",
    ),
    "lets its caller in": (
        "gateway.access.credential_field",
        "gateway.access.file_keys",
        "gateway.access.gate",
        "gateway.access.passes",
        "gateway.access.tokens",
        "gateway.access.verified",
        "gateway.access.watched_text",
        "gateway.core.access.evidence",
        "gateway.core.admission",
        "gateway.core.caller",
    ),
    "finds its route, and what goes out on it": (
        "gateway.core.http.carrying",
        "gateway.core.http.outbound",
        "gateway.core.http.routing",
    ),
    "reads the answer's head, and remembers whether tokens are accepted": (
        "gateway.core.http.answer_head",
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
}


def modules() -> list[str]:
    """Return the names of all of them."""
    return sorted(name for group in HOT.values() for name in group)


def files() -> list[str]:
    """Return their paths, from the top of the sources."""
    return [str(Path(*name.split(".")).with_suffix(".py")) for name in modules()]
