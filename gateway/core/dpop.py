"""Proof of possession: what a DPoP proof says, and what servers say about it (RFC 9449).

Rules:

- A proof names the request by method and URL, without query and fragment (section 4.2), and the token
  that goes with it by its hash (``ath``, section 7); its ``jti`` is new and its ``iat`` is now.
- A server's nonce goes into the next proof as it came; one that breaks the syntax of section 8.1, or is
  longer than `MAX_NONCE_BYTES`, is ignored. Where it stands twice, the first that can be used counts.
- A nonce is asked for by ``use_dpop_nonce``: by an upstream in a ``DPoP`` challenge of a 401 (section 9),
  by a token endpoint in the error of a 400 (section 8), or of a 401, as it is met in the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from gateway.core.base64url import base64url
from gateway.core.challenge import USE_DPOP_NONCE, read_challenges
from gateway.core.client_assertion import SigningAlgorithm
from gateway.core.fields import without

PROOF_TYPE: Final = "dpop+jwt"
"""``typ`` of a proof's header (section 4.2)."""
NONCE_FIELD: Final = b"dpop-nonce"
MAX_NONCE_BYTES: Final = 1024
"""Ten times what servers send; it goes out again in every request."""

# NQCHAR of RFC 6749 appendix A: visible ASCII without the quote and the backslash.
_NQCHAR: Final = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'"\\')
_NONCE_START: Final = NONCE_FIELD + b":"
_NONCE_NAMES: Final = frozenset({NONCE_FIELD})


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


def proof_claims(  # noqa: PLR0913 - all of section 4.2; an object per proof would cost more than it tells
    method: str, url: str, jti: str, wall_now_s: float, *, nonce: str = "", ath: str = ""
) -> dict[str, str | int]:
    """Give the claims of one proof; `wall_now_s` counts from 1970, `jti` is used once."""
    claims: dict[str, str | int] = {
        "jti": jti,
        "htm": method,
        "htu": without_query(url),
        "iat": int(wall_now_s),
    }
    if ath:
        claims["ath"] = ath
    if nonce:
        claims["nonce"] = nonce
    return claims


def without_query(url: str) -> str:
    """Give a URL as ``htu`` has it: without query and fragment."""
    return url.partition("#")[0].partition("?")[0]


def token_hash(token: str) -> str:
    """Give ``ath`` for a token, which is ASCII (section 4.2)."""
    return base64url(sha256(token.encode("ascii")).digest()).decode("ascii")


def usable_nonce(value: bytes) -> str:
    """Give a nonce as it came if it can be used, else an empty text."""
    is_good = len(value) <= MAX_NONCE_BYTES and not value.translate(None, _NQCHAR)
    return value.decode("ascii") if is_good else ""


def nonce_of_text(value: str) -> str:
    """Give the nonce of a ``DPoP-Nonce`` that was read as text, else an empty text."""
    return usable_nonce(value.encode("ascii")) if value.isascii() else ""


def nonce_of_head(lines: Iterable[bytes]) -> str:
    """Give the nonce among the lines of an answer's head, or an empty text."""
    found = (line[len(_NONCE_START) :].strip(b" \t") for line in lines if _is_nonce(line))
    return next(filter(None, map(usable_nonce, found)), "")


def without_nonce(lines: Iterable[bytes]) -> list[bytes]:
    """Give the lines of an answer's head without ``DPoP-Nonce``: it is for whoever made the proof."""
    return without(lines, _NONCE_NAMES)


def upstream_wants_nonce(status: int, challenges: Sequence[bytes]) -> bool:
    """Whether an upstream's answer with these ``WWW-Authenticate`` values asks for a nonce (section 9)."""
    return status == 401 and any(
        challenge.scheme == "dpop" and challenge.parameters.get("error") == USE_DPOP_NONCE
        for challenge in read_challenges(challenges)
    )


def endpoint_wants_nonce(status: int, error: str) -> bool:
    """Whether a token endpoint's answer with this ``error`` asks for a nonce (section 8)."""
    return status in (400, 401) and error == USE_DPOP_NONCE


def _is_nonce(line: bytes) -> bool:
    return line[: len(_NONCE_START)].lower() == _NONCE_START
