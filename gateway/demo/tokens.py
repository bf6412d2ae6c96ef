"""The tokens that the demo's authorization server issued, and which of them are still valid.

Rules: tokens are numbered from 1, so that it can be shown which one arrived. The book keeps hashes instead of
tokens, and forgets expired ones. A JWT (RFC 9068) is valid only while it is in the book, like an opaque
token: so both can be revoked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ALGORITHM: Final = "ES256"
KEY_ID: Final = "demo"


class TokenFormat(Enum):
    """What an access token looks like."""

    JWT = "jwt"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Issued:
    """What is known about an issued token. Instants are seconds since 1970."""

    number: int
    client_id: str
    scope: str
    audience: str
    issued_at_s: float
    expires_at_s: float


class TokenCheck(Protocol):
    """Tells a resource server whether a token is valid."""

    def check(self, token: str) -> Issued | None:
        """Return what is known about a token that is valid now; None for any other text."""


Mint = Callable[[Issued], str]


def opaque_token(issued: Issued) -> str:
    """Return a random token."""
    return f"opaque-{issued.number}-{secrets.token_urlsafe(32)}"


class JwtMint:
    """Signs JWT access tokens (RFC 9068) with a key of its own; `issuer` returns the URL for `iss`."""

    def __init__(self, issuer: Callable[[], str]) -> None:
        self._issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())

    def __call__(self, issued: Issued) -> str:
        """Return a signed token; no two are equal."""
        claims = {
            "iss": self._issuer(),
            "sub": issued.client_id,
            "client_id": issued.client_id,
            "aud": issued.audience,
            "scope": issued.scope,
            "iat": int(issued.issued_at_s),
            "exp": int(issued.expires_at_s),
            "jti": f"{issued.number}-{secrets.token_urlsafe(9)}",
        }
        return jwt.encode(claims, self._key, ALGORITHM, {"typ": "at+jwt", "kid": KEY_ID})

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JWK set (RFC 7517 section 5)."""
        key = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": ALGORITHM}]}


class TokenBook:
    """Issues, checks and revokes tokens; a `TokenCheck`."""

    def __init__(self, mint: Mint, wall_s: Callable[[], float]) -> None:
        self.given = 0
        self._mint = mint
        self._wall_s = wall_s
        self._issued_by_hash: dict[bytes, Issued] = {}

    def issue(self, client_id: str, scope: str, audience: str, lifetime_s: int) -> str:
        """Issue a new token."""
        now_s = self._wall_s()
        self.given += 1
        issued = Issued(self.given, client_id, scope, audience, now_s, now_s + lifetime_s)
        token = self._mint(issued)
        self._forget_expired(now_s)
        self._issued_by_hash[_hash(token)] = issued
        return token

    def check(self, token: str) -> Issued | None:
        """Return what is known about a token that is valid now; None for any other text."""
        issued = self._issued_by_hash.get(_hash(token))
        return issued if issued and self._wall_s() < issued.expires_at_s else None

    def revoke_all(self) -> int:
        """Revoke every token issued so far; return how many of them were still valid."""
        self._forget_expired(self._wall_s())
        revoked = len(self._issued_by_hash)
        self._issued_by_hash.clear()
        return revoked

    def _forget_expired(self, now_s: float) -> None:
        expired = [key for key, issued in self._issued_by_hash.items() if issued.expires_at_s <= now_s]
        for key in expired:
            del self._issued_by_hash[key]


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
