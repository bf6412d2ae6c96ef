"""Picks: each kind finds its text, or says what was there instead, and shows no value."""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.oauth.picks import NotPicked, Picked, pick_text
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.settings.whereabouts import (
    FromBody,
    FromCookie,
    FromField,
    FromForm,
    FromJson,
    FromLine,
    FromPage,
    Pick,
)
from gateway.core.text.json_pointer import read_pointer

GEHEIM: Final = "geheim-4711"


def at(pointer: str) -> FromJson:
    return FromJson(read_pointer(pointer))


def answer(body: bytes = b"", fields: dict[str, str] | None = None, *cookies: str) -> ServerAnswer:
    return ServerAnswer(200, fields or {}, body, cookies)


PAGE: Final = b"""<html><META content='of-rails' name=csrf-token>
<form><input type="hidden" name="_csrf" value="a&amp;b"/><input name=bare value=c>
<input name=empty value=""><input value=nameless>"""


@pytest.mark.parametrize(
    ("pick", "given", "text"),
    [
        (at("/data/token"), answer(b'{"data": {"token": "t"}}'), "t"),
        (at("/0/id"), answer(b'[{"id": 12345678901234567890}]'), "12345678901234567890"),
        (at("/s"), answer(b'{"s": 3599.5}'), "3599.5"),
        (at(""), answer(b'"a token that is all"'), "a token that is all"),
        (FromField("X-Auth-Token"), answer(b"", {"x-auth-token": " t "}), "t"),
        (FromCookie("SID"), answer(b"", {}, "X=1", "SID=a=b; Path=/"), "a=b"),
        (FromCookie("SID"), answer(b"", {}, "SID=; Max-Age=0", "SID=2"), "2"),
        (FromForm("oauth_token"), answer(b"x=1&oauth_token=a%2Bb+c&y="), "a+b c"),
        (FromLine("Auth"), answer(b"SID=1\r\nAuth=a=b\r\n"), "a=b"),
        (FromLine("Token"), answer(b"Status: ok\nToken :  t  \n"), "t"),
        (FromPage("_csrf"), answer(PAGE), "a&b"),
        (FromPage("csrf-token"), answer(PAGE), "of-rails"),
        (FromPage("bare"), answer(PAGE), "c"),
        (FromBody(), answer(b"\xef\xbb\xbf  t\r\n"), "t"),
    ],
)
def test_a_pick_finds_its_text(pick: Pick, given: ServerAnswer, text: str):
    assert pick_text(pick, given) == Picked(text)


@pytest.mark.parametrize(
    ("pick", "given", "said"),
    [
        (at("/data/token"), answer(b""), "/data/token was not found: the body is empty"),
        (at("/data/token"), answer(GEHEIM.encode()), "/data/token was not found: the body is not JSON"),
        (
            at("/data/token"),
            answer(b'{"data": {"code": "geheim-4711"}}'),
            "/data/token was not found: /data is an object with the members code",
        ),
        (at("/token"), answer(b'{"token": ""}'), "/token was not found: /token is an empty text"),
        (at("/token"), answer(b'{"token": true}'), "/token was not found: /token is true or false"),
        (at("/token"), answer(b'{"token": null}'), "/token was not found: /token is null"),
        (at("/token"), answer(b'{"token": ["geheim-4711"]}'), "/token was not found: /token is a list of 1"),
        (at(""), answer(b"{}"), "the JSON document was not found: the document is an empty object"),
        (
            FromField("X-Auth-Token"),
            answer(b"", {"date": GEHEIM, "x-token": GEHEIM}),
            "the header field X-Auth-Token was not found: the answer has date, x-token",
        ),
        (
            FromCookie("SID"),
            answer(b"", {}, f"sid={GEHEIM}", "SID=1", "SID="),
            "the cookie SID was not found: the answer sets sid",
        ),
        (FromCookie("SID"), answer(), "the cookie SID was not found: the answer sets no cookie"),
        (
            FromForm("token"),
            answer(b"access=geheim-4711&token="),
            "the form field token was not found: the body has access",
        ),
        (
            FromForm("token"),
            answer(b"Z2VoZWltLTQ3MTE="),
            "the form field token was not found: the body has no form fields",
        ),
        (
            FromLine("Auth"),
            answer(b"SID=geheim-4711\nZ2VoZWltLTQ3MTE=="),
            "the line Auth was not found: the body has SID",
        ),
        (
            FromPage("token"),
            answer(PAGE),
            "the input token was not found: the body has csrf-token, _csrf, bare",
        ),
        (FromPage("token"), answer(GEHEIM.encode()), "the input token was not found: the body has no inputs"),
        (FromBody(), answer(b" \r\n"), "the body was not found: the body is empty"),
    ],
)
def test_a_pick_that_finds_nothing_says_what_was_there_instead(pick: Pick, given: ServerAnswer, said: str):
    found = pick_text(pick, given)
    assert str(found) == said
    assert GEHEIM not in repr(found)


def test_a_found_text_is_not_in_the_repr():
    assert GEHEIM not in repr(pick_text(FromBody(), answer(GEHEIM.encode())))


@pytest.mark.parametrize(
    "body", [b"<input " * 40_000, b"<input a=" * 30_000, b"a=" + b" " * 250_000 + b"x\n"]
)
def test_a_body_made_to_cost_much_costs_little(body: bytes):
    for pick in (FromPage("t"), FromLine("t"), FromForm("t")):
        assert isinstance(pick_text(pick, answer(body)), NotPicked)


PICKS = st.sampled_from(
    [
        at("/a/0"),
        at(""),
        FromField("a"),
        FromCookie("a"),
        FromForm("a"),
        FromLine("a"),
        FromPage("a"),
        FromBody(),
    ]
)
BODIES = st.binary(max_size=60) | st.text("<input name='a' value=\"b&=:\n>", max_size=60).map(str.encode)


@given(PICKS, BODIES, st.lists(st.text(max_size=20), max_size=2))
def test_whatever_comes_a_pick_yields_a_text_or_says_why_not(pick: Pick, body: bytes, cookies: list[str]):
    found = pick_text(pick, answer(body, {}, *cookies))
    assert found.text if isinstance(found, Picked) else found.instead


@given(PICKS, st.text("0123456789ABCDEFabcdef", min_size=24, max_size=64))
def test_a_secret_that_is_all_the_answer_never_shows(pick: Pick, secret: str):
    shapes = (secret.encode(), json.dumps(secret).encode(), json.dumps({"x": [secret]}).encode())
    for body in (*shapes, f"t={secret}".encode(), f"{secret}==".encode()):
        assert secret not in repr(pick_text(pick, answer(body, {}, f"t={secret}")))
