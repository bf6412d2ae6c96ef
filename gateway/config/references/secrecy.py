"""Which references may stand for a secret: what those gave is not shown, wherever it occurs.

Rules: a reference may, unless its key is one whose value everybody may see: an address, a host, a path.
In URLs it may where it stands behind the host: keys in paths and queries are met often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.config.problems import Loc
from gateway.config.template import Reference, Template

_OPEN: Final = frozenset(
    {
        "address",
        "admin",
        "assertion_audience",
        "assertion_subject",
        "audience",
        "ca",
        "certificate",
        "client",
        "client_id",
        "host",
        "issuer",
        "kid",
        "listen",
        "methods",
        "path",
        "resource",
        "scope",
        "server_name",
        "trusted_proxies",
    }
)
_URLS: Final = frozenset({"upstream", "token_endpoint", "revocation_endpoint"})
_OWNERS: Final = frozenset({"parameters", "headers", "token_headers", "assertion_claims"})
"""What stands under these is named by the owner: it may be anything."""


def may_be_secret(loc: Loc, template: Template, look_up: Callable[[Reference], str]) -> Iterator[str]:
    """Give what may be secret of what the references gave that stand at `loc`."""
    keys = [part for part in loc if isinstance(part, str)]
    if not _OWNERS.isdisjoint(keys):
        yield from map(look_up, template.references)
    elif keys[-1] in _URLS:
        yield from _behind_host(template, look_up)
    elif keys[-1] not in _OPEN and keys[-2:] != ["tls", "key"]:
        yield from map(look_up, template.references)


def _behind_host(template: Template, look_up: Callable[[Reference], str]) -> Iterator[str]:
    host_ends, position = _end_of_host(template.fill(look_up)), 0
    for part in template.parts:
        text = part if isinstance(part, str) else look_up(part)
        if not isinstance(part, str) and position + len(text) > host_ends:
            yield text[max(0, host_ends - position) :]
        position += len(text)


def _end_of_host(url: str) -> int:
    if url.startswith("unix:"):
        return len(url)
    begins = url.find("://") + len("://") if "://" in url else 0
    return min((at for sign in "/?#" if (at := url.find(sign, begins)) >= 0), default=len(url))
