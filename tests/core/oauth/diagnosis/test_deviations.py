"""What `gateway token` says about the authorization server: RFC 6749 sections 5.1 and 5.2."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.diagnosis.deviations import ADVICE, advice_on, find_deviations
from gateway.core.oauth.token_answer import PROOF_CODES, REGISTERED_CODES, ServerAnswer
from gateway.core.settings.client_settings import AuthMethod, ClientName, Grant
from gateway.core.settings.signing_settings import DpopSettings

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
        ({"token_type": "bearer"}, "`token_type` is not spelled Bearer"),
        ({"token_type": "mac"}, "`token_type` is not Bearer"),
        ({"token_type": None}, "`token_type` is missing"),
        ({"access_token": None}, "`access_token` is missing"),
        ({"expires_in": None}, "`expires_in` is missing"),
        ({"expires_in": "3600"}, "`expires_in` is a string"),
        ({"expires_in": "soon"}, "`expires_in` is not a number"),
        ({"expires_in": 0}, "`expires_in` is not a plausible duration"),
        ({"expires_in": 1_700_000_000}, "`expires_in` is not a plausible duration"),
        ({"refresh_token": "r"}, "a `refresh_token` is included"),
        ({"scope": "a"}, "the server granted less than requested: b missing"),
        ({"scope": ["a", "b"]}, "`scope` is not a string"),
        ({"error": "invalid_scope"}, "an error with status 200"),
    ],
)
def test_each_deviation_in_a_document_is_found_alone(members: dict[str, object], what: str):
    assert found(GOOD | members) == [what]


def test_a_form_is_a_deviation_and_its_members_are_looked_at():
    form = "application/x-www-form-urlencoded"
    token = b"access_token=t&token_type=Bearer&expires_in=3600&refresh_token=r"
    assert found(token, content_type=form) == [
        "`expires_in` is a string",
        "a `refresh_token` is included",
        "the response is form-encoded",
    ]
    assert found(b"error=invalid_scope", 200, content_type=form) == ["an error with status 200"]
    assert found(b"<html>", content_type=form) == [f"the body is not a JSON object (content type: {form!r})"]


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
        (
            {"error": "invalid_client"},
            400,
            "invalid_client with status 400, although a Basic header was sent",
        ),
        ({"error": "invalid_client"}, 401, "401 without WWW-Authenticate"),
        ({"error": "invalid_scope"}, 403, "an error with status 403"),
        ({"error": "E-4711"}, 400, "`error` is not a registered code (section 5.2)"),
        ({"message": "no"}, 400, "status 400 without an error code"),
        (b"", 302, "a redirect"),
        (b"<html>", 200, "the body is not a JSON object (content type: 'application/json')"),
        (GOOD, 201, "a token with status 201"),
    ],
)
def test_each_deviation_in_status_and_error_is_found_alone(document: object, status: int, what: str):
    assert found(document, status) == [what]


DPOP = replace(BASIC, dpop=DpopSettings())


@pytest.mark.parametrize(
    ("stated", "what"),
    [
        ("DPoP", []),
        ("dpop", ["`token_type` is not spelled DPoP"]),
        ("Bearer", ["`token_type` is not DPoP"]),
        ("mac", ["`token_type` is not DPoP"]),
        (None, ["`token_type` is missing"]),
    ],
)
def test_where_a_bound_token_was_asked_for_its_type_is_dpop(stated: object, what: list[str]):
    assert found(GOOD | {"token_type": stated}, grant=DPOP) == what


def test_a_compressed_answer_is_named_before_its_content():
    packed = ["the response uses a compression that the gateway cannot decode"]
    assert found(b"\x1f\x8b", content_encoding="br") == packed
    assert found(GOOD, content_encoding="gzip") == ["the response is compressed"]
    assert found(b"\x1f\x8b", content_encoding="identity", content_type="") == [
        "the body is not a JSON object (content type: 'no content type')"
    ]


def test_a_server_that_is_unwell_deviates_in_nothing():
    assert found(b"<html>", 503) == []


# ── advice ────────────────────────────────────────────────────────────────────────────────────────


def test_advice_is_given_for_registered_codes_only():
    assert ADVICE.keys() <= REGISTERED_CODES


def test_every_code_but_the_passing_ones_has_advice():
    assert REGISTERED_CODES - ADVICE.keys() == {"server_error", "temporarily_unavailable"}


@pytest.mark.parametrize("method", AuthMethod)
@pytest.mark.parametrize("code", ["unauthorized_client", "access_denied", "invalid_client", ""])
def test_under_401_the_advice_is_about_what_proves_who_we_are(method: AuthMethod, code: str):
    assert advice_on(code, method, 401) == advice_on("invalid_client", method)


@pytest.mark.parametrize("code", sorted(PROOF_CODES))
def test_a_refused_proof_of_possession_is_no_refused_secret(code: str):
    assert advice_on(code, AuthMethod.CLIENT_SECRET_BASIC, 401) == ADVICE[code]


@pytest.mark.parametrize(
    ("method", "word"),
    [
        (AuthMethod.CLIENT_SECRET_BASIC, "client_secret"),
        (AuthMethod.CLIENT_SECRET_POST, "client_secret"),
        (AuthMethod.CLIENT_SECRET_JWT, "token_endpoint_auth_signing_alg"),
        (AuthMethod.PRIVATE_KEY_JWT, "public key"),
        (AuthMethod.CLIENT_ASSERTION, "audience of the assertion"),
        (AuthMethod.TLS_CLIENT_AUTH, "certificate"),
        (AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, "certificate"),
        (AuthMethod.NONE, "token_endpoint_auth_method"),
    ],
)
def test_the_advice_to_a_refused_client_is_about_its_method(method: AuthMethod, word: str):
    assert word in advice_on("invalid_client", method, 400)


@pytest.mark.parametrize(("status", "code"), [(400, ""), (403, ""), (None, ""), (400, "server_error")])
def test_there_is_no_advice_where_nothing_is_known(status: int | None, code: str):
    assert advice_on(code, AuthMethod.CLIENT_SECRET_BASIC, status) == ""


@pytest.mark.parametrize("status", [None, 200, 400, 403])
def test_elsewhere_the_code_decides(status: int | None):
    assert advice_on("invalid_scope", AuthMethod.NONE, status) == ADVICE["invalid_scope"]


@given(st.integers(100, 599), st.binary(), st.text())
def test_every_answer_can_be_judged(status: int, body: bytes, field: str):
    answer = ServerAnswer(status, dict.fromkeys(["content-type", "content-encoding"], field), body)
    assert all(deviation.hint for deviation in find_deviations(answer, BASIC))


@pytest.mark.parametrize(
    "method",
    [
        AuthMethod.CLIENT_SECRET_BASIC,
        AuthMethod.CLIENT_SECRET_POST,
        AuthMethod.CLIENT_SECRET_JWT,
        AuthMethod.PRIVATE_KEY_JWT,
    ],
)
def test_what_was_tried_in_vain_is_not_advised_again(method: AuthMethod):
    advice = advice_on("invalid_client", method, 401, has_tried=True)
    assert advice.endswith("every setting that was tried was refused")
    for word in ("legacy_unencoded", "client_secret_post", "assertion_audience"):
        assert word not in advice


def test_other_advice_does_not_depend_on_trials():
    assert (
        advice_on("invalid_scope", AuthMethod.CLIENT_SECRET_BASIC, 400, has_tried=True)
        == ADVICE["invalid_scope"]
    )
