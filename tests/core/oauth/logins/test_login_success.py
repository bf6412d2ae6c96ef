import json

import pytest

from gateway.core.oauth.logins.login_success import leads_to, objection_to
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import FailureKind
from gateway.core.settings.login_settings import LoginSuccess
from gateway.core.text.json_condition import ANYTHING, JsonCondition
from gateway.core.text.json_pointer import read_pointer

REDIRECT = LoginSuccess(frozenset({302}), location="/home")
ERRCODE = LoginSuccess(json=(JsonCondition(read_pointer("/errcode"), (0,)),))


def answer(status: int, body: bytes = b"", **fields: str) -> ServerAnswer:
    return ServerAnswer(status, {name.replace("_", "-"): value for name, value in fields.items()}, body)


@pytest.mark.parametrize(
    ("success", "given"),
    [
        (LoginSuccess(), answer(200)),
        (LoginSuccess(), answer(204)),
        (LoginSuccess(frozenset({302, 303})), answer(303)),
        (LoginSuccess(frozenset({500})), answer(500)),
        (REDIRECT, answer(302, location="https://erp.example.com/home?a=1")),
        (
            LoginSuccess(content_type="application/json"),
            answer(200, content_type="Application/JSON; charset=x"),
        ),
        (LoginSuccess(fields=(("X-Login", "ok"),)), answer(200, x_login="ok")),
        (ERRCODE, answer(200, b'{"errcode": 0}')),
        (LoginSuccess(json=(JsonCondition(read_pointer("/id"), ANYTHING),)), answer(200, b'{"id": 3}')),
    ],
)
def test_success(success, given):
    assert objection_to(success, given) == (None, "")


@pytest.mark.parametrize(
    ("success", "given", "kind", "objection"),
    [
        (LoginSuccess(), answer(302), FailureKind.REFUSED, "answered 302"),
        (LoginSuccess(), answer(401), FailureKind.REFUSED, "answered 401"),
        (LoginSuccess(), answer(422), FailureKind.REFUSED, "answered 422"),
        (LoginSuccess(), answer(404), FailureKind.INVALID, "answered 404"),
        (LoginSuccess(), answer(429), FailureKind.UNREACHABLE, "answered 429"),
        (LoginSuccess(), answer(503), FailureKind.UNREACHABLE, "answered 503"),
        (REDIRECT, answer(200), FailureKind.REFUSED, "answered 200"),
        (REDIRECT, answer(302, location="/login"), FailureKind.REFUSED, "answered 302, but the redirect leads elsewhere"),
        (REDIRECT, answer(302), FailureKind.REFUSED, "answered 302, but the redirect leads elsewhere"),
        (
            LoginSuccess(content_type="application/json"),
            answer(200, content_type="text/html"),
            FailureKind.REFUSED,
            "answered 200, but the content type is not application/json",
        ),
        (
            LoginSuccess(fields=(("X-Login", "ok"),)),
            answer(200),
            FailureKind.REFUSED,
            "answered 200, but the header field X-Login is not as expected",
        ),
        (ERRCODE, answer(200, b'{"errcode": 7}'), FailureKind.REFUSED, "answered 200, but /errcode is not as expected"),
        (ERRCODE, answer(200, b"<html>"), FailureKind.REFUSED, "answered 200, but the body is not JSON"),
    ],
)  # fmt: skip
def test_no_success(success, given, kind, objection):
    assert objection_to(success, given) == (kind, objection)


def test_no_objection_contains_what_the_server_wrote():
    given = answer(200, json.dumps({"errcode": "hunter2"}).encode(), location="/hunter2", x="hunter2")
    success = LoginSuccess(None, "", "/home", (("X", "1"),), ERRCODE.json)

    assert "hunter2" not in objection_to(success, given)[1]


@pytest.mark.parametrize(
    ("path", "location", "is_there"),
    [
        ("/", "/", True),
        ("/", "https://erp.example.com", True),
        ("/", "/login?error", False),
        ("/login", "https://erp.example.com/login?next=/", True),
        ("/login", "/login/", True),
        ("/login", "login/2", True),
        ("/login", "/logins", False),
        ("/login/", "/login/2", True),
        ("/login*", "/login/step2#a", True),
        ("/login*", "/logout", False),
        ("/", "", False),
        ("/", "http://[", False),
    ],
)
def test_where_a_redirect_leads(path, location, is_there):
    assert leads_to(path, location) is is_there
