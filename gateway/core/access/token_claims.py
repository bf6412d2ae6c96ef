"""The claims of a caller's token, whoever vouches for them: a signature, or an introspection response.

Rules (RFC 7519 section 4.1, RFC 7662 section 2.2, RFC 9068 section 4):

- ``exp`` must lie ahead; no leeway lengthens a token's life. ``nbf`` and ``iat`` may lie `SKEW_S` ahead.
- ``iss`` is compared byte for byte, and ``aud`` must name one of ours.
- An ID token is refused (``nonce``, ``at_hash`` and ``c_hash`` are in no access token).
- The caller is who ``sub`` says, or ``client_id`` where a client speaks for itself. A subject that is there
  and cannot be used is refused: else whoever may choose a name could pass as the client.
- The scope is ``scope`` (RFC 8693 section 4.2) or ``scp``, as text or a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from gateway.core.access.finding import Bad
from gateway.core.caller import Caller, WayName
from gateway.core.text.json_object import JsonObject, finite_number

SKEW_S: Final = 60.0
_LONGEST_ID: Final = 256
_OF_ID_TOKENS: Final = ("nonce", "at_hash", "c_hash")

WRONG_ISSUER: Final = Bad("the token is from another issuer")
WRONG_AUDIENCE: Final = Bad("the token is for another audience")
EXPIRED: Final = Bad("the token has expired")
NO_END: Final = Bad("the token does not say when it expires")
NOT_YET: Final = Bad("the token is not valid yet")
ID_TOKEN: Final = Bad("the token is an ID token, not an access token")
NOBODY: Final = Bad("the token does not say whom it is for")


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What the claims must say.

    Attributes:
        issuer: None where another claim need not be compared, as in an introspection response.
        id_claim: the claim that names the caller; None: ``sub``, else ``client_id``.
        needs_end: whether a token without ``exp`` is refused.
    """

    way: WayName
    issuer: str | None
    audience: frozenset[str]
    id_claim: str | None = None
    needs_end: bool = True


def caller_of(claims: JsonObject, rules: ClaimRules, wall_s: float) -> Caller | Bad:
    """Return the caller whom the claims describe, or why they are refused."""
    bad = _flaw(claims, rules, wall_s)
    if bad is not None:
        return bad
    name = _name(claims, rules.id_claim)
    if name is None:
        return NOBODY
    ends_s = finite_number(claims.get("exp"))
    return Caller(rules.way, name, _scope(claims), claims, inf if ends_s is None else ends_s)


def is_for_audience(claims: JsonObject, rules: ClaimRules) -> bool:
    """Whether the claims name an audience of ours, if they must."""
    return not rules.audience or not rules.audience.isdisjoint(_audience(claims))


def _flaw(claims: JsonObject, rules: ClaimRules, wall_s: float) -> Bad | None:
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        return WRONG_ISSUER
    if not is_for_audience(claims, rules):
        return WRONG_AUDIENCE
    if any(name in claims for name in _OF_ID_TOKENS):
        return ID_TOKEN
    return _late_or_early(claims, wall_s, needs_end=rules.needs_end)


def _late_or_early(claims: JsonObject, wall_s: float, *, needs_end: bool) -> Bad | None:
    ends_s = finite_number(claims.get("exp"))
    if ends_s is None and ("exp" in claims or needs_end):
        return NO_END
    if ends_s is not None and wall_s >= ends_s:
        return EXPIRED
    for name in ("nbf", "iat"):
        begins_s = finite_number(claims.get(name, 0))
        if begins_s is None or begins_s > wall_s + SKEW_S:
            return NOT_YET
    return None


def _audience(claims: Mapping[str, object]) -> list[str]:
    audience = claims.get("aud")
    each = audience if isinstance(audience, list) else [audience]
    return [one for one in each if isinstance(one, str)]


def _name(claims: Mapping[str, object], id_claim: str | None) -> str | None:
    name = claims.get(id_claim or "sub")
    if name is None and id_claim is None:
        name = claims.get("client_id")
    is_name = isinstance(name, str) and 0 < len(name) <= _LONGEST_ID and name.isprintable()
    return str(name) if is_name else None


def _scope(claims: Mapping[str, object]) -> frozenset[str]:
    for claim in ("scope", "scp"):
        scope = claims.get(claim)
        if isinstance(scope, str):
            return frozenset(scope.split())
        if isinstance(scope, list):
            return frozenset(one for one in scope if isinstance(one, str))
    return frozenset()
