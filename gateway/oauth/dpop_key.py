"""DPoP keys: a private key in, proofs that we hold it out (RFC 9449 section 4).

Rules:

- The key signs with an asymmetric algorithm, and the header of a proof contains its public half (section
  4.2).
- A key that is made here lives in memory and is lost with the process; so are the tokens bound to it.
- What stays the same is prepared once: the header for each key, ``ath`` for each token. Every request of its
  routes gets a proof, and the signature is nearly all of its cost.

Imported only once a client has such a key: `signing_key` says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.core.oauth.dpop_proof import PROOF_TYPE, proof_claims, token_hash
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.core.text.base64url import base64url
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
    """A private key that makes proofs of its possession.

    Args:
        key: a private key.
        algorithm: one that fits the key.
        wall_s: the time, in seconds since 1970.
        new_jti: returns a new identifier at each call (RFC 9449 section 4.2: at least 96 random bits).

    Attributes:
        algorithm: what the key signs with.
    """

    __slots__ = ("_header", "_key", "_new_jti", "_sign", "_wall_s", "algorithm")

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
        self._key = key
        self._sign = key.signer(algorithm)
        self._wall_s = wall_s
        self._new_jti = new_jti

    def __repr__(self) -> str:
        return f"<DpopKey {self.algorithm.value}>"

    def proof(self, method: str, url: str, *, nonce: str = "", ath: str = "") -> str:
        """Make a proof for one request; query and fragment of `url` are left out."""
        return self.proof_bytes(method, url, nonce, ath).decode("ascii")

    def proof_bytes(self, method: str, url: str, nonce: str, ath: str) -> bytes:
        """Make a proof as bytes; this is the hot path of routes whose tokens are bound."""
        claims = proof_claims(method, url, self._new_jti(), self._wall_s(), nonce=nonce, ath=ath)
        message = self._header + base64url(_to_json(claims).encode("ascii"))
        return message + b"." + base64url(self._sign(message))

    def bound_to(self, token: Secret) -> Prover:
        """Return the prover for one token."""
        return BoundKey(self, token_hash(token.reveal()))

    def private_pem(self) -> Secret:
        """Return the private key, for another process of this gateway: PKCS #8 in PEM form."""
        assert not isinstance(self._key.key, bytes)
        encodings = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        return Secret(self._key.key.private_bytes(*encodings).decode("ascii"))


@dataclass(frozen=True, slots=True)
class BoundKey:
    """Implements `core.token.Prover`: a key, and the hash of the token that its proofs accompany."""

    key: DpopKey
    ath: str = field(repr=False)

    def proof(self, method: str, url: str, nonce: str = "") -> bytes:
        """Make the ``DPoP`` value for one request that carries the token."""
        return self.key.proof_bytes(method, url, nonce, self.ath)


def make_dpop_key(settings: DpopSettings, wall_s: Callable[[], float], new_jti: Callable[[], str]) -> DpopKey:
    """Make a key for the configured algorithm, or ES256. An RSA key takes a while.

    Raises:
        CredentialUnusable: the algorithm needs a shared secret.
    """
    algorithm = settings.algorithm or SigningAlgorithm.ES256
    return DpopKey(SigningKey(_made(algorithm), (algorithm,)), algorithm, wall_s, new_jti)


def read_dpop_key(
    credential: Secret, settings: DpopSettings, wall_s: Callable[[], float], new_jti: Callable[[], str]
) -> DpopKey:
    """Read a key in PEM or JWK form.

    Raises:
        CredentialUnusable: it is not a private key, or the configured algorithm does not fit it.
    """
    key = read_private_key(credential)
    return DpopKey(key, key.algorithm(settings.algorithm), wall_s, new_jti)


def _made(algorithm: SigningAlgorithm) -> PrivateKey:
    if algorithm.is_symmetric:
        raise CredentialUnusable(f"{algorithm.value} signs with a shared secret, which is no proof of a key")
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm is SigningAlgorithm.EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)
