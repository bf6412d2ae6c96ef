"""Whether a request proves what its token is bound to: real keys, real signatures, and proofs that are used once."""

import itertools
from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.access import possession
from gateway.access.possession import FULL, Possession, UsedProofs
from gateway.core.access.binding import OTHER_CERTIFICATE, Binding, Bound
from gateway.core.access.proof import MISSING, NO_KEY, OTHER_KEY, REPLAYED, WRONG_SIGNATURE, thumbprint_of
from gateway.core.caller import Caller, WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.oauth.dpop_proof import token_hash
from gateway.core.settings.signing_settings import DpopSettings, SigningAlgorithm
from gateway.oauth.dpop_key import make_dpop_key
from tests.access.clocks import Hands
from tests.core.samples import head_of

TOKEN = b"abc"
CALLER = CallerFields(b"192.0.2.1", b"https", is_trusted=False)
ALICE = Caller(WayName("staff"), "alice")


class Holder:
    """A caller with a key of its own."""

    def __init__(self, hands, algorithm=SigningAlgorithm.ES256):
        serial = itertools.count()
        jti = lambda: str(next(serial))  # noqa: E731
        self.key = make_dpop_key(DpopSettings(algorithm), lambda: hands.wall_s, jti)
        self.bound = Bound(ALICE, Binding(key=thumbprint_of(self.key._key.public_jwk())))

    def proof(self):
        return self.key.proof("GET", "https://a.test/", ath=token_hash(TOKEN.decode()))


@pytest.fixture
def hands():
    return Hands()


def judged(judge, bound, proof):
    return judge.judged(bound, TOKEN, head_of(f"DPoP: {proof}"), CALLER)


@pytest.mark.parametrize("algorithm", [each for each in SigningAlgorithm if not each.is_symmetric])
def test_a_proof_by_the_key_of_the_token_is_accepted_once(hands, algorithm):
    judge, holder = Possession(hands.clock), Holder(hands, algorithm)
    proof = holder.proof()

    assert judged(judge, holder.bound, proof) is holder.bound
    assert judged(judge, holder.bound, proof) is REPLAYED
    assert judged(judge, holder.bound, holder.proof()) is holder.bound


def test_a_proof_by_another_key_is_not(hands):
    judge, holder, thief = Possession(hands.clock), Holder(hands), Holder(hands)

    assert judged(judge, holder.bound, thief.proof()) is OTHER_KEY
    head = holder.proof().split(".")[0]
    assert judged(judge, holder.bound, ".".join([head, *thief.proof().split(".")[1:]])) is WRONG_SIGNATURE
    assert judge.judged(holder.bound, TOKEN, head_of(), CALLER) is MISSING


def test_a_key_that_is_none_is_refused(hands):
    judge = Possession(hands.clock)
    assert judge._key(b"", {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}) is None
    assert judge._verified(Holder(hands).bound, b"", replace(_unverified(), key={"kty": "EC"})) is NO_KEY


def _unverified():
    return possession.UnverifiedProof("ES256", {}, "1", b"", b"")


def test_a_certificate_is_that_of_the_connection(hands):
    judge = Possession(hands.clock)
    bound = Bound(ALICE, Binding(sha256(b"certificate").digest()))

    for certificate, found in (
        (b"certificate", bound),
        (b"another", OTHER_CERTIFICATE),
        (None, OTHER_CERTIFICATE),
    ):
        assert judge.judged(bound, TOKEN, head_of(), replace(CALLER, certificate=certificate)) is found


def test_both_are_asked_for_where_a_token_is_bound_to_both(hands):
    judge, holder = Possession(hands.clock), Holder(hands)
    both = Bound(ALICE, replace(holder.bound.binding, certificate=sha256(b"certificate").digest()))

    assert judged(judge, both, holder.proof()) is OTHER_CERTIFICATE
    presenting = replace(CALLER, certificate=b"certificate")
    assert judge.judged(both, TOKEN, head_of(), presenting) is MISSING
    assert judge.judged(both, TOKEN, head_of(f"DPoP: {holder.proof()}"), presenting) is both


def test_a_proof_is_remembered_for_as_long_as_it_could_be_used_again(hands):
    used = UsedProofs(lambda: hands.now_s)
    for wait_s in (0.0, 45.0, 89.9):
        proof = str(wait_s).encode()
        assert used.take(proof) is True
        hands.pass_s(wait_s)
        assert used.take(proof) is False
    hands.pass_s(1000.0)
    assert used.take(b"0.0") is True
    assert len(used) == 1


def test_what_cannot_be_remembered_is_refused_for_a_while(hands, monkeypatch):
    monkeypatch.setattr(possession, "MOST_PROOFS", 1)
    judge, holder = Possession(hands.clock), Holder(hands)

    assert judged(judge, holder.bound, holder.proof()) is holder.bound
    assert judged(judge, holder.bound, holder.proof()) is FULL
    hands.pass_s(91.0)
    assert judged(judge, holder.bound, holder.proof()) is holder.bound


def test_keys_are_prepared_once(hands, monkeypatch):
    monkeypatch.setattr(possession, "MOST_KEYS", 2)
    judge, holders = Possession(hands.clock), [Holder(hands) for _ in range(3)]
    for holder in (*holders, *holders):
        assert judged(judge, holder.bound, holder.proof()) is holder.bound

    assert len(judge._keys) <= 2
