import json

import pytest

from gateway.core.oauth.logins.login_answer import LoginProgress, read_step
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.token_outcome import FailureKind
from gateway.core.settings.login_settings import LoginSettings, LoginStep, StatedLife, StepRequest
from gateway.core.settings.whereabouts import FromBody, FromCookie, FromField, FromJson, LifeUnit
from gateway.core.text.json_pointer import read_pointer

URL = "https://erp.example.com/login"
NOW_S = 1_700_000_000.0
TOKEN = FromJson(read_pointer("/token"))
EXPIRES = FromJson(read_pointer("/expires"))


def settings(*takes, lifetime=None, steps=1) -> LoginSettings:
    step = LoginStep(StepRequest("POST", URL), takes=takes)
    return LoginSettings((step,) * steps, lifetime)


def answer(document=None, *cookies: str, body: bytes = b"", status: int = 200, **fields: str) -> ServerAnswer:
    return ServerAnswer(status, fields, body if document is None else json.dumps(document).encode(), cookies)


def read(login: LoginSettings, given: ServerAnswer, before: LoginProgress | None = None, number: int = 0):
    return read_step(login, number, before or LoginProgress(), given, NOW_S)


def granted(login: LoginSettings, given: ServerAnswer):
    return read(login, given).progress.granted(login)


def test_what_a_step_takes_is_the_credential():
    login = settings(
        ("token", FromCookie("B1SESSION")), ("node", FromCookie("ROUTEID")), ("csrf", FromField("X-CSRF"))
    )
    given = granted(
        login, answer({}, "B1SESSION=abc; HttpOnly", "ROUTEID=.node1; path=/", **{"x-csrf": "def"})
    )

    assert given.access_token.reveal() == "abc"
    assert [(name, value.reveal()) for name, value in given.parts] == [("node", ".node1"), ("csrf", "def")]
    assert login.cookies == (("token", "B1SESSION"), ("node", "ROUTEID"))
    assert "abc" not in repr(given)


def test_a_later_step_replaces_what_an_earlier_one_took():
    login = settings(("token", FromBody()), steps=2)
    first = read(login, answer(body=b"one")).progress
    second = read(login, answer(body=b"two"), first, 1).progress

    assert second.granted(login).access_token.reveal() == "two"
    assert first.taken["token"].reveal() == "one"


def test_cookies_go_into_the_jar_whether_they_are_taken_or_not():
    progress = read(
        settings(("token", FromBody())), answer(None, "a=1", "b=2; Max-Age=0", body=b"x")
    ).progress

    assert list(progress.jar.cookies("https://erp.example.com")) == ["a"]


@pytest.mark.parametrize(
    ("lifetime", "given", "left_s"),
    [
        (None, answer({"token": "t"}), None),
        (600.0, answer({"token": "t"}), 600.0),
        (StatedLife(EXPIRES, LifeUnit.MINUTES), answer({"token": "t", "expires": 30}), 1800.0),
        (StatedLife(EXPIRES, LifeUnit.MILLISECONDS), answer({"token": "t", "expires": "90000"}), 90.0),
        (StatedLife(EXPIRES, LifeUnit.INSTANT), answer({"token": "t", "expires": NOW_S + 50}), 50.0),
        (StatedLife(EXPIRES, LifeUnit.INSTANT), answer({"token": "t", "expires": "2023-11-14T22:14:20Z"}), 60.0),
        (StatedLife(EXPIRES, LifeUnit.SECONDS), answer({"token": "t"}), None),
        (StatedLife(EXPIRES, LifeUnit.SECONDS), answer({"token": "t", "expires": "soon"}), None),
        (None, answer({"token": "a.eyJleHAiOjE3MDAwMDAwNDB9.b"}), 40.0),
        (20.0, answer({"token": "a.eyJleHAiOjE3MDAwMDAwNDB9.b"}), 20.0),
        (None, answer({"token": "a.eyJleHAiOjE3MDAwMDAwNDB9.b"}, date="Tue, 14 Nov 2023 22:13:50 GMT"), 10.0),
    ],
)  # fmt: skip
def test_the_lifetime_is_the_earliest_that_is_stated(lifetime, given, left_s):
    if "date" in given.fields:
        given = answer(json.loads(given.body), date="Tue, 14 Nov 2023 22:13:50 GMT")
    assert granted(settings(("token", TOKEN), lifetime=lifetime), given).lifetime_s == left_s


@pytest.mark.parametrize(
    ("cookie", "left_s"),
    [
        ("s=1; Max-Age=300", 300.0),
        ("s=1; Expires=Tue, 14 Nov 2023 22:14:00 GMT", 40.0),
        ("s=1; Path=/", None),
    ],
)
def test_a_session_ends_with_its_cookie(cookie, left_s):
    assert granted(settings(("token", FromCookie("s"))), answer({}, cookie)).lifetime_s == left_s


def test_what_is_missing_is_told_to_the_doctor_alone():
    reading = read(settings(("token", TOKEN)), answer({"jwt": "hunter2"}))

    assert reading.failed.kind is FailureKind.INVALID
    assert reading.failed.reason == "step 1 of the login: /token was not found"
    assert str(reading.missing) == "/token was not found: the document is an object with the members jwt"
    assert "hunter2" not in repr(reading)


@pytest.mark.parametrize("text", ["two\nlines", "tab\there", "é", "x" * 20_000])
def test_what_cannot_go_into_a_header_field_is_no_credential(text):
    reading = read(settings(("token", TOKEN)), answer({"token": text}))

    assert reading.failed.reason == "step 1 of the login: /token cannot be sent in a header field"


def test_a_refusal_names_the_step_and_asks_for_its_time():
    login = settings(("token", TOKEN), steps=2)
    reading = read(login, answer(None, body=b"hunter2", status=429, **{"retry-after": "30"}), number=1)

    assert reading.failed.kind is FailureKind.UNREACHABLE
    assert reading.failed.reason == "step 2 of the login: the server answered 429"
    assert reading.failed.retry_after_s == 30.0
    assert reading.progress == LoginProgress()
