from itertools import product

import pytest

from gateway.core.record import Recovery
from gateway.core.recovery import Refusal, decide, may_send_again

BEST = {"wants_new_token": True, "token_is_new": False, "is_held": False, "is_replayable": True}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Recovery.RECOVERED),
        ({"wants_new_token": False}, Recovery.OTHER_CHALLENGE),
        ({"token_is_new": True}, Recovery.NEW_TOKEN_REJECTED),
        ({"is_held": True}, Recovery.HELD),
        ({"is_replayable": False}, Recovery.NOT_REPLAYABLE),
        ({"is_held": True, "token_is_new": True}, Recovery.HELD),
        ({"is_held": True, "is_replayable": False}, Recovery.HELD),
        ({"token_is_new": True, "is_replayable": False}, Recovery.NEW_TOKEN_REJECTED),
        ({"wants_new_token": False, "is_held": True}, Recovery.OTHER_CHALLENGE),
    ],
)
def test_what_becomes_of_a_refusal(change, outcome):
    assert decide(Refusal(**(BEST | change))) is outcome


def test_only_one_of_all_refusals_is_replayed():
    refusals = [Refusal(*claims) for claims in product([True, False], repeat=4)]

    assert [each for each in refusals if decide(each) is Recovery.RECOVERED] == [Refusal(**BEST)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_an_idempotent_request_may_be_sent_again(method):
    assert may_send_again(method, was_sent=True)


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "get", "LOCK", ""])
def test_any_other_request_may_be_sent_again_only_if_it_was_not_sent(method):
    assert not may_send_again(method, was_sent=True)
    assert may_send_again(method, was_sent=False)
