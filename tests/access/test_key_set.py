"""Key sets over time: one fetch at a time, paced by attempts, never emptied by a failure."""

import asyncio
import json

import pytest

from gateway.access.key_set import COOLDOWN_S, LONGEST_S, RENEW_S, KeySet
from gateway.access.verification_keys import read_keys
from tests.access.clocks import Hands
from tests.oauth import keys


def some(*names):
    return read_keys({"keys": [json.loads(keys.jwk("ed25519", public=True, kid=name)) for name in names]})


class Issuer:
    """Answers with what it is set to, and counts; while `gate` is closed it hangs."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self):
        self.asked += 1
        await self.gate.wait()
        return self.answer


@pytest.fixture
def hands():
    return Hands()


def counting(held):
    """Count how often the keys change."""
    changes = []
    held.changed = lambda: changes.append(1)
    return changes


async def test_the_first_caller_waits_for_the_keys(hands):
    issuer = Issuer(some("a"))
    held = KeySet(issuer, hands.clock)
    assert (held.is_usable, held.may_fetch()) == (False, True)

    await held.fetched(hands.now_s + 5)

    assert held.is_usable
    assert [key.key_id for key in held.candidates("a", "EdDSA")] == ["a"]
    assert held.candidates("b", "EdDSA") == held.candidates("a", "RS256") == []
    assert held.state().keys == ("a",)


async def test_many_callers_cause_one_fetch(hands):
    issuer = Issuer(some("a"))
    issuer.gate.clear()
    held = KeySet(issuer, hands.clock)
    waiting = [asyncio.create_task(held.fetched(hands.now_s + 100)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever leaves takes nothing from the others
    issuer.gate.set()
    await asyncio.gather(*waiting[1:])

    assert issuer.asked == 1
    assert held.is_usable


@pytest.mark.parametrize("answer", [some("a"), "it is down", ()])
async def test_another_fetch_is_possible_one_cooldown_after_the_last_attempt(hands, answer):
    issuer = Issuer(answer)
    held = KeySet(issuer, hands.clock)
    await held.fetched(hands.now_s + 5)
    for _ in range(100):
        await held.fetched(hands.now_s + 5)
        assert not held.may_fetch()
    assert issuer.asked == 1
    hands.pass_s(COOLDOWN_S)
    assert held.may_fetch()
    await held.fetched(hands.now_s + 5)

    assert issuer.asked == 2


@pytest.mark.parametrize("answer", ["it is down", ()])
async def test_a_failure_leaves_the_keys_in_use_for_a_day(hands, answer):
    issuer = Issuer(some("a"))
    held = KeySet(issuer, hands.clock)
    changes = counting(held)
    await held.fetched(hands.now_s + 5)
    issuer.answer = answer
    hands.pass_s(COOLDOWN_S)
    await held.fetched(hands.now_s + 5)

    assert held.candidates("a", "EdDSA")
    assert held.state().trouble
    assert changes == [1]
    hands.pass_s(LONGEST_S)
    assert not held.is_usable


async def test_old_keys_are_renewed_while_they_serve(hands):
    issuer = Issuer(some("a"))
    held = KeySet(issuer, hands.clock)
    changes = counting(held)
    await held.fetched(hands.now_s + 5)
    issuer.answer = some("b")
    hands.pass_s(RENEW_S)

    assert held.candidates("a", "EdDSA")  # nobody waits
    await held.fetched(hands.now_s + 5)
    assert not held.candidates("a", "EdDSA")
    assert held.candidates("b", "EdDSA")
    assert changes == [1, 1]


async def test_the_same_keys_again_are_no_change(hands):
    held = KeySet(Issuer(some("a")), hands.clock)
    changes = counting(held)
    await held.fetched(hands.now_s + 5)
    hands.pass_s(RENEW_S)
    await held.fetched(hands.now_s + 5)

    assert changes == [1]


async def test_a_token_without_a_key_id_may_be_of_any_key_of_its_kind(hands):
    held = KeySet(Issuer(some("a", "b")), hands.clock)
    await held.fetched(hands.now_s + 5)

    assert len(held.candidates(None, "EdDSA")) == 2


async def test_an_end_ends_the_fetch(hands):
    issuer = Issuer(some("a"))
    issuer.gate.clear()
    held = KeySet(issuer, hands.clock)
    held.start()
    await asyncio.sleep(0)
    await held.close()

    assert issuer.asked == 1
    assert not held.is_usable
