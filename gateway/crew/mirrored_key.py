"""A DPoP key of the keeper's, in a worker: proofs are signed where requests are.

Imported only where tokens are bound to keys: it brings cryptography.
"""

from __future__ import annotations

import time
from functools import lru_cache

from gateway.core.crew.records import KeyIs
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.core.token import Prover
from gateway.oauth.credentials import random_jti
from gateway.oauth.dpop_key import BoundKey, DpopKey, read_dpop_key

_MOST_KEYS = 64


def prover(key: KeyIs, ath: str) -> Prover:
    """Return what proves possession of a key, for the token with this hash."""
    return BoundKey(_read(key), ath)


@lru_cache(_MOST_KEYS)
def _read(key: KeyIs) -> DpopKey:
    settings = DpopSettings(SigningAlgorithm(key.algorithm))
    return read_dpop_key(Secret(key.pem), settings, time.time, random_jti)
