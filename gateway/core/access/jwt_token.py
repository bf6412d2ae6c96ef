"""A JWT as it arrives, before anything in it is believed (RFC 7515, RFC 7519, RFC 8725).

Rules:

- Compact serialization of a signed token only, of at most 8 KiB: no encryption, no detached payload.
- ``crit`` and ``b64`` are refused: nothing that they could ask for is understood. ``jku``, ``jwk``, ``x5u``
  and ``x5c`` are never read: a token does not say by which key it is to be verified.
- The algorithm must be one that its way takes; ``none`` and the symmetric ones never are.
- By default the type must be that of an access token (RFC 9068 section 4). Otherwise an ID token, or any
  other JWT of the same issuer, would do.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gateway.core.access.evidence import is_too_long
from gateway.core.access.finding import Bad
from gateway.core.text.json_object import JsonObject, read_json_object

_ACCESS_TOKEN: Final = frozenset({"at+jwt", "application/at+jwt"})
_ANY_JWT: Final = frozenset({"", "jwt", "application/jwt"}) | _ACCESS_TOKEN
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LONGEST_KEY_ID: Final = 256

NO_JWT: Final = Bad("the token is not a signed JWT")
TOO_LONG: Final = Bad("the token is too long")
CRITICAL: Final = Bad("the token needs an extension that is not supported")
WRONG_ALGORITHM: Final = Bad("the token is signed with an algorithm that is not taken")
WRONG_TYPE: Final = Bad("the token is not an access token")


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A JWT whose signature is yet to be verified.

    Attributes:
        key_id: the key that it names, or None.
        signed: the bytes that the signature covers.
    """

    algorithm: str
    key_id: str | None
    claims: JsonObject
    signed: bytes
    signature: bytes


def read_token(token: bytes, algorithms: Collection[str], *, takes_any_type: bool) -> UnverifiedToken | Bad:
    """Take a token apart, or say why it is refused."""
    if is_too_long(token):
        return TOO_LONG
    parts = token.split(b".")
    if len(parts) != 3 or not parts[2]:
        return NO_JWT
    header, claims, signature = _object(parts[0]), _object(parts[1]), decoded(parts[2])
    if header is None or claims is None or signature is None:
        return NO_JWT
    refused = _refused(header, algorithms, takes_any_type=takes_any_type)
    if refused is not None:
        return refused
    key_id = header.get("kid")
    signed = token[: len(parts[0]) + 1 + len(parts[1])]
    return UnverifiedToken(header["alg"], key_id, claims, signed, signature)


def issuer_of(token: bytes) -> str | None:
    """Return the issuer that a token names, unverified: it only chooses who is to verify the token."""
    claims = unverified_claims(token)
    issuer = claims.get("iss") if claims is not None else None
    return issuer if isinstance(issuer, str) else None


def unverified_claims(token: bytes) -> JsonObject | None:
    """Return the claims of a token, unverified; None if it is no JWT."""
    parts = token.split(b".")
    return _object(parts[1]) if len(parts) == 3 and not is_too_long(token) else None


def decoded(part: bytes) -> bytes | None:
    """Decode base64url without padding (RFC 7515 section 2), in its one canonical form, or None."""
    if part.translate(None, _ALPHABET) or len(part) % 4 == 1:
        return None
    content = b64decode(part + b"=" * (-len(part) % 4), b"-_")
    return content if len(part) % 4 == 0 or _is_canonical(part) else None


def _is_canonical(part: bytes) -> bool:
    """Whether the bits that the last character has beyond the content are zero: else texts differ alone."""
    unused = 0x0F if len(part) % 4 == 2 else 0x03
    return not _ALPHABET.index(part[-1]) & unused


def _object(part: bytes) -> JsonObject | None:
    content = decoded(part)
    return read_json_object(content) if content is not None else None


def _refused(header: JsonObject, algorithms: Collection[str], *, takes_any_type: bool) -> Bad | None:
    if "crit" in header or "b64" in header:
        return CRITICAL
    if not isinstance(header.get("alg"), str) or header["alg"] not in algorithms:
        return WRONG_ALGORITHM
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower() not in (_ANY_JWT if takes_any_type else _ACCESS_TOKEN):
        return WRONG_TYPE
    key_id = header.get("kid")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= _LONGEST_KEY_ID):
        return NO_JWT
    return None
