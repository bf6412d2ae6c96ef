"""What a caller sees that is turned away: status, code, challenges (RFC 6750 section 3)."""

import pytest

from gateway.core.access.finding import Fault
from gateway.core.access.outcome import Reason, Refused
from gateway.core.access.refusal import BASIC, BEARER, api_key_challenge, refusal_error
from gateway.core.caller import WayName

STAFF, OTHERS, PARTNER, OPS = map(WayName, ("staff", "others", "partner", "ops"))
KEY = api_key_challenge("X-API-Key")
CHALLENGES = {STAFF: BEARER, OTHERS: BEARER, PARTNER: KEY, OPS: BASIC}
ROWS = {
    Reason.MISSING: (401, "credential_missing"),
    Reason.INVALID: (401, "credential_invalid"),
    Reason.SCOPE: (403, "scope_insufficient"),
    Reason.CONDITION: (403, "caller_not_allowed"),
    Reason.TIME: (403, "caller_not_allowed"),
    Reason.PLACE: (403, "caller_not_allowed"),
    Reason.SLOWED: (429, "too_many_failures"),
    Reason.UNSURE: (503, "caller_unverifiable"),
}


def challenges(refused):
    return [value for _, value in refusal_error(refused, CHALLENGES).fields]


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_its_status(reason):
    error = refusal_error(Refused(reason, "why"), CHALLENGES)

    assert (error.status, error.code) == ROWS[reason]
    assert error.detail == "why"
    assert bool(error.fields) == (reason in {Reason.MISSING, Reason.INVALID, Reason.SCOPE})


def test_each_kind_of_credential_is_asked_for_once():
    assert challenges(Refused(Reason.MISSING, "")) == [BEARER, KEY, BASIC]


def test_a_bad_token_is_named_as_such():
    asked = challenges(Refused(Reason.INVALID, "", way=OTHERS))

    assert asked == [f'{BEARER}, error="invalid_token"', KEY, BASIC]


def test_a_bad_key_says_nothing_of_tokens():
    assert challenges(Refused(Reason.INVALID, "", way=PARTNER)) == [BEARER, KEY, BASIC]


def test_what_is_not_enough_says_what_is():
    asked = challenges(Refused(Reason.SCOPE, "", scope=("a", "b")))

    assert asked == [f'{BEARER}, error="insufficient_scope", scope="a b"']


def test_an_outage_says_when_to_come_back_and_whose_fault_it_is():
    theirs = refusal_error(Refused(Reason.UNSURE, "", retry_after_s=3), CHALLENGES)
    ours = refusal_error(Refused(Reason.UNSURE, "", retry_after_s=3, fault=Fault.FILE), CHALLENGES)
    load = refusal_error(Refused(Reason.UNSURE, "", retry_after_s=3, fault=Fault.LOAD), CHALLENGES)

    assert (theirs.retry_after_s, theirs.side.value) == (3, "authorization server")
    assert (ours.status, ours.code, ours.side.value) == (503, "caller_file_unusable", "gateway")
    assert (load.status, load.code, load.side.value) == (503, "too_many_new_callers", "gateway")
    assert load.retry_after_s == 3
