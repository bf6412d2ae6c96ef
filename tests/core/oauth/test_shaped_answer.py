"""Answers of other shapes than OAuth's: where the token is, how long it lives, whether there is one at all."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.oauth.shaped_answer import Reading, read_answer
from gateway.core.oauth.token_outcome import Failed, FailureKind, Granted
from gateway.core.secret import Secret
from gateway.core.settings.login_settings import LoginSuccess, StatedLife
from gateway.core.settings.shape_settings import AnswerShape
from gateway.core.settings.signing_settings import DpopSettings
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    LifeUnit,
)
from gateway.core.text.json_condition import JsonCondition
from gateway.core.text.json_pointer import read_pointer
from tests.core.oauth.test_picks import BODIES, PICKS
from tests.core.samples import GRANT

WALL_S = 1_700_000_000.0
HTTP_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # WALL_S


def at(pointer: str) -> FromJson:
    return FromJson(read_pointer(pointer))


def life(pointer: str, unit: LifeUnit = LifeUnit.SECONDS) -> StatedLife:
    return StatedLife(at(pointer), unit)


def read(
    shape: AnswerShape, body: object = b"", status: int = 200, cookie: str = "", **fields: str
) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    answer = ServerAnswer(status, named, raw, (cookie,) if cookie else ())
    return read_answer(replace(GRANT, scope=("a",), answer=shape), answer, WALL_S)


def granted(reading: Reading) -> Granted:
    assert isinstance(reading.outcome, Granted), reading.outcome
    return reading.outcome


def failed(reading: Reading) -> Failed:
    assert isinstance(reading.outcome, Failed), reading.outcome
    return reading.outcome


NESTED = AnswerShape(at("/data/accessToken"), life("/data/expiresIn", LifeUnit.MILLISECONDS))


@pytest.mark.parametrize(
    ("shape", "answer", "token", "lifetime_s"),
    [
        (NESTED, {"body": {"data": {"accessToken": "t", "expiresIn": 60000}}}, "t", 60.0),
        (NESTED, {"body": {"data": {"accessToken": 4711, "expiresIn": "60000"}}}, "4711", 60.0),
        (
            AnswerShape(at("/id_token")),
            {"body": {"id_token": "i", "access_token": "t", "expires_in": 5}},
            "i",
            5.0,
        ),
        (
            AnswerShape(lifetime=life("/ttl", LifeUnit.MINUTES)),
            {"body": {"access_token": "t", "ttl": 2}},
            "t",
            120.0,
        ),
        (AnswerShape(lifetime=90.0), {"body": {"access_token": "t", "expires_in": 5}}, "t", 90.0),
        (
            AnswerShape(at("/t"), life("/at", LifeUnit.INSTANT)),
            {"body": {"t": "t", "at": "2023-11-14T22:14:20Z"}},
            "t",
            60.0,
        ),
        (
            AnswerShape(at("/t"), life("/at", LifeUnit.INSTANT)),
            {"body": {"t": "t", "at": WALL_S * 1000 + 90_000}, "date": "Tue, 14 Nov 2023 22:13:50 GMT"},
            "t",
            60.0,
        ),
        (AnswerShape(FromBody()), {"body": b"  plain-text \n"}, "plain-text", None),
        (AnswerShape(FromLine("Auth")), {"body": b"SID=x\nAuth=y\n"}, "y", None),
        (AnswerShape(FromForm("oauth_token")), {"body": b"oauth_token=y&expires=1"}, "y", None),
        (
            AnswerShape(FromForm("access_token"), StatedLife(FromForm("expires"), LifeUnit.SECONDS)),
            {"body": b"access_token=y&expires=30"},
            "y",
            30.0,
        ),
        (AnswerShape(FromField("X-Auth-Token")), {"x_auth_token": "h"}, "h", None),
        (AnswerShape(FromCookie("SID")), {"cookie": "SID=c; Max-Age=600"}, "c", 600.0),
        (AnswerShape(FromCookie("SID"), 60.0), {"cookie": "SID=c; Max-Age=600"}, "c", 60.0),
        (AnswerShape(at("/token"), life("/ttl")), {"body": {"token": "t"}}, "t", None),
        (AnswerShape(at("/token"), life("/ttl")), {"body": {"token": "t", "ttl": "soon"}}, "t", None),
        (AnswerShape(at("")), {"body": b'"all"'}, "all", None),
    ],
)
def test_a_token_is_found_wherever_it_is(
    shape: AnswerShape, answer: dict[str, Any], token: str, lifetime_s: float | None
):
    found = granted(read(shape, **answer))
    assert (found.access_token, found.lifetime_s) == (Secret(token), lifetime_s)


def test_the_end_of_a_jwt_counts_here_too():
    claims = base64.urlsafe_b64encode(json.dumps({"exp": WALL_S + 30}).encode()).rstrip(b"=").decode()
    assert granted(read(AnswerShape(at("/t"), 3600.0), {"t": f"e30.{claims}.x"})).lifetime_s == 30.0


@pytest.mark.parametrize(
    ("shape", "body", "scope"),
    [
        (AnswerShape(at("/t"), scope=at("/s")), {"t": "t", "s": "b c"}, ("b", "c")),
        (AnswerShape(at("/t"), scope=at("/s")), {"t": "t", "s": "b,c"}, ("b", "c")),
        (AnswerShape(at("/t"), scope=at("/s")), {"t": "t"}, ("a",)),
        (AnswerShape(at("/t"), scope=at("/s")), {"t": "t", "s": ["b", "c", 1]}, ("b", "c")),
        (AnswerShape(at("/t"), scope=at("/s")), {"t": "t", "s": {}}, ("a",)),
        (AnswerShape(at("/t"), scope=FromField("x-s")), {"t": "t"}, ("a",)),
        (AnswerShape(at("/t")), {"t": "t", "scope": ["b"]}, ("b",)),
    ],
)
def test_the_scope_is_read_or_what_was_asked_for(shape: AnswerShape, body: object, scope: tuple[str, ...]):
    assert granted(read(shape, body)).scope == scope


@pytest.mark.parametrize(
    ("shape", "body", "reason"),
    [
        (NESTED, {"data": {"code": 1}}, "issued no token: /data/accessToken was not found"),
        (NESTED, b"<html>", "issued no token: /data/accessToken was not found"),
        (NESTED, {"data": {"accessToken": "a b"}}, "issued a token that cannot be sent in a header"),
        (NESTED, {"data": {"accessToken": "a" * 20_000}}, "issued a token that is too long for a header"),
        (
            AnswerShape(at("/t"), token_type=at("/k")),
            {"t": "t", "k": "mac"},
            "issued a token of another type than Bearer",
        ),
        (
            AnswerShape(at("/t")),
            {"t": "t", "token_type": "DPoP"},
            "issued a token of another type than Bearer",
        ),
        (
            AnswerShape(at("/t"), takes=(("url", at("/instance_url")),)),
            {"t": "t"},
            "issued a token without url: /instance_url was not found",
        ),
        (
            AnswerShape(at("/t"), takes=(("url", at("/instance_url")),)),
            {"t": "t", "instance_url": "a\r\nb: c"},
            "issued a token whose url cannot be sent in a header",
        ),
    ],
)
def test_a_token_that_is_no_use_is_refused_with_a_reason(shape: AnswerShape, body: object, reason: str):
    assert failed(read(shape, body)) == Failed(FailureKind.INVALID, f"the authorization server {reason}")


def test_what_was_there_instead_is_told_to_the_doctor_and_is_no_part_of_the_reason():
    reading = read(NESTED, {"data": {"code": "geheim", "msg": "geheim"}})
    assert [str(each) for each in reading.missing] == [
        "/data/accessToken was not found: /data is an object with the members code, msg"
    ]
    assert "msg" not in failed(reading).reason
    assert "geheim" not in repr(reading)


def test_a_lifetime_that_is_not_where_it_should_be_is_told_and_is_no_failure():
    reading = read(AnswerShape(at("/t"), life("/ttl")), {"t": "t", "x": 1})
    assert [str(each) for each in reading.missing] == [
        "/ttl was not found: the document is an object with the members t, x"
    ]
    assert granted(reading).lifetime_s is None


def test_a_scope_in_a_list_is_not_told_as_missing():
    shape = AnswerShape(at("/t"), scope=at("/s"))
    assert read(shape, {"t": "t", "s": ["b"]}).missing == ()
    assert len(read(shape, {"t": "t"}).missing) == 1


def test_further_parts_come_with_the_token():
    shape = AnswerShape(at("/t"), takes=(("url", at("/instance_url")), ("sid", FromCookie("SID"))))
    found = granted(read(shape, {"t": "t", "instance_url": "https://a.test/x y"}, cookie="SID=c"))
    assert found.parts == (("url", Secret("https://a.test/x y")), ("sid", Secret("c")))


CODED = AnswerShape(at("/t"), success=LoginSuccess(json=(JsonCondition(read_pointer("/errcode"), (0,)),)))


@pytest.mark.parametrize(
    ("body", "status", "kind", "reason", "code"),
    [
        ({"errcode": 40001}, 200, FailureKind.REFUSED, "answered 200, but /errcode is not as expected", ""),
        (b"<html>", 200, FailureKind.REFUSED, "answered 200, but the body is not JSON", ""),
        ({"errcode": 0}, 503, FailureKind.UNREACHABLE, "answered 503", ""),
        ({"errcode": 0}, 404, FailureKind.INVALID, "answered 404", ""),
        ({"error": "invalid_scope"}, 400, FailureKind.REFUSED, "answered 400 invalid_scope", "invalid_scope"),
    ],
)
def test_what_success_says_decides(body: object, status: int, kind: FailureKind, reason: str, code: str):
    found = failed(read(CODED, body, status))
    assert (found.kind, found.reason, found.code) == (kind, f"the authorization server {reason}", code)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"errcode": 40001, "errmsg": "geheim"}, ["success: /errcode is a number, and not what is wanted"]),
        ({"code": "geheim"}, ["success: the document is an object with the members code"]),
        (b"geheim", []),
    ],
)
def test_what_is_not_as_success_has_it_is_told_to_the_doctor(body: object, said: list[str]):
    reading = read(CODED, body)
    assert [str(each) for each in reading.missing] == said
    assert "geheim" not in repr(reading)


def test_an_error_beside_a_success_is_none():
    assert granted(read(CODED, {"errcode": 0, "error": "none", "t": "t"})).access_token == Secret("t")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"error": "invalid_client", "t": "t"}, FailureKind.REFUSED),
        (401, b"", FailureKind.REFUSED),
        (302, b"", FailureKind.INVALID),
        (429, {"t": "t"}, FailureKind.UNREACHABLE),
    ],
)
def test_without_success_an_error_and_the_status_decide_as_ever(status: int, body: object, kind: FailureKind):
    assert failed(read(AnswerShape(at("/t")), body, status)).kind is kind


def test_a_bound_token_may_come_in_any_shape():
    shape = AnswerShape(at("/t"), token_type=at("/k"))
    answer = ServerAnswer(200, {}, b'{"t": "t", "k": "DPoP"}')
    reading = read_answer(replace(GRANT, answer=shape, dpop=DpopSettings()), answer, WALL_S)
    assert granted(reading).is_bound


def test_without_a_shape_the_reader_of_the_rfc_decides_and_the_doctor_hears_what_was_there():
    answer = ServerAnswer(200, {}, b'{"token": "geheim", "expires": 1}')
    reading = read_answer(GRANT, answer, WALL_S)
    assert failed(reading).reason == "the authorization server issued no access_token"
    assert [str(each) for each in reading.missing] == [
        "/access_token was not found: the document is an object with the members token, expires"
    ]


SHAPES = st.builds(
    AnswerShape,
    token=st.none() | PICKS,
    lifetime=st.none() | st.builds(StatedLife, PICKS, st.sampled_from(LifeUnit)),
    token_type=st.none() | PICKS,
    scope=st.none() | PICKS,
    success=st.none() | st.just(LoginSuccess()),
    takes=st.lists(st.tuples(st.just("x"), PICKS), max_size=1).map(tuple),
)


@given(SHAPES, st.integers(200, 599), BODIES, st.lists(st.text(max_size=12), max_size=1))
def test_every_answer_is_a_token_that_can_be_sent_or_a_failure(
    shape: AnswerShape, status: int, body: bytes, cookies: list[str]
):
    reading = read_answer(
        replace(GRANT, answer=shape), ServerAnswer(status, {}, body, tuple(cookies)), WALL_S
    )
    if isinstance(reading.outcome, Granted):
        texts = [reading.outcome.access_token, *(part for _, part in reading.outcome.parts)]
        assert all(text.reveal().isascii() and text.reveal().isprintable() for text in texts)
