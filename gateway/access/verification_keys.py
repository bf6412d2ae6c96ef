"""The public keys of an issuer, ready to verify with: a JSON Web Key Set in, keys out (RFC 7517).

Rules:

- What cannot be used is skipped, and fails nothing: unknown types, keys for encryption, symmetric or private
  keys, RSA below 2048 bits.
- A key verifies the algorithms of its own type, and if it names one, that one alone. So a token never
  chooses how a key is used (RFC 8725 section 3.1).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from gateway.core.text.json_object import JsonObject

MOST_KEYS: Final = 100
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_OF_CURVES: Final[Mapping[object, tuple[str, ...]]] = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
    "Ed448": ("EdDSA",),
}
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192
"""A larger one takes milliseconds, on the event loop."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key.

    Attributes:
        key_id: its ``kid``, or None.
        by_algorithm: the key as PyJWT prepared it, for each algorithm that it verifies.
        material: the JWK, to tell whether a key of the same id is still the same.
    """

    key_id: str | None
    by_algorithm: Mapping[str, PyJWK] = field(compare=False)
    material: str = field(default="", repr=False)

    def verifies(self, signed: bytes, signature: bytes, algorithm: str) -> bool:
        """Whether `signature` was made over `signed` with the private half of this key."""
        key = self.by_algorithm.get(algorithm)
        return key is not None and bool(key.Algorithm.verify(signed, key.key, signature))


def read_keys(document: JsonObject | None) -> tuple[VerificationKey, ...]:
    """Return the keys of a set that can be used; none if the document is no set."""
    listed = document.get("keys") if document is not None else None
    found = listed[:MOST_KEYS] if isinstance(listed, list) else []
    return tuple(filter(None, map(_key, found)))


def _key(jwk: object) -> VerificationKey | None:
    if not isinstance(jwk, dict) or "d" in jwk or "k" in jwk:
        return None
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return None
    prepared = dict(_prepared(jwk))
    key_id = jwk.get("kid")
    if not prepared or not isinstance(key_id, str | None):
        return None
    return VerificationKey(key_id, prepared, json.dumps(jwk, sort_keys=True))


def _prepared(jwk: dict[str, Any]) -> Iterator[tuple[str, PyJWK]]:
    algorithms = _RSA if jwk.get("kty") == "RSA" else _OF_CURVES.get(jwk.get("crv"), ())
    for algorithm in algorithms:
        if jwk.get("alg", algorithm) != algorithm:
            continue
        try:
            key = PyJWK(jwk, algorithm)
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        bits = getattr(key.key, "key_size", None) if jwk.get("kty") == "RSA" else None
        if bits is None or _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS:
            yield algorithm, key
