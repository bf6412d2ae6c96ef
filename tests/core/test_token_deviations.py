"""What `gateway token` says about the authorization server: RFC 6749 sections 5.1 and 5.2."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.settings import AuthMethod, ClientName, Grant
from gateway.core.token_answer import REGISTERED_CODES, ServerAnswer
from gateway.core.token_deviations import ADVICE, find_deviations

BASIC = Grant(ClientName("crm"), "http://a/", "id", AuthMethod.CLIENT_SECRET_BASIC, scope=("a", "b"))
POST = Grant(ClientName("crm"), "http://a/", "id", AuthMethod.CLIENT_SECRET_POST)
GOOD = {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}
FIELDS = {"content-type": "application/json;charset=UTF-8", "cache-control": "no-cache, No-Store"}
CHALLENGE = {"www-authenticate": "Basic"}


def found(document: object, status: int = 200, grant: Grant = BASIC, **fields: str) -> list[str]:
    named = FIELDS | {name.replace("_", "-"): value for name, value in fields.items()}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [deviation.what for deviation in find_deviations(ServerAnswer(status, named, body), grant)]


def test_a_server_by_the_book_has_no_deviation():
    assert found(GOOD) == []
    assert found({"error": "invalid_client"}, 401, www_authenticate="Basic") == []
    assert found({"error": "invalid_client"}, 400, POST) == []
    assert found({"error": "invalid_scope"}, 400) == []
    assert found({"error": "temporarily_unavailable"}, 503) == []


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"token_type": "bearer"}, "`token_type` is spelled otherwise than Bearer"),
        ({"token_type": "mac"}, "`token_type` is not Bearer"),
        ({"token_type": None}, "`token_type` is missing"),
        ({"access_token": None}, "`access_token` is missing"),
        ({"expires_in": None}, "`expires_in` is missing"),
        ({"expires_in": "3600"}, "`expires_in` is a string"),
        ({"expires_in": "soon"}, "`expires_in` is no number"),
        ({"expires_in": 0}, "`expires_in` is no duration that can be meant"),
        ({"expires_in": 1_700_000_000}, "`expires_in` is no duration that can be meant"),
        ({"refresh_token": "r"}, "a `refresh_token` is given"),
        ({"scope": "a"}, "less is granted than was asked: without b"),
        ({"scope": ["a", "b"]}, "`scope` is no string"),
        ({"error": "invalid_scope"}, "an error under status 200"),
    ],
)
def test_each_deviation_in_a_document_is_found_alone(members: dict[str, object], what: str):
    assert found(GOOD | members) == [what]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"cache_control": ""}, "`Cache-Control: no-store` is missing"),
        ({"content_type": "text/plain"}, "the content type is not application/json"),
    ],
)
def test_each_deviation_in_the_header_is_found_alone(fields: dict[str, str], what: str):
    assert found(GOOD, **fields) == [what]


@pytest.mark.parametrize(
    ("document", "status", "what"),
    [
        ({"error": "invalid_client"}, 400, "invalid_client under status 400 though a Basic header was sent"),
        ({"error": "invalid_client"}, 401, "401 without WWW-Authenticate"),
        ({"error": "invalid_scope"}, 403, "an error under status 403"),
        ({"error": "E-4711"}, 400, "`error` is no registered code (section 5.2)"),
        ({"message": "no"}, 400, "status 400 without an error code"),
        (b"", 302, "it redirects"),
        (b"<html>", 200, "the body is no JSON object (it says 'application/json')"),
        (GOOD, 201, "a token under status 201"),
    ],
)
def test_each_deviation_in_status_and_error_is_found_alone(document: object, status: int, what: str):
    assert found(document, status) == [what]


def test_advice_is_given_for_registered_codes_only():
    assert ADVICE.keys() <= REGISTERED_CODES


@given(st.integers(100, 599), st.binary(), st.text())
def test_every_answer_can_be_judged(status: int, body: bytes, field: str):
    answer = ServerAnswer(status, dict.fromkeys(["content-type", "content-encoding"], field), body)
    assert all(deviation.hint for deviation in find_deviations(answer, BASIC))
