"""The claims of an access token that happens to be a JWT: read, not verified (RFC 7519).

To us a token is opaque; its ``exp`` is a hint that shortens a stated lifetime and never lengthens it.
Nothing is decided by it but when to ask again, so no signature is checked, and no library is loaded.

Rule for the clock: ``exp`` was written by the authorization server's clock, so the time that is left is
counted on that clock too. Its reading is the ``Date`` of the very answer, or ours where there is none.
It is never before ``iat``, for a token is no older than its making: a clock of ours that runs behind
cannot lengthen a life. ``exp - iat`` alone would be free of all clocks, but gives a full life to the
half-dead token that some servers hand out again and again (wso2/api-manager#773).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Final

from gateway.core.json_object import JsonObject, finite_number, read_json_object

_PARTS: Final = 3  # header, claims, signature (RFC 7515 section 7.1); five would be encrypted


def read_claims(token: str) -> JsonObject | None:
    """Give the claims, or None where the token is no signed JWT."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        return read_json_object(urlsafe_b64decode(padded))
    except ValueError:
        return None


def claimed_left_s(token: str, server_now_s: float) -> float | None:
    """Give the seconds from `server_now_s` to the token's ``exp``, negative if past, or None."""
    claims = read_claims(token) or {}
    ends_s, made_s = finite_number(claims.get("exp")), finite_number(claims.get("iat"))
    if ends_s is None:
        return None
    return ends_s - max(server_now_s, made_s or 0.0)
