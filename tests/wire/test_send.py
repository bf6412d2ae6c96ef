"""Credentials in other places than Authorization: Bearer, over real sockets and by both ways."""

from __future__ import annotations

import logging
from dataclasses import astuple

import pytest

from gateway.core.http.recovery import Recovery
from gateway.core.settings.carriers import InCookie, InHeader, InQuery
from gateway.core.settings.route_settings import CallerAuthorization
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

KEEP = CallerAuthorization.KEEP
OWN = "Authorization: Basic bWluZQ=="
REFUSAL = ok(b"no", status="401 Unauthorized")


def sends(*carriers, **members):
    members = {"authorization": KEEP} | members
    return lambda rig: [rig.route(send=carriers, **members)]


async def seen(rig, target, *fields):
    answer = await rig.get(target, *fields)
    return answer, rig.upstream.requests[-1].head


async def test_a_header_field_beside_the_callers_authorization():
    async with Rig(routes=sends(InHeader("X-Auth-Token"))) as rig:
        answer, head = await seen(rig, "/a?b", OWN, "X_AUTH_TOKEN: mine", "x-auth-token: mine")
        assert answer.status == 200
        assert head.line == b"GET /a?b HTTP/1.1"
        assert head.value("X-Auth-Token") == b"token_1"
        assert head.value("Authorization") == b"Basic bWluZQ=="
        assert b"mine" not in head.raw


async def test_another_prefix():
    async with Rig(
        routes=sends(InHeader("Authorization", "OAuth "), authorization=CallerAuthorization.REPLACE)
    ) as rig:
        _, head = await seen(rig, "/", OWN)
        assert head.value("Authorization") == b"OAuth token_1"


async def test_a_cookie_among_the_callers():
    answer = ok(b"ok", "Set-Cookie: SESSION=theirs; Path=/", "Set-Cookie: other=1")
    async with Rig(answer, routes=sends(InCookie("SESSION"), InHeader("X-CSRF"))) as rig:
        answer, head = await seen(rig, "/", "Cookie: a=%20; session=mine; b", "X-CSRF: mine")
        assert head.value("Cookie") == b"SESSION=token_1; a=%20; b"
        assert head.value("X-CSRF") == b"token_1"
        assert answer.head.values("Set-Cookie") == [b"other=1"]


async def test_a_query_parameter_that_nobody_else_learns(caplog):
    caplog.set_level(logging.DEBUG)
    echo = ok(
        b"",
        "Location: https://up.test/next?access_token=token_1&p=2",
        "X-Self: /?t=token_1",
        status="302 Found",
    )
    async with Rig([echo], routes=sends(InQuery("access_token"))) as rig:
        answer, head = await seen(rig, "/a?b=%2f&&")
        refused = await rig.get("/a?access%5ftoken=mine")

        assert head.line == b"GET /a?b=%2f&&access_token=token_1 HTTP/1.1"
        assert answer.head.value("Location") == b"https://up.test/next?p=2"
        assert answer.head.value("Referrer-Policy") == b"no-referrer"
        assert b"token_1" not in answer.head.raw
        assert (refused.status, refused.code) == (400, "query_not_allowed")
        assert len(rig.upstream.requests) == 1
        assert [record.path for record in rig.told.records] == ["/a", "/a"]
        assert "token_1" not in "".join(str(astuple(record)) for record in rig.told.records)
    assert "token_1" not in caplog.text


async def test_an_informational_response_tells_nothing_either():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css?k=token_1>\r\nSet-Cookie: S=1\r\n\r\n"
    async with Rig(hints + ok(), routes=sends(InQuery("k"), InCookie("S"))) as rig:
        answer = await rig.get()
        assert [head.value("Link") for head in answer.interim] == [b"</s.css>"]
        assert answer.interim[0].value("Set-Cookie") is None


async def test_trailers_tell_nothing_either():
    script = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Self: token_1\r\n\r\n"
    async with Rig(script, routes=sends(InQuery("k"))) as rig:
        answer = await rig.get("/", "TE: trailers", "Connection: TE")
        assert answer.trailers == [(b"X-Self", b"****")]


async def test_a_refused_credential_is_replaced_wherever_it_goes():
    async def guard(exchange):
        await exchange.body()
        exchange.write(ok() if b"token_2" in exchange.head.raw else REFUSAL)

    async with Rig(guard, routes=sends(InCookie("S"), InQuery("k"), InHeader("X-T"))) as rig:
        answer = await rig.ask(request("POST", "/a?b", "Cookie: c", body=b"twice"))
        first, second = rig.upstream.requests
        assert (answer.status, rig.told.records[0].recovery) == (200, Recovery.RECOVERED)
        assert first.head.raw.replace(b"token_1", b"token_2") == second.head.raw
        assert first.content == second.content == b"twice"


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_credential_that_cannot_be_sent_so_is_not_sent(is_replaced):
    carriers = (InHeader("X-CSRF-Token", part="csrf"),)
    async with Rig(routes=sends(*carriers)) as rig:
        answer = await rig.ask(
            request("POST" if is_replaced else "GET", "/", body=b"x" if is_replaced else b"")
        )
        assert (answer.status, answer.code) == (502, "token_answer_invalid")
        assert rig.upstream.saw_nothing
