"""The claims of a DPoP proof, and when a token endpoint asks for another one (RFC 9449).

Rules:

- A proof names the request by method and URL, without query and fragment (section 4.2), and the token that it
  accompanies by its hash (``ath``, section 7). Its ``jti`` is new and its ``iat`` is now.
- A token endpoint asks for a nonce with an error in a 400 (section 8) or, in the field, in a 401.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from gateway.core.dpop import USE_DPOP_NONCE, without_query
from gateway.core.text.base64url import base64url

PROOF_TYPE: Final = "dpop+jwt"
"""The ``typ`` of a proof (section 4.2)."""


def proof_claims(  # noqa: PLR0913 - all of section 4.2; an object for each proof would cost time and add nothing
    method: str, url: str, jti: str, wall_now_s: float, *, nonce: str = "", ath: str = ""
) -> dict[str, str | int]:
    """Return the claims of one proof; `wall_now_s` counts from 1970, `jti` is used once."""
    claims: dict[str, str | int] = {
        "jti": jti,
        "htm": method,
        "htu": without_query(url),
        "iat": int(wall_now_s),
    }
    if ath:
        claims["ath"] = ath
    if nonce:
        claims["nonce"] = nonce
    return claims


def token_hash(token: str) -> str:
    """Return the ``ath`` of a token, which is ASCII (section 4.2)."""
    return base64url(sha256(token.encode("ascii")).digest()).decode("ascii")


def endpoint_wants_nonce(status: int, error: str) -> bool:
    """Whether a token endpoint that answers with this ``error`` asks for a nonce (section 8)."""
    return status in (400, 401) and error == USE_DPOP_NONCE
