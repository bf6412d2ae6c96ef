"""Token requests of other shapes than OAuth's: which field goes where, and that no value becomes syntax."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.token_request import BuiltRequest, build_token_request, token_fields
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import AuthMethod, Grant
from gateway.core.settings.shape_settings import (
    USUAL_REQUEST,
    AnswerShape,
    BodyFormat,
    OwnField,
    RequestMethod,
    RequestShape,
)
from gateway.core.settings.whereabouts import FromBody, FromField
from tests.core.samples import GRANT

POST = replace(GRANT, method=AuthMethod.CLIENT_SECRET_POST, client_id="app")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def built(grant: Grant, shape: RequestShape = USUAL_REQUEST, **members: Any) -> BuiltRequest:
    return build_token_request(replace(grant, request=shape, **members), Secret("s3cret"))


def test_any_grant_is_asked_for_with_the_owners_parameters():
    request = built(
        POST, grant_type="password", parameters=(("username", "svc"), ("password", "p&w=1")), scope=("a",)
    )
    assert request.body == (
        b"grant_type=password&client_id=app&client_secret=s3cret&scope=a&username=svc&password=p%26w%3D1"
    )


def test_without_a_client_nothing_names_one():
    grant = replace(GRANT, method=AuthMethod.NONE, client_id="")
    assert built(grant, grant_type="password").body == b"grant_type=password"


def test_fields_are_renamed_and_left_out():
    shape = RequestShape(
        names=((OwnField.CLIENT_ID, "appKey"), (OwnField.CLIENT_SECRET, "appSecret")),
        omitted=frozenset({OwnField.GRANT_TYPE}),
    )
    assert built(POST, shape).body == b"appKey=app&appSecret=s3cret"


def test_json_is_an_object_in_which_a_repeated_field_is_a_list():
    request = built(POST, RequestShape(format=BodyFormat.JSON), audience=("a", "b"), parameters=(("é", '"'),))
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body or b"") == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s3cret",
        "audience": ["a", "b"],
        "é": '"',
    }


def test_a_get_has_its_fields_in_the_query_and_no_body():
    shape = RequestShape(RequestMethod.GET, query=(("v", "2 0"),))
    request = built(POST, shape)
    assert (request.method, request.body, "Content-Type" in request.headers) == (
        RequestMethod.GET,
        None,
        False,
    )
    query = "v=2%200&grant_type=client_credentials&client_id=app&client_secret=s3cret"
    assert request.url("https://a.test/token") == f"https://a.test/token?{query}"
    assert request.url("https://a.test/token?x=1") == f"https://a.test/token?x=1&{query}"


def test_a_post_may_have_a_query_besides():
    request = built(POST, RequestShape(RequestMethod.PUT, query=(("key", "a&b"),)))
    assert (request.method, request.url("https://a.test/t")) == (
        RequestMethod.PUT,
        "https://a.test/t?key=a%26b",
    )
    assert b"client_secret" in (request.body or b"")


def test_nothing_of_a_secret_is_in_the_repr():
    for shape in (RequestShape(RequestMethod.GET, query=(("key", "s3cret"),)), RequestShape()):
        assert "s3cret" not in f"{built(POST, shape)!r}{shape!r}"


@pytest.mark.parametrize(
    ("token", "accepted"), [(None, "application/json"), (FromBody(), "*/*"), (FromField("X-T"), "*/*")]
)
def test_another_type_than_json_is_accepted_where_the_token_is_elsewhere(token: Any, accepted: str):
    assert built(POST, answer=AnswerShape(token)).headers["Accept"] == accepted


def test_the_owners_fields_replace_those_that_the_body_implies():
    request = built(POST, RequestShape(format=BodyFormat.JSON), headers=(("accept", "text/plain"),))
    assert request.headers == {
        "accept": "text/plain",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }


@given(
    st.sampled_from(RequestMethod), st.sampled_from(BodyFormat), st.lists(st.tuples(TEXT, TEXT), max_size=4)
)
def test_every_value_arrives_as_it_is_written(
    method: RequestMethod, form: BodyFormat, pairs: list[tuple[str, str]]
):
    grant = replace(POST, parameters=tuple(pairs), request=RequestShape(method, form))
    request = build_token_request(grant, Secret("s3cret"))
    fields = list(token_fields(grant, Secret("s3cret")))
    if request.body is None or form is BodyFormat.FORM:
        there = request.query if request.body is None else request.body.decode()
        assert parse_qsl(there, keep_blank_values=True) == fields
    else:
        members = json.loads(request.body)
        arrived = {
            (name, each)
            for name, value in members.items()
            for each in ([value] if isinstance(value, str) else value)
        }
        assert arrived == set(fields)
