"""Proof of possession: what a DPoP proof says, and what servers say about it (RFC 9449)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.client_assertion import SigningAlgorithm


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


class Prover(Protocol):
    """Proves possession of the key that one token is bound to."""

    def proof(self, method: str, url: str, nonce: str = "") -> bytes:
        """Give the value of ``DPoP`` for one request that carries the token (RFC 9449 section 4.2).

        `url` is the request's, without query and fragment; `nonce` is the server's newest, or empty.
        """
