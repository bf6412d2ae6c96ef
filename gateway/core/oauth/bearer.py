"""A granted token as it is held: ready to be sent, and named without being told.

The name is a fingerprint, eight hex digits of a keyed hash. The key is made at the start of the process
and dies with it, so that a fingerprint can be compared with others of the same run and with nothing else.
The scheme is always written ``Bearer``, or ``DPoP`` for a token that is bound to a key (RFC 9449 section
7.1): some services refuse ``bearer``, which some servers answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

from gateway.core.oauth.lifetime import Life
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.token import Token

_DIGEST_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A token and the instants of its life."""

    token: Token
    life: Life

    @classmethod
    def of(cls, granted: Granted, life: Life, serial: int, fingerprint_key: bytes) -> Held:
        """Make what was granted ready to be sent (RFC 6750 section 2.1)."""
        scheme = b"Bearer " if granted.prover is None else b"DPoP "
        token = Token(
            field_value=scheme + granted.access_token.reveal().encode("ascii"),
            sent_at_s=life.sent_at_s,
            expires_at_s=life.expires_at_s,
            serial=serial,
            fingerprint=fingerprint(fingerprint_key, granted.access_token),
            scope=granted.scope,
            prover=granted.prover,
        )
        return cls(token, life)


def fingerprint(key: bytes, secret: Secret) -> str:
    """Give eight hex digits, the same for the same secret and `key`; at most 32 bytes of key (RFC 7693)."""
    return blake2s(secret.reveal().encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest()
