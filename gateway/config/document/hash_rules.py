"""A group whose addresses are chosen by the value of a field needs one that callers may send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.document.validation import Parts
from gateway.config.problems import Mistake
from gateway.core.http.fields import folded

_OF_IDENTITY: Final = (
    "no caller may send this field, which tells upstreams who calls (`identity`): name another one"
)
_OF_CREDENTIAL: Final = "this field carries a caller's credential, and reaches no upstream: name another one"


def hash_findings(parts: Parts) -> Iterator[Mistake]:
    """Yield each field that is taken from every request before its value could choose an address."""
    taken = _taken(parts)
    for name, group in parts.groups.items():
        balance = group.balance if group is not None else None
        if balance is not None and (why := taken.get(folded(balance.header.encode()))):
            yield Mistake(("upstreams", name, "balance"), why)


def _taken(parts: Parts) -> dict[bytes, str]:
    taken = {
        folded(field.encode()): _OF_IDENTITY
        for route in parts.routes.values()
        for field in route.identity or ()
    }
    for way in parts.callers.values():
        if way is not None and way.api_key is not None:
            taken[folded((way.api_key.header or "X-API-Key").encode())] = _OF_CREDENTIAL
        if way is not None and way.jwt is not None and way.jwt.header is not None:
            taken[folded(way.jwt.header.encode())] = _OF_CREDENTIAL
    return taken
