from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http.recovery import (
    ACCEPTED,
    BUDGET,
    BUDGET_EVERY_S,
    KNOWN_S,
    MOST_KNOWN,
    Acceptance,
    Recovery,
    Refusal,
    RefusalMemory,
    decide,
    may_send_again,
    target_digest,
)
from tests.core.samples import token

BEST = {
    "wants_new_token": True,
    "token_is_new": False,
    "is_known": False,
    "is_promising": True,
    "is_replayable": True,
}
HERE, THERE = target_digest("GET", "/here"), target_digest("GET", "/there")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Recovery.RECOVERED),
        ({"wants_new_token": False}, Recovery.OTHER_CHALLENGE),
        ({"token_is_new": True}, Recovery.NEW_TOKEN_REJECTED),
        ({"is_known": True}, Recovery.HELD),
        ({"is_promising": False}, Recovery.HELD),
        ({"is_replayable": False}, Recovery.NOT_REPLAYABLE),
        ({"is_known": True, "token_is_new": True}, Recovery.HELD),
        ({"is_promising": False, "token_is_new": True}, Recovery.NEW_TOKEN_REJECTED),
        ({"is_known": True, "is_replayable": False}, Recovery.HELD),
        ({"token_is_new": True, "is_replayable": False}, Recovery.NEW_TOKEN_REJECTED),
        ({"wants_new_token": False, "is_known": True}, Recovery.OTHER_CHALLENGE),
    ],
)
def test_what_becomes_of_a_refusal(change, outcome):
    assert decide(Refusal(**(BEST | change))) is outcome


def test_only_one_of_all_refusals_is_replayed():
    refusals = [Refusal(*claims) for claims in product([True, False], repeat=5)]

    assert [each for each in refusals if decide(each) is Recovery.RECOVERED] == [Refusal(**BEST)]


# ── what is remembered ────────────────────────────────────────────────────────────────────────────


def test_a_useless_recovery_is_remembered_for_its_target_and_for_a_while():
    memory = RefusalMemory()
    memory.note_useless(HERE, token(2), 100.0)

    assert memory.knows(HERE, token(2), 100.0)
    assert memory.knows(HERE, token(3), 100.0 + KNOWN_S - 0.001)
    assert not memory.knows(HERE, token(2), 100.0 + KNOWN_S)
    assert not memory.knows(THERE, token(2), 100.0)


def test_an_older_token_than_the_one_that_did_not_help_is_another_matter():
    memory = RefusalMemory()
    memory.note_useless(HERE, token(2), 0.0)

    assert not memory.knows(HERE, token(1), 0.0)


def test_what_accepts_is_forgotten():
    memory = RefusalMemory()
    memory.note_useless(HERE, token(2), 0.0)
    memory.note_useless(THERE, token(2), 0.0)
    memory.forget(HERE)

    assert not memory.knows(HERE, token(2), 0.0)
    assert memory.knows(THERE, token(2), 0.0)
    assert not memory.is_empty
    memory.forget(THERE)
    assert memory.is_empty


def test_no_more_than_so_many_targets_are_remembered_and_the_oldest_go_first():
    memory = RefusalMemory()
    targets = [b"%016d" % number for number in range(MOST_KNOWN + 1)]
    for target in (*targets[:-1], targets[0], targets[-1]):
        memory.note_useless(target, token(2), 0.0)

    assert [target for target in targets if not memory.knows(target, token(2), 0.0)] == [targets[1]]


def test_the_budget_allows_a_few_useless_recoveries_then_one_at_a_time():
    memory = RefusalMemory()
    for number in range(BUDGET):
        assert memory.is_promising(token(9), 0.0)
        memory.note_useless(b"%d" % number, token(9), 0.0)

    assert not memory.is_promising(token(9), 0.0)
    assert not memory.is_promising(token(9), BUDGET_EVERY_S - 0.001)
    assert memory.is_promising(token(9), BUDGET_EVERY_S)
    memory.note_useless(b"again", token(9), BUDGET_EVERY_S)
    assert not memory.is_promising(token(9), 2 * BUDGET_EVERY_S - 0.001)


def test_many_useless_recoveries_at_once_spend_the_budget_and_no_more():
    memory = RefusalMemory()
    for number in range(1000):
        memory.note_useless(b"%d" % number, token(9), 0.0)

    assert memory.is_promising(token(9), BUDGET_EVERY_S)


def test_a_token_that_was_accepted_is_worth_a_recovery_whatever_the_budget():
    memory = RefusalMemory()
    memory.accepted = accepted = token(2)
    for number in range(BUDGET):
        memory.note_useless(b"%d" % number, accepted, 0.0)

    assert memory.is_promising(accepted, 0.0)
    assert not memory.is_promising(token(3), 0.0)


@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.binary(max_size=2)), max_size=200))
def test_the_budget_holds_over_any_stretch_of_time(steps):
    """A token that was never accepted: only the budget allows recoveries, here all of them useless."""
    memory, now_s, tried = RefusalMemory(), 0.0, 0
    for pause_s, target in steps:
        now_s += pause_s
        if memory.is_promising(token(1), now_s) and not memory.knows(target, token(1), now_s):
            tried += 1
            memory.note_useless(target, token(1), now_s)

    assert tried <= BUDGET + now_s / BUDGET_EVERY_S


def test_a_target_is_a_method_and_a_path():
    targets = [("GET", "/a"), ("POST", "/a"), ("GET", "/b"), ("GET", "/\udcff"), ("GET/", "a")]

    assert len({target_digest(*target) for target in targets}) == len(targets)
    assert {len(target_digest(*target)) for target in targets} == {16}


# ── how an upstream takes a token ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("sent_s", "expected"), [(4.0, True), (5.0, False), (6.0, False)])
def test_an_acceptance_counts_for_requests_that_were_sent_before_it(sent_s, expected):
    acceptance = Acceptance()
    acceptance.token, acceptance.at_s = token(1), 5.0

    assert acceptance.proves_alive(acceptance.token, sent_s) is expected


def test_the_acceptance_of_another_token_says_nothing():
    acceptance = Acceptance()
    assert not acceptance.proves_alive(token(1), 1.0)
    acceptance.token, acceptance.at_s = token(2), 5.0

    assert not acceptance.proves_alive(token(1), 1.0)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, True), (204, True), (299, True), (304, True), (199, False), (302, False), (400, False), (404, False), (503, False)],
)  # fmt: skip
def test_only_what_a_refused_token_would_not_get_is_an_acceptance(status, expected):
    assert (status in ACCEPTED) is expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_an_idempotent_request_may_be_sent_again(method):
    assert may_send_again(method)


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "get", "LOCK", ""])
def test_no_other_request_is_sent_again(method):
    assert not may_send_again(method)
