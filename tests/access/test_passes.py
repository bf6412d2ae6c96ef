"""What gates remember of callers: no longer than the finding holds, and for themselves alone."""

from math import inf

import pytest

from gateway.access.passes import NOTED_S, SEEN, Passes
from gateway.core.access.binding import Binding, Bound
from gateway.core.access.finding import Known
from gateway.core.admission import Admission
from gateway.core.caller import Caller, WayName
from tests.access.clocks import Hands

PASSED = Admission()


@pytest.fixture
def hands():
    return Hands()


def known(hands, left_s=1e9):
    found = Known(Caller(WayName("staff"), "alice", expires_at_s=hands.wall_s + left_s))
    found.until_s = hands.now_s + 60
    return found


def test_the_same_fields_pass_for_a_moment(hands):
    passes = Passes(lambda: hands.wall_s)
    note = passes.note(known(hands), PASSED, hands.now_s)
    assert passes.noted(note, hands.now_s) is PASSED
    assert passes.noted(note, hands.now_s + NOTED_S - 0.001) is PASSED

    assert passes.noted(note, hands.now_s + NOTED_S) is None


def test_not_once_the_finding_is_taken_back(hands):
    passes, found = Passes(lambda: hands.wall_s), known(hands)
    note = passes.note(found, PASSED, hands.now_s)
    found.until_s = -inf

    assert passes.noted(note, hands.now_s) is None


def test_not_once_the_caller_has_expired(hands):
    passes = Passes(lambda: hands.wall_s)
    note = passes.note(known(hands, left_s=0.1), PASSED, hands.now_s)
    hands.wall_s += 0.1

    assert passes.noted(note, hands.now_s) is None


def test_not_at_another_gate(hands):
    passes, other = Passes(lambda: hands.wall_s), Passes(lambda: hands.wall_s)
    note = passes.note(known(hands), PASSED, hands.now_s)

    assert other.noted(note, hands.now_s) is None


def test_what_is_looked_at_each_time_is_not_noted(hands):
    passes, found = Passes(lambda: hands.wall_s), known(hands)
    found.until_s = -inf

    assert passes.noted(passes.note(found, PASSED, hands.now_s), hands.now_s) is None


def test_of_a_bound_credential_nothing_is_noted(hands):
    passes = Passes(lambda: hands.wall_s)
    found = Bound(known(hands).caller, Binding(key=b"key"))
    found.until_s = hands.now_s + 60
    note = passes.note(found, PASSED, hands.now_s)

    assert note is SEEN
    assert passes.noted(note, hands.now_s) is None


def test_what_came_of_a_caller_alone_is_kept_apart(hands):
    passes, found, other = Passes(lambda: hands.wall_s), known(hands), Admission()
    passes.keep(found, PASSED, is_alone=True)
    passes.keep(found, other, is_alone=False)

    assert passes.of(found, is_alone=True) is PASSED
    assert passes.of(found, is_alone=False) is other
    assert Passes(lambda: hands.wall_s).of(found, is_alone=True) is None


def test_a_finding_keeps_so_much_and_no_more(hands):
    found = known(hands)
    for _ in range(200):
        Passes(lambda: hands.wall_s).keep(found, PASSED, is_alone=True)

    assert len(found.passes) <= 64
