"""Nonces in an upstream's response: which one it wants in proofs, and whether it asks for it (RFC 9449).

Rules: if ``DPoP-Nonce`` occurs more than once, the first usable value counts. An upstream asks for a nonce by
``use_dpop_nonce`` in a ``DPoP`` challenge of a 401.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gateway.core.dpop import USE_DPOP_NONCE, usable_nonce
from gateway.core.http.challenge import read_challenges
from gateway.core.http.fields import without

NONCE_FIELD: Final = b"dpop-nonce"
_NONCE_START: Final = NONCE_FIELD + b":"
_NONCE_NAMES: Final = frozenset({NONCE_FIELD})


def nonce_of_head(lines: Iterable[bytes]) -> str:
    """Return the nonce among the lines of a response's head, or an empty string."""
    found = (line[len(_NONCE_START) :].strip(b" \t") for line in lines if _is_nonce(line))
    return next(filter(None, map(usable_nonce, found)), "")


def without_nonce(lines: Iterable[bytes]) -> list[bytes]:
    """Return the lines of a response's head without ``DPoP-Nonce``, which is for whoever made the proof."""
    return without(lines, _NONCE_NAMES)


def upstream_wants_nonce(status: int, challenges: Sequence[bytes]) -> bool:
    """Whether a response with these ``WWW-Authenticate`` values asks for a nonce (section 9)."""
    return status == 401 and any(
        challenge.scheme == "dpop" and challenge.parameters.get("error") == USE_DPOP_NONCE
        for challenge in read_challenges(challenges)
    )


def _is_nonce(line: bytes) -> bool:
    return line[: len(_NONCE_START)].lower() == _NONCE_START
