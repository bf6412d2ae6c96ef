"""The keys that sign who calls: which signs, which are published, and what one process leaves to the next."""

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.secret import Secret
from gateway.core.settings.identity_jwt import IdentityKeySettings
from gateway.identity_keys import SKEW_S, IdentityKeys, IdentityKeyUnusable
from gateway.oauth.identity_key import make_identity_key
from gateway.packing import packed, unpacked
from tests.oauth import keys as kinds

PEMS = [make_identity_key().private_pem() for _ in range(4)]
LIFETIME_S = 300.0


class Bench:
    """Keys whose file and clock are in the hands of the test."""

    def __init__(self, first=0, ahead_s=0.0, left=None):
        self.now_s = 1_000_000.0
        self.text = PEMS[first]
        self.told = 0
        self.settings = IdentityKeySettings(lambda: self.text, LIFETIME_S, ahead_s)
        self.keys = IdentityKeys(lambda: self.now_s, left)
        self.keys.begin(self.settings)
        self.keys.on_change = self.count

    def count(self):
        self.told += 1

    def put(self, text):
        self.text = text
        self.keys.look()

    def signer(self):
        """The number of the key that signs."""
        return number(jwt.get_unverified_header(self.keys.sign(b"{}").decode())["kid"])

    def published(self):
        return [number(each["kid"]) for each in self.keys.published()]


def number(kid):
    return KIDS.index(kid)


def kid_of(pem):
    keys = IdentityKeys(lambda: 0.0)
    keys.begin(IdentityKeySettings(lambda: pem))
    return keys.published()[0]["kid"]


KIDS = [kid_of(pem) for pem in PEMS]


def test_another_key_signs_at_once_and_the_one_before_stays_published():
    bench = Bench()
    bench.put(PEMS[1])

    assert (bench.signer(), bench.published(), bench.told) == (1, [1, 0], 1)
    bench.now_s += LIFETIME_S + SKEW_S - 0.001
    assert bench.published() == [1, 0]
    bench.now_s += 0.001
    assert bench.published() == [1]


def test_the_log_names_both_keys(caplog):
    caplog.set_level("INFO", "gateway.identity")
    Bench().put(PEMS[1])

    words = f"identity_jwt: key {KIDS[1]} signs from now on; key {KIDS[0]} stays published for 360 s"
    assert caplog.messages == [words]


def test_a_key_that_returns_is_published_once():
    bench = Bench()
    for key in (1, 0, 1):
        bench.put(PEMS[key])

    assert (bench.signer(), bench.published()) == (1, [1, 0])


def test_a_new_key_is_published_before_it_signs():
    bench = Bench(ahead_s=600.0)
    bench.put(PEMS[1])
    assert (bench.signer(), bench.published(), bench.told) == (0, [0, 1], 0)
    bench.now_s += 599.0
    bench.keys.look()
    assert bench.signer() == 0
    bench.now_s += 1.0
    bench.keys.look()
    assert (bench.signer(), bench.published(), bench.told) == (1, [1, 0], 1)


def test_a_new_key_that_is_taken_back_never_signs():
    bench = Bench(ahead_s=600.0)
    bench.put(PEMS[1])
    bench.put(PEMS[0])
    bench.now_s += 1000.0
    bench.keys.look()

    assert (bench.signer(), bench.published(), bench.told) == (0, [0], 0)


def test_a_reload_does_not_make_a_new_key_wait_anew():
    bench = Bench(ahead_s=600.0)
    bench.put(PEMS[1])
    bench.now_s += 500.0
    bench.keys.go_on(bench.settings, bench.keys.prepared(bench.settings))
    bench.now_s += 100.0
    bench.keys.look()

    assert bench.signer() == 1


