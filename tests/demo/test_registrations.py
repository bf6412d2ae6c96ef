from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.secret import Secret
from gateway.demo.registrations import Denial, Registration, authenticated, parse_form

FORM = "application/x-www-form-urlencoded"
KNOWN = {"my:client": Registration("my:client", Secret("p@ss+w%rd é"))}
BASIC = "Basic bXklM0FjbGllbnQ6cCU0MHNzJTJCdyUyNXJkJTIwJUMzJUE5"
"""The vector of peers.md: RFC 6749 section 2.3.1 with a colon, a plus, a percent sign, a space and an accent."""

TEXT = st.text(st.characters(codec="utf-8"), min_size=1)


def refused(call, *arguments):
    with pytest.raises(Denial) as refusal:
        call(*arguments)
    return refusal.value.code, refusal.value.status


def basic(text):
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (BASIC, {}),
        (BASIC.replace("Basic", "bAsIc"), {}),
        (BASIC, {"client_id": "my:client"}),
        (None, {"client_id": "my:client", "client_secret": "p@ss+w%rd é"}),
    ],
)
def test_a_client_authenticates_by_basic_or_in_the_body(authorization, form):
    assert KNOWN["my:client"] is authenticated(authorization, form, KNOWN)


@pytest.mark.parametrize("encode", [quote_plus, lambda text: quote(text, safe="")])
@given(client_id=TEXT, secret=TEXT)
def test_any_id_and_secret_survive_basic_when_form_encoded(encode, client_id, secret):
    known = {client_id: Registration(client_id, Secret(secret))}

    assert known[client_id] is authenticated(basic(f"{encode(client_id)}:{encode(secret)}"), {}, known)


@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (None, {}),
        (None, {"client_id": "my:client"}),
        (None, {"client_secret": "p@ss+w%rd é"}),
        (None, {"client_id": "my:client", "client_secret": "wrong"}),
        (None, {"client_id": "nobody", "client_secret": "p@ss+w%rd é"}),
        (None, {"client_id": "nobody", "client_secret": ""}),
        (basic("my%3Aclient:wrong"), {}),
        (basic("my%3Aclient"), {}),
        ("Basic !!!", {}),
        ("Basic /w==", {}),
        (basic("my%3Aclient:%ff"), {}),
        ("Basic", {}),
        ("Bearer abc", {}),
    ],
)
def test_anything_else_is_an_invalid_client(authorization, form):
    assert refused(authenticated, authorization, form, KNOWN) == ("invalid_client", 401)


def test_two_ways_at_once_are_an_invalid_request():
    form = {"client_id": "my:client", "client_secret": "p@ss+w%rd é"}

    assert refused(authenticated, BASIC, form, KNOWN) == ("invalid_request", 400)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ("", {}),
        ("grant_type=client_credentials", {"grant_type": "client_credentials"}),
        ("scope=a+b%20c", {"scope": "a b c"}),
        ("scope=", {}),  # section 3.2: without a value is as left out
        ("resource=a&resource=b", {"resource": "b"}),
    ],
)
def test_a_form_is_read(body, form):
    assert form == parse_form(FORM, body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", "{}"), (FORM, "scope=a&scope=b"), (FORM, "grant_type=a&grant_type=a")],
)
def test_a_form_that_is_none_is_an_invalid_request(content_type, body):
    assert refused(parse_form, content_type, body) == ("invalid_request", 400)


def test_a_registration_does_not_show_its_secret():
    assert "p@ss" not in repr(KNOWN)
