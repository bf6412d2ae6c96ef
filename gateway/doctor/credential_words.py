"""A credential as `explain` shows it: where its parts go, with words in place of their values."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from gateway.core.http.carriage import described
from gateway.core.settings.carriers import MAIN_PART, USUAL, Carrier
from gateway.core.settings.client_settings import Grant
from gateway.core.settings.route_settings import CallerAuthorization, RouteSettings
from gateway.core.token import Token

_POLICY: Final = {
    CallerAuthorization.REPLACE: "the caller's own Authorization is removed",
    CallerAuthorization.REJECT: "a request with an Authorization of the caller's is rejected",
    CallerAuthorization.KEEP: "the caller's own Authorization goes out instead, if there is one",
}
_KEPT_BESIDE: Final = "the caller's own Authorization passes beside it"


def stand_in(route: RouteSettings, grant: Grant) -> Token:
    """Return what stands for the token of a route: each part says what it is."""
    scheme = b"Bearer" if grant.dpop is None else b"DPoP"
    parts = {carrier.part: _shown(carrier.part, grant) for carrier in route.send}
    shown = _shown(MAIN_PART, grant)
    return Token(b"%b %b" % (scheme, shown.encode()), 0.0, 0.0, 0, "", parts=tuple(parts.items()))


def legible(text: str, token: Token) -> str:
    """Return a text of the request without the percent-encoding of what stands for a token."""
    for _, shown in token.parts:
        text = text.replace(quote(shown, safe=""), shown)
    return text


def _shown(part: str, grant: Grant) -> str:
    return f"<the {part} of client {grant.client}>"


def credential_words(route: RouteSettings) -> str:
    """Say where the credential of a route goes, and what happens to the caller's own ``Authorization``."""
    goes = " and ".join(map(_place, route.send))
    is_beside = not any(_is_authorization(carrier) for carrier in route.send)
    is_kept = is_beside and route.authorization is CallerAuthorization.KEEP
    return f"in {goes}; {_KEPT_BESIDE if is_kept else _POLICY[route.authorization]}"


def recovery_words(route: RouteSettings) -> str:
    """Say which responses mean that the credential was refused."""
    told = (*map(str, sorted(route.recover_on)), *map(str, route.refusal_signs))
    return f"on {'; '.join(told)}" if told else "on nothing"


def _is_authorization(carrier: Carrier) -> bool:
    return described(carrier).lower() == described(USUAL[0]).lower()


def _place(carrier: Carrier) -> str:
    part = "" if carrier.part == MAIN_PART else f" (part {carrier.part})"
    return f"{described(carrier)}{part}"
