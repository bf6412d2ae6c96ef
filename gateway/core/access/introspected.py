"""What an introspection response says of a token: a caller, or why there is none (RFC 7662 section 2.2).

Rules: only ``active: true`` is active. Its other members are claims, and what they say must hold as it must
in a JWT: ``exp``, ``nbf``, and ``iss`` and ``aud`` where the way names them. ``exp`` may be missing, since
the server itself has just vouched for the token.
"""

from __future__ import annotations

from typing import Final

from gateway.core.access.finding import Bad
from gateway.core.access.token_claims import ClaimRules, caller_of
from gateway.core.caller import Caller
from gateway.core.text.json_object import JsonObject

INACTIVE: Final = Bad("the token is not active: it is unknown, expired or revoked")


def introspected(response: JsonObject, rules: ClaimRules, wall_s: float) -> Caller | Bad:
    """Return the caller whom a response describes, or why the token is refused."""
    if response.get("active") is not True:
        return INACTIVE
    claims = {name: value for name, value in response.items() if name != "active"}
    return caller_of(claims, rules, wall_s)


def is_token(credential: bytes) -> bool:
    """Whether a credential may be a token: visible ASCII (RFC 6749 appendix A.12, except the space)."""
    return bool(credential) and all(0x21 <= byte <= 0x7E for byte in credential)
