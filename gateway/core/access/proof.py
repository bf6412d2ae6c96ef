"""A DPoP proof against the request that it came with, before its signature (RFC 9449 section 4.3).

Rules: one proof, a compact JWS of type ``dpop+jwt`` by an asymmetric algorithm, with the public key in its
header and no part of a private one. It names this method, this URL as the caller sees it, this token, and a
moment within the window. ``crit`` is refused. The key is the one that the token is bound to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.core.access.finding import Bad
from gateway.core.access.jwt_token import decoded
from gateway.core.dpop import without_query
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.settings.access_settings import JWT_ALGORITHMS
from gateway.core.text.base64url import base64url
from gateway.core.text.json_object import JsonObject, finite_number, read_json_object

OLDEST_S: Final = 60.0
AHEAD_S: Final = 30.0
"""How far the caller's clock may be wrong."""
_LONGEST: Final = 4 * 1024
_LONGEST_ID: Final = 256
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MEMBERS: Final[Mapping[object, tuple[str, ...]]] = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}
_PORTS: Final = {"http": "80", "https": "443"}


def _bad(words: str) -> Bad:
    return Bad(words, needs_proof=True)


MISSING: Final = _bad("the token is bound to a key, and the request has no DPoP proof")
SEVERAL: Final = _bad("the request has more than one DPoP proof")
NO_PROOF: Final = _bad("the DPoP proof is not a signed JWT of the type dpop+jwt")
NO_KEY: Final = _bad("the DPoP proof does not contain one public key")
OTHER_KEY: Final = _bad("the DPoP proof is made with another key than the token is bound to")
OTHER_REQUEST: Final = _bad("the DPoP proof is for another method or URL")
OTHER_TOKEN: Final = _bad("the DPoP proof is for another token")
OTHER_TIME: Final = _bad("the DPoP proof is too old, or from the future")
NO_ID: Final = _bad("the DPoP proof has no jti that could be remembered")
WRONG_SIGNATURE: Final = _bad("the signature of the DPoP proof is not valid")
REPLAYED: Final = _bad("the DPoP proof was used before")


@dataclass(frozen=True, slots=True)
class UnverifiedProof:
    """A proof that fits its request; its signature is yet to be verified, and whether it is new.

    Attributes:
        key: the public key in its header.
        jti: tells it from others of the same key.
    """

    algorithm: str
    key: JsonObject
    jti: str
    signed: bytes
    signature: bytes


def read_proof(
    head: RequestHead, caller: CallerFields, token: bytes, thumbprint: bytes, wall_s: float
) -> UnverifiedProof | Bad:
    """Take the proof of a request apart, or say why it proves nothing.

    Args:
        head: the request.
        caller: where it came from; decides how the caller sees its URL.
        token: what the proof must be for.
        thumbprint: of the key that the token is bound to.
        wall_s: now, in seconds since 1970.
    """
    parts = _parts(head.special.get(b"dpop"))
    if isinstance(parts, Bad):
        return parts
    header, claims, signed, signature = parts
    key = _key(header)
    if isinstance(key, Bad):
        return key
    if thumbprint_of(key) != thumbprint:
        return OTHER_KEY
    bad = _misfit(claims, head, caller, token, wall_s)
    if bad is not None:
        return bad
    return UnverifiedProof(header["alg"], key, claims["jti"], signed, signature)


def thumbprint_of(key: JsonObject) -> bytes | None:
    """Return the SHA-256 thumbprint of a public key (RFC 7638 section 3), or None if it has none."""
    members = {name: key.get(name) for name in _MEMBERS.get(key.get("kty"), ())}
    if not members or not all(isinstance(value, str) for value in members.values()):
        return None
    return sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()


def url_of(head: RequestHead, caller: CallerFields) -> str:
    """Return the URL of a request as its caller sees it, without the query; proxies in front are asked."""
    told = head.special if caller.is_trusted else {}
    scheme = told.get(b"x-forwarded-proto", caller.proto).decode("latin-1").strip().lower()
    authority = told.get(b"x-forwarded-host", head.authority).decode("latin-1").strip()
    return normal_url(f"{scheme}://{authority}{head.path}")


def normal_url(url: str) -> str:
    """Return a URL without query and fragment, in the form that is compared (RFC 3986 section 6.2)."""
    scheme, _, rest = without_query(url).partition("://")
    host, slash, path = rest.partition("/")
    name, colon, port = host.lower().rpartition(":")
    is_usual = bool(colon) and port == _PORTS.get(scheme.lower())
    return f"{scheme.lower()}://{name if is_usual else host.lower()}{slash or '/'}{path}"


def _parts(proof: bytes | None) -> tuple[JsonObject, JsonObject, bytes, bytes] | Bad:
    if proof is None:
        return MISSING
    if b"," in proof:
        return SEVERAL
    pieces = proof.split(b".")
    if len(pieces) != 3 or len(proof) > _LONGEST:
        return NO_PROOF
    contents = [decoded(piece) for piece in pieces]
    header, claims = (read_json_object(each) if each is not None else None for each in contents[:2])
    if header is None or claims is None or not contents[2]:
        return NO_PROOF
    return header, claims, proof[: len(proof) - len(pieces[2]) - 1], contents[2]


def _key(header: JsonObject) -> JsonObject | Bad:
    if header.get("typ") != "dpop+jwt" or header.get("alg") not in JWT_ALGORITHMS or "crit" in header:
        return NO_PROOF
    key = header.get("jwk")
    if not isinstance(key, dict) or not _PRIVATE.isdisjoint(key):
        return NO_KEY
    return key


def _misfit(
    claims: JsonObject, head: RequestHead, caller: CallerFields, token: bytes, wall_s: float
) -> Bad | None:
    url = claims.get("htu")
    is_here = isinstance(url, str) and normal_url(url) == url_of(head, caller)
    if claims.get("htm") != head.method or not is_here:
        return OTHER_REQUEST
    if claims.get("ath") != base64url(sha256(token).digest()).decode("ascii"):
        return OTHER_TOKEN
    made_s = finite_number(claims.get("iat"))
    if made_s is None or not wall_s - OLDEST_S <= made_s <= wall_s + AHEAD_S:
        return OTHER_TIME
    jti = claims.get("jti")
    return None if isinstance(jti, str) and 0 < len(jti) <= _LONGEST_ID else NO_ID
