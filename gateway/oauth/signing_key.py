"""Signing keys: a PEM or JWK in, a private key and its algorithms out (RFC 7515 section 5.1, RFC 7518).

Rules:

- The algorithm must fit the key. By default it follows from the key: RS256 for RSA; ES256, ES384 or ES512
  by the curve; EdDSA for Ed25519 and Ed448; HS256 for a client secret.
- RSA keys have at least 2048 bits, secrets at least as many as the hash (RFC 7518 sections 3.2, 3.3).
- A JWK that declares another use than signing is refused (RFC 7517 sections 4.2, 4.3).
- An RSA key is tried once: its public half must verify its signature. OpenSSL's check of the primes takes
  30 to 200 ms, during which nothing else in the process runs, whatever thread it is in.
- Complaints about a key are in words of ours: libraries quote keys in their errors.

Besides the demo, this is the only module that imports `jwt`. It is imported only once a client signs
assertions or proofs, since `jwt` and `cryptography` take more idle memory than all the rest of the token's
way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, assert_never

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from jwt import PyJWK
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import PyJWTError
from jwt.utils import from_base64url_uint

from gateway.core.oauth.key_text import repaired_key
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import SigningAlgorithm
from gateway.core.text.base64url import base64url

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey

MIN_RSA_BITS: Final = 2048
_ALGORITHMS: Final = get_default_algorithms()
_BY_CURVE: Final = {
    "secp256r1": SigningAlgorithm.ES256,
    "secp384r1": SigningAlgorithm.ES384,
    "secp521r1": SigningAlgorithm.ES512,
}
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_HASHES: Final = {
    SigningAlgorithm.ES256: SHA256(),
    SigningAlgorithm.ES384: SHA384(),
    SigningAlgorithm.ES512: SHA512(),
}
_PRIMES: Final = ("p", "q", "dp", "dq", "qi")
_OF_RSA: Final = tuple(one for one in SigningAlgorithm if one.is_rsa)


class CredentialUnusable(ValueError):
    """A key cannot sign. The message is in words of ours and shows nothing of it.

    Attributes:
        key: the configuration key of the file at fault, if it is not the credential's own.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, or the bytes of a secret.

    Attributes:
        fitting: the algorithms that it may sign with, the usual one first.
        key_id: the ``kid`` of a JWK.
    """

    key: PrivateKey | bytes = field(repr=False)
    fitting: tuple[SigningAlgorithm, ...]
    key_id: str | None = None

    def algorithm(self, wanted: SigningAlgorithm | None) -> SigningAlgorithm:
        """Return the algorithm to sign with: `wanted`, or the usual one.

        Raises:
            CredentialUnusable: `wanted` does not fit.
        """
        if wanted is not None and wanted not in self.fitting:
            fitting = ", ".join(one.value for one in self.fitting)
            raise CredentialUnusable(f"{wanted.value} does not fit the key, which is for {fitting}")
        return wanted or self.fitting[0]

    def sign(self, message: bytes, algorithm: SigningAlgorithm) -> bytes:
        """Return the signature in the form of a JWS (RFC 7518 section 3)."""
        return _ALGORITHMS[algorithm.value].sign(message, self.key)

    def signer(self, algorithm: SigningAlgorithm) -> Callable[[bytes], bytes]:
        """Return a function that signs with one algorithm, for keys that sign often."""
        if isinstance(self.key, EllipticCurvePrivateKey):
            return partial(_sign_ec, self.key, ECDSA(_HASHES[algorithm]), _coordinate_bytes(self.key))
        return partial(_ALGORITHMS[algorithm.value].sign, key=self.key)

    def public_jwk(self) -> dict[str, str]:
        """Return the public half as a JWK, required members only (RFC 7518 section 6, RFC 8037 section 2)."""
        assert not isinstance(self.key, bytes)
        match self.key:
            case EllipticCurvePrivateKey():
                return _ec_jwk(self.key)
            case RSAPrivateKey():
                return _rsa_jwk(self.key)
            case Ed25519PrivateKey() | Ed448PrivateKey():
                return _okp_jwk(self.key)
            case _:
                assert_never(self.key)


def read_private_key(credential: Secret) -> SigningKey:
    """Read a private key in PEM or JWK form, however an environment or base64 mangled it (`key_text`).

    Raises:
        CredentialUnusable: it is not a private key, or cannot sign.
    """
    form = repaired_key(credential.reveal())
    return _jwk(form) if isinstance(form, str) and form.startswith("{") else _loaded(form)


def read_secret_key(secret: Secret, algorithm: SigningAlgorithm) -> SigningKey:
    """Read a client secret that signs (RFC 7518 section 3.2).

    Raises:
        CredentialUnusable: it is too short.
    """
    key, least_bytes = secret.reveal().encode(), int(algorithm.value[2:]) // 8
    if len(key) < least_bytes:
        raise CredentialUnusable(
            f"the client secret is shorter than the {least_bytes} bytes of {algorithm.value} "
            "(RFC 7518 section 3.2)"
        )
    return SigningKey(key, (algorithm,))


def encoded_json(members: Mapping[str, object]) -> str:
    """Encode members as a part of a JWS (RFC 7515 section 7.1)."""
    return encoded(json.dumps(members, separators=(",", ":")).encode())


def encoded(content: bytes) -> str:
    """Encode bytes as a part of a JWS or a member of a JWK."""
    return base64url(content).decode("ascii")


def _sign_ec(key: EllipticCurvePrivateKey, ecdsa: ECDSA, size: int, message: bytes) -> bytes:
    """RFC 7518 section 3.4; a tenth faster than through pyjwt, which checks the key each time."""
    r, s = decode_dss_signature(key.sign(message, ecdsa))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _coordinate_bytes(key: EllipticCurvePrivateKey) -> int:
    return (key.key_size + 7) // 8


def _ec_jwk(key: EllipticCurvePrivateKey) -> dict[str, str]:
    """RFC 7518 section 6.2.1: coordinates have the full size of the curve's field."""
    numbers, size = key.public_key().public_numbers(), _coordinate_bytes(key)
    x, y = (encoded(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": _CURVES[key.curve.name], "x": x, "y": y}


def _rsa_jwk(key: RSAPrivateKey) -> dict[str, str]:
    """RFC 7518 section 6.3.1: the shortest bytes of each number."""
    numbers = key.public_key().public_numbers()
    n, e = (
        encoded(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e)
    )
    return {"kty": "RSA", "n": n, "e": e}


def _okp_jwk(key: Ed25519PrivateKey | Ed448PrivateKey) -> dict[str, str]:
    curve = "Ed25519" if isinstance(key, Ed25519PrivateKey) else "Ed448"
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": curve, "x": encoded(raw)}


def _loaded(form: str | bytes) -> SigningKey:
    try:
        if isinstance(form, bytes):
            key = load_der_private_key(form, password=None, unsafe_skip_rsa_key_validation=True)
        else:
            key = load_pem_private_key(form.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise CredentialUnusable("the private key is encrypted: store it without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialUnusable("the private key is neither PEM nor a JWK") from None
    return SigningKey(_tried(_private(key)), _fitting(_private(key)))


def _jwk(text: str) -> SigningKey:
    try:
        members = json.loads(text)
        named = members.pop("alg", None)
        key = _key_of(members)
    except (PyJWTError, ValueError, TypeError, KeyError, RecursionError, UnsupportedAlgorithm):
        raise CredentialUnusable("the private key is not a JWK of type RSA, EC or OKP") from None
    fitting = _fitting(_private(key))
    _refuse_other_uses(members)
    if named is not None:
        fitting = tuple(one for one in fitting if one.value == named)
    if not fitting:
        raise CredentialUnusable("the private key's own `alg` does not fit it")
    key_id = members.get("kid")
    return SigningKey(_tried(_private(key)), fitting, key_id if isinstance(key_id, str) else None)


def _key_of(members: dict[str, Any]) -> object:
    if members.get("kty") != "RSA" or "d" not in members:
        return PyJWK(members, "EdDSA" if members.get("kty") == "OKP" else None).key
    n, e, d = (from_base64url_uint(members[name]) for name in "ned")
    if "oth" in members:
        raise ValueError("more than two primes")
    if any(name in members for name in _PRIMES):
        p, q, dp, dq, qi = (from_base64url_uint(members[name]) for name in _PRIMES)
    else:
        p, q = rsa.rsa_recover_prime_factors(n, e, d)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _refuse_other_uses(members: dict[str, Any]) -> None:
    use, operations = members.get("use"), members.get("key_ops")
    if use is not None and use != "sig":
        raise CredentialUnusable("the private key's own `use` is not `sig` (RFC 7517 section 4.2)")
    if operations is not None and not (isinstance(operations, list) and "sign" in operations):
        raise CredentialUnusable(
            "the private key's own `key_ops` does not list `sign` (RFC 7517 section 4.3)"
        )


def _tried(key: PrivateKey) -> PrivateKey:
    """Return the key if its public half verifies its signature; only an RSA key can fail to."""
    if not isinstance(key, RSAPrivateKey):
        return key
    _fitting(key)  # first, so that a key too short for any signature is called that
    try:
        key.public_key().verify(key.sign(b"", PKCS1v15(), SHA256()), b"", PKCS1v15(), SHA256())
    except (InvalidSignature, InternalError, ValueError):
        raise CredentialUnusable("the parts of the private key do not belong together") from None
    return key


def _private(key: object) -> PrivateKey:
    if isinstance(key, PrivateKey):
        return key
    raise CredentialUnusable("the private key is a public key, or of a kind that is not supported")


def _fitting(key: PrivateKey) -> tuple[SigningAlgorithm, ...]:
    if isinstance(key, Ed25519PrivateKey | Ed448PrivateKey):
        return (SigningAlgorithm.EDDSA,)
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise CredentialUnusable(f"the RSA key has fewer than {MIN_RSA_BITS} bits (RFC 7518 section 3.3)")
        return _OF_RSA
    if key.curve.name not in _BY_CURVE:
        raise CredentialUnusable("the private key's curve is not P-256, P-384 or P-521")
    return (_BY_CURVE[key.curve.name],)
