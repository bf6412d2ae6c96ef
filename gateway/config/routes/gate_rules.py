"""What must fit together in `limits`, `cors` and `identity` of a route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.problems import Loc, Mistake
from gateway.config.routes.route_model import RouteModel
from gateway.core.settings.identity import BadTemplate, IdentityField

GATE_KEYS: Final = frozenset(("access", "limits", "cors", "identity", "identity_jwt"))
"""What stands before a route."""
_OPEN_CREDENTIALS: Final = (
    "any page could act as the caller: write the origins whose pages may, or remove credentials"
)
_STAR: Final = "* alone means any origin: remove the others, or the *"
_TWO: Final = "a limit is either a rate or in_flight: write the other one as a limit of its own"
_NEITHER: Final = "says nothing of how much: write rate, such as 100/m, or in_flight"
_NO_BURST: Final = "has no effect without rate"
_NOBODY: Final = "nobody is known on this route: write `access` with entries that name callers"


def gate_findings(loc: Loc, route: RouteModel, wrong: frozenset[Loc]) -> Iterator[Mistake]:
    """Yield what does not fit together; of keys that are `wrong` nobody knows what was meant."""
    for key, findings in (("limits", _limits), ("cors", _cors), ("identity", _identity)):
        if (*loc, key) not in wrong:
            yield from findings(loc, route)


def _limits(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, limit in enumerate(route.limits or ()):
        here = (*loc, "limits", index)
        if limit.rate is None and limit.in_flight is None:
            yield Mistake(here, _NEITHER)
        elif limit.rate is not None and limit.in_flight is not None:
            yield Mistake((*here, "in_flight"), _TWO, is_about_key=True)
        elif limit.rate is None and limit.burst is not None:
            yield Mistake((*here, "burst"), _NO_BURST, is_about_key=True)
        if limit.name in seen:
            yield Mistake((*here, "name"), "another limit of this route has the same name")
        seen.add(limit.name)


def _cors(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    cors = route.cors
    if cors is None or "*" not in cors.origins:
        return
    if len(cors.origins) > 1:
        yield Mistake((*loc, "cors", "origins"), _STAR)
    if cors.credentials:
        yield Mistake((*loc, "cors", "credentials"), _OPEN_CREDENTIALS, is_about_key=True)


def _identity(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    for name, template in (route.identity or {}).items():
        try:
            IdentityField.of(name, template)
        except BadTemplate as bad:
            yield Mistake((*loc, "identity", name), str(bad))
    if route.identity and not isinstance(route.access, list):
        yield Mistake((*loc, "identity"), _NOBODY, is_about_key=True)
