"""What the doctor hears of an OAuth grant: what was sent, what is hidden, what is advised."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.core.oauth.diagnosis.alternatives import alternatives
from gateway.core.oauth.diagnosis.grant_witness import GrantWitness
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.shaped_answer import read_answer
from gateway.core.oauth.token_attempt import Asked, TokenAttempt
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.secret import MASK, Secret
from gateway.core.settings.client_settings import AuthMethod, ClientSettings, Grant, Referenced, Section
from gateway.core.settings.shape_settings import AnswerShape, OwnField, RequestMethod, RequestShape
from gateway.core.settings.whereabouts import FromCookie, FromJson
from gateway.core.text.json_pointer import read_pointer
from tests.core.samples import GRANT

POST = replace(GRANT, method=AuthMethod.CLIENT_SECRET_POST)


def asked(grant: Grant, document: object, *cookies: str) -> tuple[GrantWitness, Asked]:
    answer = ServerAnswer(200, {}, json.dumps(document).encode(), cookies)
    outcome = read_answer(grant, answer, 0.0).outcome
    attempt = TokenAttempt("https://a.test/t", 0, Secret("the-proof"), None, answer, outcome, 0.1)
    return GrantWitness(ClientSettings(grant, ())), Asked((attempt,), outcome)


def hidden(grant: Grant, document: object, *cookies: str) -> set[str]:
    witness, attempts = asked(grant, document, *cookies)
    return {each.reveal() for each in witness.hidden(attempts)}


def test_what_was_sent_stands_under_the_names_that_it_had():
    shape = RequestShape(
        RequestMethod.GET,
        query=(("v", "2"),),
        names=((OwnField.CLIENT_SECRET, "pin"),),
        omitted=frozenset({OwnField.GRANT_TYPE}),
    )
    grant = replace(POST, request=shape, headers=(("X-A", "b"),), parameters=(("p", "q"),))
    witness, attempts = asked(grant, {})
    assert list(witness.sent(attempts.attempts[0])) == [
        ("X-A", MASK),
        ("v", MASK),
        ("client_id", "mobile_android"),
        ("pin", MASK),
        ("p", MASK),
    ]


def test_tokens_cookies_and_parts_are_hidden_wherever_they_were():
    shape = AnswerShape(FromJson(read_pointer("/d/t")), takes=(("sid", FromCookie("SID")),))
    document = {"d": {"t": "the-token"}, "id_token": "the-id"}
    found = hidden(replace(POST, answer=shape), document, "SID=the-sid", "other=a-cookie")
    assert {"the-token", "the-id", "the-sid", "a-cookie", "the-proof"} <= found


def test_a_short_value_that_comes_from_a_reference_is_hidden_all_the_same():
    """A password of five characters; a short text in the file itself is hardly one."""
    client = ClientSettings(
        POST, (), referenced=(Referenced(Section.QUERY, "k", "12345", lambda: Secret("12345")),)
    )
    unreached = Failed(FailureKind.UNREACHABLE, "it cannot be reached")
    assert Secret("12345") in list(GrantWitness(client).hidden(Asked((), unreached)))


@pytest.mark.parametrize(
    ("grant", "document", "is_told"),
    [
        (GRANT, {"token": "t"}, True),
        (GRANT, {"access_token": 7}, False),
        (GRANT, {"access_token": "a b"}, False),
        (GRANT, {"error": "invalid_request"}, False),
        (replace(GRANT, answer=AnswerShape()), {"token": "t"}, True),
        (replace(GRANT, answer=AnswerShape(FromJson(read_pointer("/x")))), {"token": "t"}, False),
    ],
)
def test_where_the_token_may_be_elsewhere_answer_is_advised(grant: Grant, document: object, is_told: bool):
    witness, attempts = asked(grant, document)
    answer = attempts.attempts[0].answer
    assert isinstance(attempts.outcome, Failed)
    assert isinstance(answer, ServerAnswer)
    assert ("answer: {token:" in witness.advice(attempts.outcome, answer, has_tried=False)) == is_told


def test_deviations_from_the_rfc_are_none_of_a_shape_of_its_own():
    shape = AnswerShape(FromJson(read_pointer("/t")))
    witness, attempts = asked(replace(GRANT, answer=shape), {"t": "t"})
    answer = attempts.attempts[0].answer
    assert isinstance(answer, ServerAnswer)
    assert witness.deviations(answer) == ()
    assert GrantWitness(ClientSettings(GRANT, ())).deviations(answer) != ()


def test_nothing_else_is_tried_where_the_owner_shaped_the_request():
    shaped = replace(GRANT, request=RequestShape(RequestMethod.GET))
    assert alternatives(shaped, Secret("s"), "https://a.test/t") == ()
    assert alternatives(GRANT, Secret("s"), "https://a.test/t") != ()
