"""How the owner wants keys to sign: assertions (RFC 7523) and proofs of possession (RFC 9449)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

LIFETIME_S: Final = 60.0
"""Longer than clocks disagree and networks tarry, well below the 5 min that some servers refuse."""


class SigningAlgorithm(Enum):
    """Values of ``alg`` (RFC 7518 section 3.1, RFC 8037 section 3.1) that an assertion may be signed with."""

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
    """By what an assertion's head names the certificate of its key (RFC 7515 section 4.1)."""

    X5T_S256 = "x5t#S256"
    X5T = "x5t"
    X5C = "x5c"


@dataclass(frozen=True, slots=True)
class JsonClaim:
    """The value of a claim that is no text, as JSON: ``1`` and ``true`` are equal in Python, and not here."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """How assertions of a client are made.

    Attributes:
        audience: the value of ``aud``; None: the URL of the token endpoint that is asked.
        algorithm: None: the one that fits the key.
        key_id: ``kid`` of the header; None: that of the key, if it has one.
        lifetime_s: from ``iat`` to ``exp``, at least a second.
        certificate: PEM file of the key's certificate, followed by its chain.
        certificate_headers: what goes into the header of it.
        subject: ``sub``; None: the client id.
        claims: further ones; none of ours among them.
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
        algorithm: what proofs are signed with; None: what fits the configured key; ES256 for
            one that is made in memory.
        allows_bearer: a server that answers ``Bearer`` instead is no error.
    """

    algorithm: SigningAlgorithm | None = None
    allows_bearer: bool = False
