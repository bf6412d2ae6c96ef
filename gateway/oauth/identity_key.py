"""The key that signs who calls: ES256, with the name that RFC 7638 derives from it.

Imported only where a route has an `identity_jwt`: `signing_key` says why.
"""

from __future__ import annotations

import json
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import SigningAlgorithm
from gateway.core.text.base64url import base64url
from gateway.oauth.signing_key import CredentialUnusable, SigningKey, encoded, encoded_json, read_private_key

_ES256 = SigningAlgorithm.ES256


class IdentityKey:
    """A private key on P-256.

    Attributes:
        kid: its SHA-256 thumbprint (RFC 7638); a `kid` of its own does not matter.
        public: the members of its public half, as a key set has them.
    """

    __slots__ = ("_head", "_key", "_sign", "kid", "public")

    def __init__(self, key: SigningKey) -> None:
        members = key.public_jwk()
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
        self.kid = encoded(sha256(canonical.encode()).digest())
        self.public = {**members, "kid": self.kid, "alg": _ES256.value, "use": "sig"}
        self._key = key
        self._sign = key.signer(_ES256)
        head = {"alg": _ES256.value, "typ": "JWT", "kid": self.kid}
        self._head = encoded_json(head).encode("ascii") + b"."

    def __repr__(self) -> str:
        return f"<IdentityKey {self.kid}>"

    def sign(self, claims: bytes) -> bytes:
        """Return the JWT with these claims."""
        message = self._head + base64url(claims)
        return message + b"." + base64url(self._sign(message))

    def private_pem(self) -> Secret:
        """Return the private key, for another process of this gateway: PKCS #8 in PEM form."""
        assert not isinstance(self._key.key, bytes)
        encodings = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        return Secret(self._key.key.private_bytes(*encodings).decode("ascii"))


def read_identity_key(text: Secret) -> IdentityKey:
    """Read a key in PEM or JWK form.

    Raises:
        CredentialUnusable: it is not a private key on P-256.
    """
    key = read_private_key(text)
    if _ES256 not in key.fitting:
        raise CredentialUnusable("the private key is not an EC key on P-256, which ES256 needs")
    return IdentityKey(key)


def make_identity_key() -> IdentityKey:
    """Make a key."""
    return IdentityKey(SigningKey(ec.generate_private_key(ec.SECP256R1()), (_ES256,)))
