"""The claims of a caller's token."""

from dataclasses import replace

import pytest

from gateway.core.access.finding import Bad
from gateway.core.access.token_claims import (
    EXPIRED,
    ID_TOKEN,
    NO_END,
    NOBODY,
    NOT_YET,
    SKEW_S,
    WRONG_AUDIENCE,
    WRONG_ISSUER,
    ClaimRules,
    caller_of,
)
from gateway.core.caller import Caller, WayName

NOW_S = 1_000_000.0
GOOD = {"iss": "https://as.test", "aud": "us", "sub": "alice", "exp": NOW_S + 60}
RULES = ClaimRules(WayName("staff"), "https://as.test", frozenset({"us", "ours"}))


def read(changes=None, rules=RULES, *, without=()):
    claims = {name: value for name, value in (GOOD | (changes or {})).items() if name not in without}
    return caller_of(claims, rules, NOW_S)


def test_good_claims_make_a_caller():
    caller = read({"scope": "a b", "tenant": "acme"})

    assert isinstance(caller, Caller)
    assert (caller.way, caller.id, caller.scope) == ("staff", "alice", {"a", "b"})
    assert caller.claims["tenant"] == "acme"
    assert caller.expires_at_s == NOW_S + 60


REFUSED = {
    "no issuer": ({}, ("iss",), WRONG_ISSUER),
    "another issuer": ({"iss": "https://as.test/"}, (), WRONG_ISSUER),
    "no audience": ({}, ("aud",), WRONG_AUDIENCE),
    "another audience": ({"aud": "them"}, (), WRONG_AUDIENCE),
    "other audiences": ({"aud": ["them", "they", 1]}, (), WRONG_AUDIENCE),
    "an audience that is no text": ({"aud": {"us": 1}}, (), WRONG_AUDIENCE),
    "no end": ({}, ("exp",), NO_END),
    "an end that is text": ({"exp": str(NOW_S + 60)}, (), NO_END),
    "an end that is true": ({"exp": True}, (), NO_END),
    "at its end": ({"exp": NOW_S}, (), EXPIRED),
    "past its end": ({"exp": NOW_S - 1}, (), EXPIRED),
    "not yet": ({"nbf": NOW_S + SKEW_S + 1}, (), NOT_YET),
    "made in the future": ({"iat": NOW_S + SKEW_S + 1}, (), NOT_YET),
    "a beginning that is text": ({"nbf": "now"}, (), NOT_YET),
    "an ID token": ({"nonce": "n"}, (), ID_TOKEN),
    "an ID token of a hybrid flow": ({"at_hash": "h"}, (), ID_TOKEN),
    "nobody": ({}, ("sub",), NOBODY),
    "an empty subject": ({"sub": ""}, (), NOBODY),
    "a subject that is no text": ({"sub": 7}, (), NOBODY),
    "a long subject": ({"sub": "a" * 257}, (), NOBODY),
    "a subject with a line break": ({"sub": "a\nb"}, (), NOBODY),
}


@pytest.mark.parametrize(("changes", "without", "found"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_so_is_refused(changes, without, found):
    assert read(changes, without=without) is found


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["them", "ours"]},
        {"nbf": NOW_S + SKEW_S},
        {"iat": NOW_S + SKEW_S},
        {"exp": NOW_S + 0.1},
        {"nbf": NOW_S - 1, "iat": NOW_S - 1},
    ],
)
def test_what_is_just_so_is_not(changes):
    assert isinstance(read(changes), Caller)


def test_a_client_speaks_for_itself():
    assert read({"client_id": "app"}, without=("sub",)).id == "app"


@pytest.mark.parametrize("subject", ["", 7, "a" * 257, "a\nb", ["a"]])
def test_a_subject_that_cannot_be_used_makes_nobody_the_client(subject):
    """Names may be chosen by whoever signs up, and the client may be allowed more."""
    assert read({"sub": subject, "client_id": "app"}) is NOBODY
    assert read({"sub": None, "client_id": "app"}).id == "app"


def test_a_claim_of_choice_names_the_caller_and_no_other_does():
    rules = replace(RULES, id_claim="email")

    assert read({"email": "a@b.test"}, rules).id == "a@b.test"
    assert read({}, rules) is NOBODY


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({"scope": "a b"}, {"a", "b"}),
        ({"scope": ["a", "b", 1]}, {"a", "b"}),
        ({"scp": "a"}, {"a"}),
        ({"scp": ["a"]}, {"a"}),
        ({"scope": 7, "scp": "a"}, {"a"}),
        ({}, set()),
    ],
)
def test_the_scope_is_where_servers_put_it(changes, scope):
    assert read(changes).scope == scope


def test_an_introspection_response_may_have_no_end():
    rules = replace(RULES, issuer=None, audience=frozenset(), needs_end=False)

    assert isinstance(read(without=("exp", "iss", "aud"), rules=rules), Caller)
    assert isinstance(read({"exp": "soon"}, rules), Bad)
