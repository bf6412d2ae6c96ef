"""DPoP keys of the keeper's in a worker: its proofs are those of the same key, for the same token."""

from __future__ import annotations

import time

import jwt
import pytest

from gateway.core.crew.records import KeyIs, TokenIs
from gateway.core.oauth.bearer import Held
from gateway.core.oauth.lifetime import plan_life
from gateway.core.oauth.token_outcome import Granted
from gateway.core.secret import Secret
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.crew.mirrored_key import prover
from gateway.crew.publisher import Publisher
from gateway.oauth.credentials import random_jti
from gateway.oauth.dpop_key import make_dpop_key
from tests.oauth.fakes import loop_clock


def parts(proof):
    """The header and the claims of a proof, whose signature fits its key."""
    header = jwt.get_unverified_header(proof)
    key = jwt.PyJWK(header["jwk"] | {"alg": header["alg"]})
    return header, jwt.decode(proof, key.key, algorithms=[header["alg"]], options={"verify_iat": False})


@pytest.mark.parametrize(
    "algorithm",
    [SigningAlgorithm.ES256, SigningAlgorithm.ES384, SigningAlgorithm.EDDSA, SigningAlgorithm.RS256],
)
async def test_a_worker_proves_possession_of_the_keepers_key(algorithm):
    key = make_dpop_key(DpopSettings(algorithm), time.time, random_jti)
    token = Secret("access_token_1")
    granted = Granted(token, 100.0, (), is_bound=True, prover=key.bound_to(token))
    held = Held.of(granted, plan_life(0.0, 100.0, 0.0), 1, b"k")
    told, bound = Publisher(loop_clock(), 1, lambda _: None)._records(7, held, 1)
    assert isinstance(told, KeyIs)
    assert isinstance(bound, TokenIs)
    assert bound.dpop_key == told.number

    ours = parts(held.token.prover.proof("GET", "https://api.example/a", "nonce"))
    theirs = parts(prover(told, bound.ath).proof("GET", "https://api.example/a", "nonce"))
    assert theirs[0] == ours[0]
    for claim in ("htm", "htu", "ath", "nonce"):
        assert theirs[1][claim] == ours[1][claim]
    assert theirs[1]["jti"] != ours[1]["jti"]
