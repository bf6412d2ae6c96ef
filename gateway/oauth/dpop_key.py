"""DPoP keys: a private key -> proofs that we hold it (RFC 9449 section 4).

Rules:

- The key signs with an asymmetric algorithm only, and the proof's header shows its public half (section 4.2).
- A key that is made here lives in memory and dies with the process; so do the tokens bound to it.
- What stays the same is prepared once: the header per key, ``ath`` per token. A proof is made for every
  request of its routes, and its signature is nearly all of what it costs.

Imported when a client has such a key, and not before: `signing_key` says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.core.base64url import base64url
from gateway.core.oauth.dpop_proof import PROOF_TYPE, proof_claims, token_hash
from gateway.core.secret import Secret
from gateway.core.signing_settings import DpopSettings, SigningAlgorithm
from gateway.core.token import Prover
from gateway.oauth.signing_key import (
    MIN_RSA_BITS,
    CredentialUnusable,
    PrivateKey,
    SigningKey,
    encoded_json,
    read_private_key,
)

_CURVES: Final[dict[SigningAlgorithm, ec.EllipticCurve]] = {
    SigningAlgorithm.ES256: ec.SECP256R1(),
    SigningAlgorithm.ES384: ec.SECP384R1(),
    SigningAlgorithm.ES512: ec.SECP521R1(),
}
_to_json: Final = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one for each proof


class DpopKey:
    """A private key that proves its possession.

    Args:
        key: a private one.
        algorithm: what fits it.
        wall_s: seconds since 1970.
        new_jti: gives a text that was never given before (RFC 9449 section 4.2: 96 random bits at least).

    Attributes:
        algorithm: what it signs with.
    """

    __slots__ = ("_header", "_new_jti", "_sign", "_wall_s", "algorithm")

    def __init__(
        self,
        key: SigningKey,
        algorithm: SigningAlgorithm,
        wall_s: Callable[[], float],
        new_jti: Callable[[], str],
    ) -> None:
        header = {"typ": PROOF_TYPE, "alg": algorithm.value, "jwk": key.public_jwk()}
        self.algorithm = algorithm
        self._header = encoded_json(header).encode("ascii") + b"."
        self._sign = key.signer(algorithm)
        self._wall_s = wall_s
        self._new_jti = new_jti

    def __repr__(self) -> str:
        return f"<DpopKey {self.algorithm.value}>"

    def proof(self, method: str, url: str, *, nonce: str = "", ath: str = "") -> str:
        """Give a new proof for one request; query and fragment of `url` stay out of it."""
        return self.proof_bytes(method, url, nonce, ath).decode("ascii")

    def proof_bytes(self, method: str, url: str, nonce: str, ath: str) -> bytes:
        """Give a new proof as it goes out; the hot path of routes whose tokens are bound."""
        claims = proof_claims(method, url, self._new_jti(), self._wall_s(), nonce=nonce, ath=ath)
        message = self._header + base64url(_to_json(claims).encode("ascii"))
        return message + b"." + base64url(self._sign(message))

    def bound_to(self, token: Secret) -> Prover:
        """Give what proves possession for one token."""
        return _BoundKey(self, token_hash(token.reveal()))


@dataclass(frozen=True, slots=True)
class _BoundKey:
    """Implements `core.token.Prover`: a key, and the hash of the token that goes with its proofs."""

    key: DpopKey
    ath: str = field(repr=False)

    def proof(self, method: str, url: str, nonce: str = "") -> bytes:
        return self.key.proof_bytes(method, url, nonce, self.ath)


def make_dpop_key(settings: DpopSettings, wall_s: Callable[[], float], new_jti: Callable[[], str]) -> DpopKey:
    """Make a key for the algorithm of the settings, ES256 if there is none. An RSA key takes a while.

    Raises:
        CredentialUnusable: the algorithm signs with a shared secret.
    """
    algorithm = settings.algorithm or SigningAlgorithm.ES256
    return DpopKey(SigningKey(_made(algorithm), (algorithm,)), algorithm, wall_s, new_jti)


def read_dpop_key(
    credential: Secret, settings: DpopSettings, wall_s: Callable[[], float], new_jti: Callable[[], str]
) -> DpopKey:
    """Read a key, PEM or JWK.

    Raises:
        CredentialUnusable: it is no private key, or the algorithm of the settings does not fit it.
    """
    key = read_private_key(credential)
    return DpopKey(key, key.algorithm(settings.algorithm), wall_s, new_jti)


def _made(algorithm: SigningAlgorithm) -> PrivateKey:
    if algorithm.is_symmetric:
        raise CredentialUnusable(f"{algorithm.value} signs with a shared secret, which proves nothing here")
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm is SigningAlgorithm.EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)
