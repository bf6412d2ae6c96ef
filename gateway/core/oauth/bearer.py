"""A granted token, ready to be sent, and a fingerprint that names it without revealing it.

The fingerprint is eight hex digits of a keyed hash. Its key lives as long as the process, so fingerprints can
be compared within one run and with nothing else.
The scheme is always written ``Bearer``, or ``DPoP`` for a token that is bound to a key (RFC 9449 section
7.1): some authorization servers answer ``bearer``, and some services refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

from gateway.core.oauth.lifetime import Life
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.settings.carriers import MAIN_PART
from gateway.core.token import Token

_DIGEST_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A token and the dates of its life."""

    token: Token
    life: Life

    @classmethod
    def of(cls, granted: Granted, life: Life, serial: int, fingerprint_key: bytes) -> Held:
        """Prepare a granted token for sending (RFC 6750 section 2.1)."""
        scheme = b"Bearer " if granted.prover is None else b"DPoP "
        text = granted.access_token.reveal()
        token = Token(
            field_value=scheme + text.encode("ascii"),
            sent_at_s=life.sent_at_s,
            expires_at_s=life.expires_at_s,
            serial=serial,
            fingerprint=fingerprint(fingerprint_key, granted.access_token),
            scope=granted.scope,
            prover=granted.prover,
            parts=((MAIN_PART, text), *((name, part.reveal()) for name, part in granted.parts)),
        )
        return cls(token, life)


def fingerprint(key: bytes, secret: Secret) -> str:
    """Return eight hex digits that depend on the secret and on `key`, of at most 32 bytes (RFC 7693)."""
    return blake2s(secret.reveal().encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest()
