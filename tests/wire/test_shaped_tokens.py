"""Tokens of services with a shape of their own, through the whole gateway: obtained, sent, recovered, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from gateway.core.settings.carriers import InCookie, InHeader
from gateway.core.settings.login_settings import LoginSuccess, StatedLife
from gateway.core.settings.route_settings import RouteSettings
from gateway.core.settings.shape_settings import AnswerShape, BodyFormat, OwnField, RequestShape
from gateway.core.settings.whereabouts import FromCookie, FromJson, LifeUnit
from gateway.core.text.json_condition import JsonCondition
from gateway.core.text.json_pointer import read_pointer
from tests.wire.messages import ok, request
from tests.wire.rig import Rig

REQUEST: Final = RequestShape(format=BodyFormat.JSON, omitted=frozenset({OwnField.GRANT_TYPE}))
ANSWER: Final = AnswerShape(
    FromJson(read_pointer("/data/accessToken")),
    StatedLife(FromJson(read_pointer("/data/ttl")), LifeUnit.MINUTES),
    success=LoginSuccess(json=(JsonCondition(read_pointer("/code"), (0,)),)),
    takes=(("sid", FromCookie("SID")),),
)
SEND: Final = (InHeader("X-Auth-Token"), InCookie("SID", "sid"))
REFUSAL: Final = ok(b"no", status="401 Unauthorized")


def shaped(token: str) -> bytes:
    document = {"code": 0, "data": {"accessToken": token, "ttl": 30}}
    return ok(json.dumps(document).encode(), f"Set-Cookie: SID=sid-of-{token}; Path=/")


def routes(rig: Rig) -> list[RouteSettings]:
    grant = replace(rig.grant, grant_type="password", request=REQUEST, answer=ANSWER)
    return [rig.route(grant=replace(grant, parameters=(("username", "svc"),)), send=SEND)]


def rig_of(*script: bytes, is_warm: bool = True) -> Rig:
    rig = Rig(list(script), routes=routes, is_warm=is_warm)
    rig.authorization_server.grants.shaped = shaped
    return rig


async def test_a_token_of_another_shape_goes_out_with_its_parts_and_is_replaced_with_them():
    async with rig_of(ok(b"1"), REFUSAL, ok(b"2")) as rig:
        await rig.get("/")
        answer = await rig.ask(request("POST", "/orders", "Content-Length: 3") + b"abc")
        sent = [
            (each.head.value("X-Auth-Token"), each.head.value("Cookie")) for each in rig.upstream.requests
        ]
        assert answer.status == 200
        assert sent == [
            (b"token_1", b"SID=sid-of-token_1"),
            (b"token_1", b"SID=sid-of-token_1"),
            (b"token_2", b"SID=sid-of-token_2"),
        ]
        assert [each.content for each in rig.upstream.requests[1:]] == [b"abc", b"abc"], "replayed"
        assert round(rig.told.obtained[0].expires_at_s - rig.told.obtained[0].sent_at_s) == 30 * 60
        first = rig.authorization_server.requests[0]
        assert json.loads(first.content) == {"username": "svc"}
        assert first.head.value("Authorization").startswith(b"Basic ")


async def test_a_200_that_is_no_success_is_a_refusal_that_tells_callers_nothing():
    rig = rig_of(is_warm=False)
    rig.authorization_server.refusal = ok(b'{"code": 7, "msg": "geheim", "data": {"accessToken": "geheim"}}')
    async with rig:
        answer = await rig.get("/")
        assert answer.status == 502
        assert b"token_refused" in answer.body
        assert b"geheim" not in answer.head.raw + answer.body
        assert rig.upstream.requests == []
