"""What servers say went wrong, in the shapes that their products answer with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doctor.error_text import MOST_TEXTS, error_text


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"error": "invalid_client", "error_description": "No such client."}, "No such client."),
        # Okta: a custom and the organisation's own authorization server
        (
            {
                "errorCode": "invalid_client",
                "errorSummary": "Invalid value for 'client_id'.",
                "errorCauses": [],
            },
            "Invalid value for 'client_id'.",
        ),
        (
            {"errorSummary": "Api validation failed", "errorCauses": [{"errorSummary": "scope: unknown"}]},
            "Api validation failed; scope: unknown",
        ),
        # Apigee
        (
            {"fault": {"faultstring": "Invalid client", "detail": {"errorcode": "oauth.v2.InvalidClient"}}},
            "Invalid client",
        ),
        # Google
        (
            {"error": {"code": 400, "message": "Request is bad", "status": "INVALID_ARGUMENT"}},
            "Request is bad",
        ),
        # Spring Boot, with and without a message
        (
            {
                "timestamp": 1,
                "status": 401,
                "error": "Unauthorized",
                "message": "Bad credentials",
                "path": "/t",
            },
            "Bad credentials",
        ),
        ({"timestamp": 1, "status": 404, "error": "Not Found", "message": "", "path": "/t"}, "Not Found"),
        # AWS, ASP.NET
        ({"Message": "User is not authorized"}, "User is not authorized"),
        ({"__type": "NotAuthorizedException", "message": "Bad secret"}, "Bad secret"),
        # RFC 9457, FastAPI, Django
        ({"type": "about:blank", "title": "Forbidden", "detail": "No access"}, "Forbidden; No access"),
        ({"detail": "Not authenticated"}, "Not authenticated"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        # JSON:API, SCIM, WSO2, Kong and others
        ({"errors": [{"message": "first"}, {"message": "second"}]}, "first; second"),
        (
            {"errors": [{"status": "401", "title": "Unauthorized", "detail": "Bad key"}]},
            "Unauthorized; Bad key",
        ),
        ({"errors": ["first", "second"]}, "first; second"),
        ({"errors": {"client_id": ["is unknown"]}}, ""),
        ({"fault": {"code": 900901, "message": "Invalid", "description": "Expired"}}, "Invalid; Expired"),
        ({"error": {"message": "x", "errors": [{"message": "x", "reason": "authError"}]}}, "x; authError"),
        ({"error": ["invalid", "really"]}, "invalid; really"),
        ({"error-message": "a", "Error_Message": "b"}, "a; b"),
        ({"response": {"error": {"details": "deep"}}}, "deep"),
        ({"error_description": ["one", "two"]}, ""),
        ({"error": "hunter2"}, "hunter2"),
        ({"error": "invalid_client"}, ""),
        ({"error": "invalid_client", "message": None, "detail": 7}, ""),
        ({"message": "  "}, ""),
        ({}, ""),
    ],
)
def test_what_is_said_is_found(document: dict[str, object], expected: str):
    assert error_text(document) == expected


def test_a_text_is_said_once_and_only_a_few_are():
    document = {"errors": [{"message": text} for text in "aabbccdd"]}
    assert error_text(document).split("; ") == ["a", "b", "c"][:MOST_TEXTS]


def test_a_token_is_no_message():
    assert error_text({"access_token": "hunter2", "token_type": "x", "refresh_token": "hunter2"}) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "x"]), inner),
)


def test_what_is_nested_beyond_reason_is_not_looked_into():
    assert error_text({"error": json.loads('{"error":' * 500 + '{"message":"x"}' + "}" * 500)}) == ""
    assert error_text({"errors": [{"errors": [{"message": "x"}] * 1000}] * 1000}) == "x"


@given(st.dictionaries(st.text(), JSON))
def test_every_object_yields_a_text(document: dict[str, object]):
    assert isinstance(error_text(document), str)
