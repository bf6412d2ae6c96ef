"""What must fit together in `identity_jwt`: of the gateway, which signs, and of the routes that use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.config.document.validation import Parts
from gateway.config.problems import Loc, Mistake
from gateway.config.routes.route_model import RouteModel
from gateway.core.http.fields import folded

_NO_SIGNER: Final = (
    "nobody signs: write `identity_jwt` with an `issuer` at the top of the file as well, as in "
    "identity_jwt: {issuer: https://gateway.example.com}"
)
_UNVERIFIABLE: Final = (
    "a key that is generated in memory is published by the admin listener alone, which is off: write `key`, "
    "whose public half upstreams can be given, or an address at `admin`"
)
_NOBODY: Final = "nobody is known on this route: write `access` with entries that name callers"
_TWICE: Final = "`{}` sets this field too: use another"


def signing_findings(parts: Parts) -> Iterator[Mistake]:
    """Yield what does not fit together."""
    signer, routes = parts.process.signer, {}
    for index, route in parts.routes.items():
        if route.identity_jwt is not None:
            routes["routes", index] = route
    for loc, route in routes.items():
        if not isinstance(route.access, list) and (*loc, "access") not in parts.wrong:
            yield Mistake((*loc, "identity_jwt"), _NOBODY, is_about_key=True)
        yield from _set_twice(loc, route)
    is_unknown = any(loc[0] in ("identity_jwt", "admin") for loc in parts.wrong)
    if signer is None and not is_unknown:
        yield from (Mistake((*loc, "identity_jwt"), _NO_SIGNER, is_about_key=True) for loc in routes)
    elif signer is not None and signer.key is None and parts.process.admin is None and not is_unknown:
        yield Mistake(("identity_jwt", "key"), _UNVERIFIABLE, is_about_key=True)


def _set_twice(loc: Loc, route: RouteModel) -> Iterator[Mistake]:
    assert route.identity_jwt is not None
    name, rules = folded(route.identity_jwt.header.encode()), route.headers.request if route.headers else None
    others = [("identity", route.identity or {})]
    if rules is not None:
        others += [("headers.request.set", rules.set or {}), ("headers.request.add", rules.add or {})]
    for key, names in others:
        if any(folded(each.encode()) == name for each in names):
            yield Mistake((*loc, "identity_jwt", "header"), _TWICE.format(key))
