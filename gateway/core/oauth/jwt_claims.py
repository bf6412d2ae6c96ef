"""Read the claims of an access token that happens to be a JWT, without verifying them (RFC 7519).

To a client a token is opaque. Its ``exp`` is a hint that shortens the stated lifetime and never lengthens
it. All it decides is when to ask again, so the signature is not checked and no library is loaded.

The authorization server wrote ``exp`` by its own clock, so what is left is counted on that clock: the
``Date`` of the same answer, or our time if there is none. It never counts as earlier than ``iat``, since no
token is older than its making; so a slow clock of ours cannot lengthen a life. ``exp - iat`` would need no
clock at all, but gives a full life to the half-expired token that some servers hand out again and again
(wso2/api-manager#773).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Final

from gateway.core.text.json_object import JsonObject, finite_number, read_json_object

_PARTS: Final = 3  # header, claims, signature (RFC 7515 section 7.1); an encrypted token has five


def read_claims(token: str) -> JsonObject | None:
    """Return the claims, or None if the token is not a signed JWT."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        return read_json_object(urlsafe_b64decode(padded))
    except ValueError:
        return None


def claimed_left_s(token: str, server_now_s: float) -> float | None:
    """Return the time from `server_now_s` to the token's ``exp``, negative if past, or None without one."""
    claims = read_claims(token) or {}
    ends_s, made_s = finite_number(claims.get("exp")), finite_number(claims.get("iat"))
    if ends_s is None:
        return None
    return ends_s - max(server_now_s, made_s or 0.0)
