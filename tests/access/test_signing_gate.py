"""What a gate signs, and how often."""

import json

import pytest

from gateway.access import signing_gate
from gateway.access.signing_gate import SigningGate
from gateway.core.admission import Admission
from gateway.core.caller import Caller, WayName
from gateway.core.errors import MalformedRequest
from gateway.core.settings.identity_jwt import IdentityJwt
from tests.access.clocks import Hands

STAFF = WayName("staff")


class FakeGate:
    """Lets in whom the test says, with fields and a place of their own for each request."""

    cors = None

    def __init__(self):
        self.passed = None
        self.error = None
        self.left = 0

    def arrive(self, head, caller, now_s):
        raise MalformedRequest("counted")

    def now(self, head, caller, now_s):
        if self.error is not None:
            raise self.error
        return self.passed

    async def wait(self, head, caller, now_s, deadline_s):
        return self.now(head, caller, now_s)

    def leave(self):
        self.left += 1


class NumberedSigner:
    """Numbers what it signs, so that which one goes out is one assertion."""

    def __init__(self):
        self.generation = 0
        self.claims = []

    def sign(self, claims):
        self.claims.append(json.loads(claims))
        return b"jwt_%d" % len(self.claims)


class Rig:
    def __init__(self, **members):
        self.hands, self.inner, self.signer = Hands(), FakeGate(), NumberedSigner()
        jwt = IdentityJwt("X-Jwt", "gw", ("crm",), **members)
        self.gate = SigningGate(self.inner, jwt, self.signer, lambda: self.hands.wall_s)

    def sent(self, caller):
        self.inner.passed = Admission(caller, (b"X-Caller: a",), (b"RateLimit: r",), self.inner.leave)
        told = self.gate.now(None, None, 0.0)
        assert (told.caller, told.answer_lines, told.leave) == (caller, (b"RateLimit: r",), self.inner.leave)
        assert told.request_lines[0] == b"X-Caller: a"
        return told.request_lines[1].decode()


def caller(name="alice", **members):
    return Caller(STAFF, name, **members)


def test_one_is_sent_until_four_fifths_of_its_life_have_passed():
    rig, alice = Rig(), caller()
    assert {rig.sent(alice) for _ in range(3)} == {"X-Jwt: jwt_1"}
    rig.hands.pass_s(239.9)
    assert rig.sent(alice) == "X-Jwt: jwt_1"
    rig.hands.pass_s(0.2)
    assert [rig.sent(alice) for _ in range(2)] == ["X-Jwt: jwt_2"] * 2
    assert rig.signer.claims[1]["exp"] - rig.signer.claims[0]["exp"] == 240


def test_one_that_ends_with_its_caller_is_signed_once():
    rig = Rig()
    alice = caller(expires_at_s=rig.hands.wall_s + 10)
    for _ in range(9):
        assert rig.sent(alice) == "X-Jwt: jwt_1"
        rig.hands.pass_s(1)
    assert rig.signer.claims[0]["exp"] == alice.expires_at_s


def test_a_clock_that_is_set_back_makes_a_new_one():
    """Upstreams would take the old one for one from the future."""
    rig, alice = Rig(), caller()
    rig.sent(alice)
    rig.hands.pass_s(-100)

    assert rig.sent(alice) == "X-Jwt: jwt_2"


def test_another_key_empties_what_is_kept():
    rig, alice, bob = Rig(), caller(), caller("bob")
    assert [rig.sent(alice), rig.sent(bob)] == ["X-Jwt: jwt_1", "X-Jwt: jwt_2"]
    rig.signer.generation += 1
    assert rig.sent(bob) == "X-Jwt: jwt_3"
    assert len(rig.gate._signed) == 1
    assert rig.sent(alice) == "X-Jwt: jwt_4"


def test_two_callers_of_one_name_have_one_each():
    rig = Rig()

    assert rig.sent(caller()) != rig.sent(caller())


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(signing_gate, "MOST_KEPT", 3)
    rig, callers = Rig(), [caller(str(number)) for number in range(4)]
    for each in callers:
        rig.sent(each)

    assert len(rig.gate._signed) == 3
    assert rig.sent(callers[3]) == "X-Jwt: jwt_4"
    assert rig.sent(callers[0]) == "X-Jwt: jwt_5"


def test_a_prefix_precedes_it():
    assert Rig(prefix="Jwt ").sent(caller()) == "X-Jwt: Jwt jwt_1"


async def test_whoever_must_wait_is_told_of_afterwards():
    rig = Rig()
    assert rig.gate.now(None, None, 0.0) is None
    rig.inner.passed = Admission(caller())
    assert (await rig.gate.wait(None, None, 0.0, 1.0)).request_lines == (b"X-Jwt: jwt_1",)


def test_what_the_gate_refuses_is_not_signed():
    rig = Rig()
    rig.inner.error = MalformedRequest("twice")
    with pytest.raises(MalformedRequest):
        rig.gate.now(None, None, 0.0)
    with pytest.raises(MalformedRequest):
        rig.gate.arrive(None, None, 0.0)
    assert not rig.signer.claims


def test_nothing_of_it_is_shown():
    rig = Rig()
    rig.sent(caller())

    shown = repr((rig.gate, rig.gate._signed, rig.gate.now(None, None, 0.0)))
    assert "jwt_1" not in shown
