"""Servers that a credential may name as the upstream: a text -> a pattern, or why it is refused."""

from __future__ import annotations

import re
from typing import Final

from gateway.config.problems import Wrong
from gateway.config.values.hosts import host_pattern
from gateway.core.settings.instances import InstancePattern

_EXPECTED: Final = "expected https://host or https://*.example.com, with a port if it is not 443"
_PATTERN: Final = re.compile(r"https://(?P<host>[^/:?#@\[\]]+)(?::(?P<port>[1-9][0-9]{0,4}))?/?")
_MOST: Final = 65_535


def instance_pattern(value: object) -> InstancePattern:
    """Read a pattern.

    Raises:
        Wrong: it is none, or would admit hosts of many owners.
    """
    found = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"] or 443) > _MOST:
        raise Wrong(_EXPECTED)
    host = found["host"] if found["host"] == "*" else host_pattern(found["host"])
    if host.startswith("*") and "." not in host[2:]:
        raise Wrong("hosts of many owners would receive the credential: write a longer name after *.")
    return InstancePattern(host, int(found["port"] or 443))