@pytest.mark.parametrize(
    "text",
    ["", "no key", kinds.pem("p384"), kinds.pem("ed25519"), PEMS[1].reveal()[:99]],
    ids=["empty", "a word", "another curve", "another kind", "half a file"],
)
def test_what_is_no_key_changes_nothing(text):
    bench = Bench()
    bench.put(Secret(text))

    assert (bench.signer(), bench.published(), bench.told) == (0, [0], 0)
    assert bench.keys.trouble.startswith("cannot be used: ")
    with pytest.raises(IdentityKeyUnusable):
        bench.keys.prepared(bench.settings)
    bench.put(PEMS[0])
    assert bench.keys.trouble == ""


def test_a_file_that_is_replaced_during_a_reload_is_not_overlooked():
    bench = Bench()
    prepared = bench.keys.prepared(bench.settings)
    bench.text = PEMS[1]
    bench.keys.go_on(bench.settings, prepared)
    assert bench.signer() == 0
    bench.keys.look()
    assert bench.signer() == 1


def test_a_reload_to_another_file_ends_the_trouble_with_the_first():
    bench, other = Bench(), IdentityKeySettings(lambda: PEMS[2], LIFETIME_S)
    bench.put(Secret("no key"))
    bench.keys.go_on(other, bench.keys.prepared(other))

    assert (bench.signer(), bench.keys.trouble) == (2, "")


def test_what_is_left_goes_on_until_the_file_holds_a_key_again():
    left = Bench().keys.left()
    after = Bench(left=left)
    after.text = Secret("no key")
    after.keys = IdentityKeys(lambda: after.now_s, left)
    after.keys.begin(after.settings)
    after.keys.look()
    assert (after.signer(), bool(after.keys.trouble)) == (0, True)
    after.put(PEMS[3])
    assert (after.signer(), after.keys.trouble, after.published()) == (3, "", [3, 0])


def test_a_first_key_must_be_one():
    with pytest.raises(IdentityKeyUnusable, match="neither PEM nor a JWK"):
        IdentityKeys(lambda: 0.0).begin(IdentityKeySettings(lambda: Secret("no key")))


def test_the_next_process_goes_on_with_what_is_left():
    bench = Bench()
    bench.put(PEMS[1])
    bench.put(Secret("no key"))
    left = unpacked(packed(bench.keys.left()))
    after = IdentityKeys(lambda: bench.now_s, left)
    after.begin(bench.settings)

    assert after.published() == bench.keys.published()
    assert after.trouble
    assert "PRIVATE" not in repr(left)


def test_the_next_process_finds_another_key():
    left = Bench().keys.left()
    after = Bench(first=2, left=left)

    assert (after.signer(), after.published()) == (2, [2, 0])


def test_a_key_that_was_made_is_kept_over_reloads_and_processes():
    made = IdentityKeySettings()
    keys = IdentityKeys(lambda: 0.0)
    keys.begin(made)
    first = keys.published()
    keys.go_on(made, keys.prepared(made))
    after = IdentityKeys(lambda: 0.0, unpacked(packed(keys.left())))
    after.begin(made)

    assert first == keys.published() == after.published()


def test_what_waits_on_a_route_that_has_just_gone_is_still_signed():
    bench = Bench()
    bench.keys.go_on(None, bench.keys.prepared(None))

    assert bench.signer() == 0
    assert bench.published() == [0]


@settings(max_examples=60)
@given(
    st.sampled_from([0.0, 100.0]),
    st.lists(
        st.tuples(st.sampled_from([*range(4), None]), st.sampled_from([0.0, 1.0, 50.0, 200.0])), max_size=12
    ),
)
def test_whatever_signed_is_published_for_as_long_as_it_counts(ahead_s, steps):
    bench = Bench(ahead_s=ahead_s)
    signed = []
    for key, passes_s in steps:
        bench.put(PEMS[key] if key is not None else Secret("no key"))
        signed.append((bench.signer(), bench.now_s + LIFETIME_S))
        bench.now_s += passes_s
        published = bench.published()
        assert len(published) == len(set(published))
        assert {key for key, until_s in signed if bench.now_s <= until_s} <= set(published)
