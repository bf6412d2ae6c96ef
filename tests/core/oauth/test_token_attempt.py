"""One token request and its answer: is it to be sent again with a nonce, and does it blame the secret?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_answer import read_token_answer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt, nonce_in
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import Secret

WANTED = {"error": "use_dpop_nonce"}
DOWN = Failed(FailureKind.UNREACHABLE, "the authorization server cannot be reached")


def answered(status: int, document: object, nonce: str = "") -> ServerAnswer:
    return ServerAnswer(status, {"dpop-nonce": nonce} if nonce else {}, json.dumps(document).encode())


def attempt(answer: ServerAnswer | Failed, *, has_proof: bool = True) -> TokenAttempt:
    outcome = answer if isinstance(answer, Failed) else read_token_answer(answer, (), 0.0)
    proof = Secret("hunter2-proof") if has_proof else None
    return TokenAttempt("https://login.test/token", 0, Secret("hunter2"), proof, answer, outcome, 0.1)


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_that_is_asked_for_and_given_is_wanted(status: int):
    assert attempt(answered(status, WANTED, "n1")).wants_nonce


@pytest.mark.parametrize(
    "made",
    [
        attempt(answered(400, WANTED, "n1"), has_proof=False),
        attempt(answered(400, WANTED)),
        attempt(answered(400, WANTED, 'a"b')),
        attempt(answered(400, WANTED, "é")),
        attempt(answered(400, WANTED, "x" * 1025)),
        attempt(answered(403, WANTED, "n1")),
        attempt(answered(200, WANTED, "n1")),
        attempt(answered(500, WANTED, "n1")),
        attempt(answered(400, {"error": "invalid_dpop_proof"}, "n1")),
        attempt(answered(400, {"error": ["use_dpop_nonce"]}, "n1")),
        attempt(answered(400, [], "n1")),
        attempt(DOWN),
    ],
)
def test_no_other_answer_wants_one(made: TokenAttempt):
    assert not made.wants_nonce


def test_an_answer_that_wants_a_nonce_blames_no_secret():
    assert not attempt(answered(400, WANTED, "n1")).blames_secret
    assert not attempt(answered(401, WANTED, "n1")).blames_secret


def test_a_refused_client_blames_the_secret_and_no_answer_does_not():
    assert attempt(answered(401, {"error": "invalid_client"})).blames_secret
    assert not attempt(Failed(FailureKind.REFUSED, "it failed", "invalid_client")).blames_secret
    assert not attempt(DOWN).blames_secret


@pytest.mark.parametrize(("field", "nonce"), [("n-1", "n-1"), ("", ""), ("a b", ""), ("\u0663", "")])
def test_the_nonce_of_an_answer_is_one_that_can_be_sent_back_or_none(field: str, nonce: str):
    assert nonce_in(answered(200, {}, field)) == nonce


@given(st.integers(100, 599), st.binary(), st.text(), st.booleans())
def test_every_answer_can_be_judged(status: int, body: bytes, nonce: str, has_proof: bool):
    made = attempt(ServerAnswer(status, {"dpop-nonce": nonce}, body), has_proof=has_proof)
    assert not (made.wants_nonce and made.blames_secret)


def test_what_was_sent_and_answered_is_not_shown():
    made = attempt(ServerAnswer(400, {"x": "hunter2"}, b"hunter2"))
    assert "hunter2" not in repr(Asked((made,), made.outcome))
