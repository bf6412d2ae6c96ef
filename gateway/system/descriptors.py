"""File descriptors: as many as the process may have, and no more connections than there are descriptors for.

A request needs two: its caller's connection and the one to its upstream. What is open already is set aside,
and so is a reserve for token requests, look-ups and the admin listener, which callers cannot take.
"""

from __future__ import annotations

import logging
import os
import resource
from dataclasses import replace
from typing import Final

from gateway.core.settings.all_settings import Settings

log: Final = logging.getLogger("gateway.system.descriptors")

RESERVE: Final = 64
BESIDE_TOKENS: Final = 32  # of the reserve, for all but token requests
PER_CONNECTION: Final = 2
NEWS: Final = 0.9  # no warning at each start for a default that nearly fits, and that nobody asked for


def with_descriptors(settings: Settings) -> Settings:
    """Raise the soft limit to the hard one; lower `limits.connections` where that does not suffice."""
    available = _raised()
    asked = settings.limits.connections
    in_use = _in_use() + len(settings.listeners) + 1 + reserve_beyond(settings)
    fitting = connections_that_fit(asked, available, in_use)
    if fitting == asked:
        return settings
    log.log(
        logging.WARNING if fitting < NEWS * asked else logging.DEBUG,
        "limits.connections is %d instead of %d: the process may have %d file descriptors, and a request "
        "needs two; raise LimitNOFILE, or the hard limit of ulimit -n, to %d",
        fitting,
        asked,
        available,
        available + PER_CONNECTION * (asked - fitting),
    )
    return replace(settings, limits=replace(settings.limits, connections=fitting))


def reserve_beyond(settings: Settings) -> int:
    """Return what to reserve beyond `RESERVE`: each grant may have a token request under way."""
    return max(0, len(settings.grants) + BESIDE_TOKENS - RESERVE)


def connections_that_fit(asked: int, available: int, in_use: int) -> int:
    """Return `asked`, or as many connections as there are descriptors for, but at least one."""
    return max(1, min(asked, (available - in_use - RESERVE) // PER_CONNECTION))


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):  # macOS takes no unlimited one
            log.warning("the soft limit of file descriptors stays %d: the system refused to raise it", soft)
    return soft if soft != resource.RLIM_INFINITY else 2**31


def _in_use() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return 32
