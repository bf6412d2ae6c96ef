import json
from base64 import b64decode
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.logins.login_request import LoginTexts, Unplaceable, build_step
from gateway.core.secret import Secret
from gateway.core.settings.login_settings import (
    BasicLogin,
    FormBody,
    JsonConstant,
    JsonItems,
    JsonMembers,
    LoginText,
    SecretText,
    StepRequest,
    TakenText,
)

URL = "https://erp.example.com/login"
TAKEN = LoginText((TakenText("csrf"),))
PASSWORD = LoginText((SecretText(0),))


def texts(taken: str = "c", secret: str = "pass word") -> LoginTexts:
    return LoginTexts(lambda number: Secret(f"{secret}{number or ''}"), {"csrf": Secret(taken)})


def built(request: StepRequest, taken: str = "c", secret: str = "pass word", cookies: str = ""):
    return build_step(request, texts(taken, secret), cookies)


def test_a_step_without_a_body_says_nothing_of_one():
    message = built(StepRequest("GET", URL))

    assert (message.method, message.url, message.body) == ("GET", URL, None)
    assert message.headers == {"Accept": "*/*", "Accept-Encoding": "identity"}


def test_a_form_is_percent_encoded():
    message = built(
        StepRequest("POST", URL, body=FormBody((("user", LoginText(("Zoë &",))), ("p=", PASSWORD))))
    )

    assert message.body == b"user=Zo%C3%AB%20%26&p%3D=pass%20word"
    assert message.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_json_keeps_its_types_and_order():
    body = JsonMembers(
        (
            ("UserName", LoginText(('a"b',))),
            ("Language", JsonConstant("23")),
            ("on", JsonConstant("true")),
            ("list", JsonItems((PASSWORD, JsonMembers(())))),
        )
    )
    message = built(StepRequest("POST", URL, body=body))

    assert message.headers["Content-Type"] == "application/json"
    assert message.body == b'{"UserName": "a\\"b", "Language": 23, "on": true, "list": ["pass word", {}]}'


def test_a_basic_header_is_utf_8_in_base64():
    message = built(StepRequest("POST", URL, basic=BasicLogin(LoginText(("Zoë",)), PASSWORD)))

    assert b64decode(message.headers["Authorization"].removeprefix("Basic ")).decode() == "Zoë:pass word"


def test_a_user_with_a_colon_cannot_be_sent_in_a_basic_header():
    with pytest.raises(Unplaceable, match="colon"):
        built(StepRequest("POST", URL, basic=BasicLogin(LoginText(("a:b",)), PASSWORD)))


def test_the_owners_fields_replace_ours():
    fields = (("content-type", LoginText(("application/vnd.api+json",))), ("X-CSRF-Token", TAKEN))
    message = built(StepRequest("POST", URL, fields, body=PASSWORD), taken="abc")

    assert message.headers == {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "content-type": "application/vnd.api+json",
        "X-CSRF-Token": "abc",
    }


def test_texts_are_put_together_of_plain_ones_secrets_and_what_was_taken():
    text = LoginText(("Token ", TakenText("csrf"), "/", SecretText(1)))
    message = built(StepRequest("GET", URL, (("X-A", text),)), taken="abc", cookies="a=1; b=2")

    assert message.headers["X-A"] == "Token abc/pass word1"
    assert message.headers["Cookie"] == "a=1; b=2"


@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\nb", "a\0", " a", "a ", "日"])
def test_what_a_step_gave_cannot_end_a_header_field(value):
    with pytest.raises(Unplaceable) as refusal:
        built(StepRequest("GET", URL, (("X-CSRF-Token", TAKEN),)), taken=value)

    assert str(refusal.value) == "the value of the header field X-CSRF-Token cannot be sent in one"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_value_becomes_syntax(value):
    request = StepRequest("POST", URL, body=FormBody((("a", LoginText(("x",))), ("b", TAKEN))))
    form = built(request, taken=value).body.decode()
    document = built(StepRequest("POST", URL, body=JsonMembers((("b", TAKEN),))), taken=value).body

    assert parse_qsl(form, keep_blank_values=True) == [("a", "x"), ("b", value)]
    assert json.loads(document) == {"b": value}


def test_a_request_is_never_shown_with_its_values():
    request = StepRequest("POST", URL, (("X-A", LoginText(("hunter2",))),), body=FormBody((("a", TAKEN),)))

    assert "hunter2" not in f"{request!r}{built(request, taken='hunter2')!r}{texts('hunter2')!r}"
    assert len(list(request.texts())) == 2
