"""The modules that are compiled in a wheel, and why.

Here belongs what runs for each request, and nothing else. Two rules beyond that:

- Nothing that recurses over foreign data. Compiled recursion knows no limit: it ends the process.
- Nothing that tests or the demo replace at run time: what is compiled calls its own functions directly.

All of them go into one library, so a call from one to another costs what a call in C costs; such a call
back to an interpreted module costs what it did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

HOT: Final = {
    "reads the head of each request": (
        "gateway.core.http.fields",
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
