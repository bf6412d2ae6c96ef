"""Whether a request proves possession of what its token is bound to: a certificate, or a key for proofs.

Rules:

- Tokens that are bound to nothing never come here.
- A proof is accepted once. Those that were used are remembered for as long as they could be used again, by a
  digest. Once no more of them can be remembered, proofs are refused (503) until some are too old.
- The keys of callers are prepared once, for as many as are remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from gateway.access.verification_keys import VerificationKey, read_keys
from gateway.core.access.binding import OTHER_CERTIFICATE, Bound
from gateway.core.access.finding import Fault, Finding, Unsure
from gateway.core.access.proof import (
    AHEAD_S,
    NO_KEY,
    OLDEST_S,
    REPLAYED,
    WRONG_SIGNATURE,
    UnverifiedProof,
    read_proof,
)
from gateway.core.clock import Clock
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead
from gateway.core.text.json_object import JsonObject

MOST_PROOFS: Final = 100_000
"""In each half of the window: at most 15 MiB."""
MOST_KEYS: Final = 1_000
FULL: Final = Unsure("too many DPoP proofs are remembered", retry_after_s=10, fault=Fault.LOAD)
_WINDOW_S: Final = OLDEST_S + AHEAD_S


class UsedProofs:
    """Remembers proofs for one window at least, and two at most.

    Args:
        now_s: the monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()
        self._turn_at_s = now_s() + _WINDOW_S

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def take(self, proof: bytes) -> bool | None:
        """Remember a proof; False if it was used before, None if no more can be remembered."""
        now_s = self._now_s()
        if now_s >= self._turn_at_s:
            self._older = self._recent if now_s < self._turn_at_s + _WINDOW_S else set()
            self._recent, self._turn_at_s = set(), now_s + _WINDOW_S
        if proof in self._recent or proof in self._older:
            return False
        if len(self._recent) >= MOST_PROOFS:
            return None
        self._recent.add(proof)
        return True


class Possession:
    """Judges the requests of one way whose tokens are bound."""

    def __init__(self, clock: Clock) -> None:
        self._wall_s = clock.wall_s
        self._used = UsedProofs(clock.now_s)
        self._keys: dict[bytes, VerificationKey] = {}

    def judged(self, bound: Bound, token: bytes, head: RequestHead, caller: CallerFields) -> Finding:
        """Return the finding if a request proves what its token is bound to, else what is wrong."""
        binding = bound.binding
        if binding.certificate is not None and not _presents(caller, binding.certificate):
            return OTHER_CERTIFICATE
        if binding.key is None:
            return bound
        proof = read_proof(head, caller, token, binding.key, self._wall_s())
        return self._verified(bound, binding.key, proof) if isinstance(proof, UnverifiedProof) else proof

    def _verified(self, bound: Bound, thumbprint: bytes, proof: UnverifiedProof) -> Finding:
        key = self._key(thumbprint, proof.key)
        if key is None:
            return NO_KEY
        if not key.verifies(proof.signed, proof.signature, proof.algorithm):
            return WRONG_SIGNATURE
        is_new = self._used.take(sha256(thumbprint + proof.jti.encode("utf-8", "replace")).digest()[:16])
        if is_new is None:
            return FULL
        return bound if is_new else REPLAYED

    def _key(self, thumbprint: bytes, jwk: JsonObject) -> VerificationKey | None:
        key = self._keys.get(thumbprint)
        if key is None:
            # Its thumbprint covers what it is; what else it says of itself is not the caller's to decide.
            plain = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
            found = read_keys(json.loads(json.dumps({"keys": [plain]})))
            if not found:
                return None
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            key = self._keys[thumbprint] = found[0]
        return key


def _presents(caller: CallerFields, digest: bytes) -> bool:
    return caller.certificate is not None and sha256(caller.certificate).digest() == digest
