"""What a configuration asks about callers: the rest of what is known of them need not be remembered.

Rules: whatever reads `Caller.scope` or `Caller.claims` of callers who are let in is named here: rules, what
upstreams are told, what selects a client. Claims that somebody may ask for are kept whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.caller import Caller
from gateway.core.settings.access_settings import GateSettings
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.tenants import CLAIM

_CLAIM_OF_IDENTITY: Final = "claims."


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about callers.

    Attributes:
        claims: names.
        scope: what of it matters; None: all of it.
    """

    claims: frozenset[str] = frozenset()
    scope: frozenset[str] | None = frozenset()

    def __or__(self, other: Asked) -> Asked:
        """Ask for what either asks for."""
        both = None if self.scope is None or other.scope is None else self.scope | other.scope
        return Asked(self.claims | other.claims, both)

    def of(self, caller: Caller) -> Caller:
        """Return a caller with what is asked about it, and nothing else."""
        claims = caller.claims
        kept = {name: claims[name] for name in self.claims if name in claims}
        scope = caller.scope if self.scope is None else caller.scope & self.scope
        return Caller(caller.way, caller.id, scope, kept, caller.expires_at_s)


def asked_in(routes: Iterable[RouteSettings]) -> Asked:
    """Return what these routes ask about callers."""
    claims: set[str] = set()
    scope: set[str] = set()
    is_whole = False
    for route in routes:
        claims.update(_claims(route))
        is_whole = is_whole or _tells_scope(route.gate)
        if route.gate.rule is not None:
            scope.update(*(entry.scope for entry in route.gate.rule.entries))
    return Asked(frozenset(claims), None if is_whole else frozenset(scope))


def _claims(route: RouteSettings) -> Iterator[str]:
    gate = route.gate
    if gate.rule is not None:
        yield from (name for entry in gate.rule.entries for name, _ in entry.claims)
    for place in _places(gate):
        if place.startswith(_CLAIM_OF_IDENTITY):
            yield place.removeprefix(_CLAIM_OF_IDENTITY)
    if gate.identity_jwt is not None:
        yield from gate.identity_jwt.claims
    if route.tenants is not None and route.tenants.by.startswith(CLAIM):
        yield route.tenants.by.removeprefix(CLAIM)


def _tells_scope(gate: GateSettings) -> bool:
    return "scope" in _places(gate) or (gate.identity_jwt is not None and "scope" in gate.identity_jwt.claims)


def _places(gate: GateSettings) -> list[str]:
    return [place for field in gate.identity for _, place in field.parts]
