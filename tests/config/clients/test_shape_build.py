"""Shapes of token requests and answers: from `gateway.yaml` to their settings, and what is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.settings.all_settings import Settings
from gateway.core.settings.carriers import USUAL, InCookie, InHeader
from gateway.core.settings.client_settings import ClientName, ClientSettings, GrantType, Section
from gateway.core.settings.login_settings import LoginSuccess, StatedLife
from gateway.core.settings.shape_settings import (
    AnswerShape,
    BodyFormat,
    OwnField,
    RequestMethod,
    RequestShape,
)
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    FromPage,
    LifeUnit,
)
from gateway.core.text.json_condition import JsonCondition
from gateway.core.text.json_pointer import read_pointer
from gateway.files_in_use import watched_files
from tests.config.documents import load_text

POST = "token_endpoint_auth_method: client_secret_post"


def settings_of(keys: str) -> Settings:
    client = f"token_endpoint: 'https://a/t', client_id: a, client_secret: '${{env:SECRET}}', {keys}"
    route = "routes: [{path: /, upstream: 'https://a', client: crm}]\n"
    return load_text(f"clients: {{crm: {{{client}}}}}\n{route}")


def client_of(keys: str) -> ClientSettings:
    return settings_of(keys).clients[ClientName("crm")]


def at(pointer: str) -> FromJson:
    return FromJson(read_pointer(pointer))


def test_without_a_shape_all_is_as_the_rfc_has_it():
    grant = client_of("scope: a").grant
    assert (grant.request, grant.answer, grant.grant_type) == (
        RequestShape(),
        None,
        GrantType.CLIENT_CREDENTIALS,
    )


def test_every_key_of_a_request_is_built():
    keys = f"{POST}, request: {{method: PUT, format: json, query: {{a: b}}, rename: {{client_id: k}}, omit: scope}}"
    assert client_of(keys).grant.request == RequestShape(
        RequestMethod.PUT,
        BodyFormat.JSON,
        (("a", "b"),),
        ((OwnField.CLIENT_ID, "k"),),
        frozenset({OwnField.SCOPE}),
    )


def test_every_key_of_an_answer_is_built():
    keys = (
        "answer: {token: /a, lifetime: {json: /b, unit: ms}, type: {header: X-Type}, scope: {form: s},"
        " success: {status: [200, 201], json: {/c: 0}}, take: {sid: {cookie: SID}}}"
    )
    assert client_of(keys).grant.answer == AnswerShape(
        at("/a"),
        StatedLife(at("/b"), LifeUnit.MILLISECONDS),
        FromField("X-Type"),
        FromForm("s"),
        LoginSuccess(frozenset({200, 201}), json=(JsonCondition(read_pointer("/c"), (0,)),)),
        (("sid", FromCookie("SID")),),
    )


@pytest.mark.parametrize(
    ("written", "pick"),
    [
        ("/a~1b", at("/a~1b")),
        ("{json: ''}", at("")),
        ("{header: X-T}", FromField("X-T")),
        ("{cookie: SID}", FromCookie("SID")),
        ("{form: t}", FromForm("t")),
        ("{line: Auth}", FromLine("Auth")),
        ("{page: _csrf}", FromPage("_csrf")),
        ("{body: true}", FromBody()),
    ],
)
def test_a_token_may_be_in_every_place(written: str, pick: object):
    answer = client_of(f"answer: {{token: {written}}}").grant.answer
    assert answer is not None
    assert answer.token == pick


@pytest.mark.parametrize(
    ("written", "lifetime"),
    [
        ("25m", 1500.0),
        ("{fixed: 90s}", 90.0),
        ("/ttl", StatedLife(at("/ttl"), LifeUnit.SECONDS)),
        ("{header: X-End, unit: instant}", StatedLife(FromField("X-End"), LifeUnit.INSTANT)),
    ],
)
def test_a_lifetime_is_fixed_or_stated(written: str, lifetime: object):
    answer = client_of(f"answer: {{lifetime: {written}}}").grant.answer
    assert answer is not None
    assert answer.lifetime == lifetime


@pytest.mark.parametrize(
    ("keys", "send"),
    [
        ("answer: {token: /t}", USUAL),
        ("answer: {token: {cookie: SID}}", (InCookie("SID"),)),
        ("answer: {token: {cookie: SID}}, send: {header: X-T}", (InHeader("X-T"),)),
        ("answer: {take: {sid: {cookie: SID}}}", (*USUAL, InCookie("SID", "sid"))),
    ],
)
def test_what_was_taken_of_a_cookie_goes_back_as_that_cookie(keys: str, send: object):
    assert settings_of(keys).routes[0].send == send


def test_values_of_references_are_read_again_and_their_files_are_watched(tmp_path: Path):
    (tmp_path / "pin").write_text("pin-one\n")
    (tmp_path / "key").write_text("key-two\n")
    keys = (
        f"parameters: {{pin: '${{file:{tmp_path}/pin}}', tenant: acme}}, headers: {{X-Key: 'v ${{env:SECRET}}'}},"
        f" request: {{query: {{key: '${{file:{tmp_path}/key}}'}}}}"
    )
    settings = settings_of(keys)
    client = settings.clients[ClientName("crm")]
    assert [(each.section, each.name, each.loaded) for each in client.referenced] == [
        (Section.PARAMETERS, "pin", "pin-one"),
        (Section.HEADERS, "X-Key", "v hunter2-hunter2"),
        (Section.QUERY, "key", "key-two"),
    ]
    (tmp_path / "pin").write_text("three\n")
    assert client.referenced[0].read().reveal() == "three"
    assert {key for key, _ in watched_files(settings)} == {
        "clients.crm.parameters.pin",
        "clients.crm.request.query.key",
    }
    assert not any(text in repr(client) for text in ("pin-one", "key-two", "hunter2"))


def test_values_of_references_are_known_as_secrets():
    assert "hunter2-hunter2" in settings_of("request: {query: {key: '${env:SECRET}'}}").referenced
