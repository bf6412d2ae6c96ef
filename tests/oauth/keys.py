"""Private keys of every kind, made once for all tests, as PEM and as JWK."""

from __future__ import annotations

import json
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.core.settings.signing_settings import SigningAlgorithm

_MAKERS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "short rsa": lambda: rsa.generate_private_key(65537, 1024),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
FITTING = {
    "rsa": RSA_ALGORITHMS,
    "p256": ("ES256",),
    "p384": ("ES384",),
    "p521": ("ES512",),
    "ed25519": ("EdDSA",),
    "ed448": ("EdDSA",),
}
"""The algorithms of each kind of key, the usual one first."""

PAIRS = [(kind, SigningAlgorithm(name)) for kind, names in FITTING.items() for name in names]


@cache
def key(kind: str):
    return _MAKERS[kind]()


def pem(kind: str, *, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key(kind).private_bytes(*form, encryption).decode()


def public_pem(kind: str) -> str:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key(kind).public_key().public_bytes(*form).decode()


def jwk(kind: str, *, public: bool = False, **members: object) -> str:
    writer = {"r": RSAAlgorithm, "s": RSAAlgorithm, "e": OKPAlgorithm}.get(kind[0], ECAlgorithm)
    whole = key(kind).public_key() if public else key(kind)
    return json.dumps(writer.to_jwk(whole, as_dict=True) | members)
