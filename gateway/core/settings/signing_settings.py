"""Settings for what keys sign: assertions (RFC 7523) and proofs of possession (RFC 9449)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

LIFETIME_S: Final = 60.0
"""Enough for clock skew and slow networks, well below the 5 min that some servers refuse."""


class SigningAlgorithm(Enum):
    """The ``alg`` values that assertions may be signed with (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"

    @property
    def is_symmetric(self) -> bool:
        """Whether it signs with a shared secret."""
        return self.value.startswith("HS")

    @property
    def is_rsa(self) -> bool:
        """Whether it signs with an RSA key."""
        return self.value.startswith(("RS", "PS"))


class CertificateHeader(Enum):
    """How the header of an assertion names the certificate of its key (RFC 7515 section 4.1)."""

    X5T_S256 = "x5t#S256"
    X5T = "x5t"
    X5C = "x5c"


@dataclass(frozen=True, slots=True)
class JsonClaim:
    """A claim that is not a string, as JSON: ``1`` and ``true`` are equal in Python, but not here."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """How the assertions of a client are made.

    Attributes:
        audience: the ``aud``; None for the URL of the token endpoint.
        algorithm: None for the one that fits the key.
        key_id: the ``kid`` in the header; None for that of the key, if it has one.
        lifetime_s: the time from ``iat`` to ``exp``, at least a second.
        certificate: PEM file of the key's certificate, followed by its chain.
        certificate_headers: how the header names it.
        subject: the ``sub``; None for the client id.
        claims: further claims, none of which the gateway sets itself.
    """

    audience: str | None
    algorithm: SigningAlgorithm | None = None
    key_id: str | None = None
    lifetime_s: float = LIFETIME_S
    certificate: str | None = None
    subject: str | None = None
    claims: tuple[tuple[str, str | JsonClaim], ...] = field(default=(), repr=False)
    certificate_headers: tuple[CertificateHeader, ...] = (CertificateHeader.X5T_S256,)


@dataclass(frozen=True, slots=True)
class DpopSettings:
    """How the tokens of a grant are bound to a key.

    Attributes:
        algorithm: what proofs are signed with; None for what fits the configured key, or ES256 for one that
            is made in memory.
        allows_bearer: a server may answer with a ``Bearer`` token instead.
    """

    algorithm: SigningAlgorithm | None = None
    allows_bearer: bool = False
