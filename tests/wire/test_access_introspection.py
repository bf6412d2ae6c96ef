"""Callers with tokens that their authorization server is asked about, on the wire."""

import asyncio
import json
import time
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.access.introspection_way import MOST_NEW
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import (
    AccessEntry,
    AccessRule,
    GateSettings,
    IntrospectionWay,
    JwtWay,
    WaySettings,
)
from tests.wire.introspector import Introspector
from tests.wire.issuer import AUDIENCE, Issuer
from tests.wire.messages import ok, request
from tests.wire.rig import CLIENT_SECRET, CRM, Rig

OPAQUE, STAFF = WayName("opaque"), WayName("staff")
GOOD = {"active": True, "sub": "alice", "scope": "read write", "client_id": "app"}


@asynccontextmanager
async def asking(*, jwt=None, **members):
    server = Introspector()
    await server.start()
    server.known["good"] = GOOD
    way = IntrospectionWay(CRM, server.url, **members)
    ways = {OPAQUE: WaySettings(OPAQUE, way)}
    entries = [AccessEntry((OPAQUE,))]
    if jwt is not None:
        ways[STAFF] = WaySettings(STAFF, JwtWay(jwt.url, (AUDIENCE,)))
        entries.append(AccessEntry((STAFF,)))
    rule = GateSettings(AccessRule(tuple(entries)))
    try:
        async with Rig(routes=lambda rig: [rig.route("/", gate=rule)], callers=ways) as rig:
            yield rig, server
    finally:
        await server.close()


def bearer(token):
    return f"Authorization: Bearer {token}"


def way_of(rig):
    return rig.gateway.generation.ways.credentials[OPAQUE]


async def test_an_active_token_lets_its_subject_in_and_is_asked_about_as_our_client():
    async with asking() as (rig, server):
        answers = [await rig.get("/", bearer("good")) for _ in range(3)]
        (asked,) = server.requests

    assert [each.status for each in answers] == [200] * 3
    assert server.asked == [{"token": "good", "token_type_hint": "access_token"}]
    credentials = b64encode(f"mobile_android:{CLIENT_SECRET}".encode()).decode()
    assert asked.head.value("Authorization").decode() == f"Basic {credentials}"
    assert rig.told.records[-1].caller_id == "opaque:alice"
    assert rig.upstream.requests[-1].token == "token_1"


REFUSED = {
    "not active": {"active": False},
    "expired": GOOD | {"exp": 1},
    "not yet": GOOD | {"nbf": 4e9},
    "no end that is a number": GOOD | {"exp": "soon"},
    "nobody": {"active": True},
    "an ID token": GOOD | {"nonce": "n"},
    "bound to a key that it does not prove": GOOD | {"cnf": {"jkt": "abc"}},
}


@pytest.mark.parametrize("said", REFUSED.values(), ids=REFUSED)
async def test_everything_else_is_refused_and_remembered(said):
    async with asking() as (rig, server):
        server.known["bad"] = said
        answers = [await rig.get("/", bearer("bad")) for _ in range(2)]

    assert [each.status for each in answers] == [401, 401]
    assert b'error="invalid_token"' in answers[0].head.value("WWW-Authenticate")
    assert len(server.asked) == 1
    assert rig.upstream.requests == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"iss": "https://as.test", "aud": "us"}, 200),
        ({"iss": "https://as.test", "aud": ["them", "us"]}, 200),
        ({"iss": "https://as.test"}, 401),
        ({"aud": "us"}, 401),
        ({"iss": "https://evil.test", "aud": "us"}, 401),
        ({"iss": "https://as.test", "aud": "them"}, 401),
    ],
)
async def test_what_the_way_names_must_be_said(said, status):
    async with asking(issuer="https://as.test", audience=("us",)) as (rig, server):
        server.known["t"] = GOOD | said

        assert (await rig.get("/", bearer("t"))).status == status


@pytest.mark.parametrize(
    "refusal",
    [
        ok(b"", status="500 Internal Server Error"),
        ok(b"", status="401 Unauthorized"),
        ok(b"", status="302 Found"),
        ok(b"nonsense"),
        ok(b'{"active": "true"}'),
        ok(b"{}"),
    ],
)
async def test_a_failure_blames_nobody_is_not_remembered_and_no_load_on_a_sick_server(refusal):
    async with asking() as (rig, server):
        assert (await rig.get("/", bearer("good"))).status == 200
        server.refusal, before = refusal, len(server.asked)
        answers = [await rig.get("/", bearer(token)) for token in ("a", "b")]
        known = await rig.get("/", bearer("good"))
        asked = len(server.asked) - before
        server.refusal, server.known["a"] = None, GOOD
        way_of(rig)._not_before_s[False] = 0.0
        back = await rig.get("/", bearer("a"))

    assert [each.status for each in answers] == [503, 503]
    assert json.loads(answers[0].body)["side"] == "authorization server"
    assert answers[0].head.value("Retry-After") == b"1"
    assert asked == 1
    assert (known.status, back.status) == (200, 200)


async def test_one_question_for_all_who_wait():
    async with asking() as (rig, server):
        server.gate.clear()
        waiting = [asyncio.ensure_future(rig.get("/", bearer("good"))) for _ in range(10)]
        async with asyncio.timeout(10):
            while not server.asked:
                await asyncio.sleep(0)
        server.gate.set()
        answers = await asyncio.gather(*waiting)

    assert {each.status for each in answers} == {200}
    assert len(server.asked) == 1


async def test_a_slow_server_is_asked_about_known_tokens_and_by_each_network_in_turn():
    async with asking() as (rig, server):
        assert (await rig.get("/", bearer("good"))).status == 200
        way_of(rig).verified.forget()
        server.gate.clear()
        waiting = [asyncio.ensure_future(rig.get("/", bearer(f"new-{number}"))) for number in range(20)]
        async with asyncio.timeout(10):
            while len(server.asked) < 1 + MOST_NEW or len(way_of(rig)._slots._room) < 20 - MOST_NEW:
                await asyncio.sleep(0.001)
        known = asyncio.ensure_future(rig.get("/", bearer("good")))
        elsewhere = await rig.caller(source="127.0.0.2")
        elsewhere.write(request("GET", "/", bearer("elsewhere")))
        async with asyncio.timeout(10):
            while len(server.asked) < 2 + MOST_NEW or len(way_of(rig)._slots._room) < 21 - MOST_NEW:
                await asyncio.sleep(0.001)
        server.gate.set()
        await asyncio.gather(known, elsewhere.answer(), *waiting)

    asked = [form["token"] for form in server.asked]
    assert asked.index("good", 1) == 1 + MOST_NEW
    assert asked.index("elsewhere") <= 1 + MOST_NEW + 2
    assert len(asked) == len(set(asked)) + 1


async def test_what_the_server_chokes_on_stops_no_question_about_a_token_that_was_good():
    async with asking() as (rig, server):
        assert (await rig.get("/", bearer("good"))).status == 200
        way_of(rig).verified.forget()
        server.refusal = ok(b"", status="500 Internal Server Error")
        choked = await rig.get("/", bearer("odd"))
        server.refusal = None
        known, new = await rig.get("/", bearer("good")), await rig.get("/", bearer("new"))

    assert [choked.status, known.status, new.status] == [503, 200, 503]
    assert [form["token"] for form in server.asked] == ["good", "odd", "good"]


@pytest.mark.parametrize("token", ["good", "new"])
async def test_when_the_server_asks_for_a_pause_nothing_is_asked(token):
    async with asking() as (rig, server):
        assert (await rig.get("/", bearer("good"))).status == 200
        way_of(rig).verified.forget()
        server.refusal = ok(b"", "Retry-After: 7", status="429 Too Many Requests")
        await rig.get("/", bearer("odd"))
        server.refusal = None
        answer = await rig.get("/", bearer(token))

    assert (answer.status, answer.head.value("Retry-After")) == (503, b"7")
    assert len(server.asked) == 2


async def test_an_answer_is_remembered_until_the_end_of_its_token_at_most():
    async with asking() as (rig, server):
        server.known["t"] = GOOD | {"exp": time.time() + 100}
        assert (await rig.get("/", bearer("t"))).status == 200
        way = way_of(rig)
        way.verified._wall_s = way._wall_s = lambda: time.time() + 101

        assert (await rig.get("/", bearer("t"))).status == 401
    assert len(server.asked) == 2


async def test_a_withdrawn_token_is_known_as_such_once_the_answer_is_forgotten():
    async with asking(cache_s=0.001) as (rig, server):
        assert (await rig.get("/", bearer("good"))).status == 200
        del server.known["good"]
        await asyncio.sleep(0.005)

        assert (await rig.get("/", bearer("good"))).status == 401


@pytest.mark.parametrize("token", ["a b", "\xe9", "x" * 9000])
async def test_nothing_is_asked_about_what_is_no_token(token):
    async with asking() as (rig, server):
        assert (await rig.get("/", bearer(token))).status in {400, 401, 431}

    assert server.asked == []


async def test_opaque_tokens_beside_those_that_are_verified_here():
    issuer = Issuer()
    await issuer.start()
    try:
        async with asking(jwt=issuer) as (rig, server):
            statuses = [
                (await rig.get("/", bearer(token))).status for token in ("good", issuer.token(), "bad")
            ]
            callers = [each.caller_id for each in rig.told.records]
    finally:
        await issuer.close()

    assert statuses == [200, 200, 401]
    assert callers[:2] == ["opaque:alice", "staff:alice"]
    assert [each["token"] for each in server.asked] == ["good", "bad"]


async def test_a_client_that_changes_makes_another_way():
    async with asking() as (rig, server):
        first = way_of(rig)
        settings = rig.gateway._settings
        await rig.gateway.reload(replace(settings, grace_s=1.0))
        assert way_of(rig) is first
        crm = settings.clients[CRM]
        other = replace(crm, grant=replace(crm.grant, client_id="another"))
        await rig.gateway.reload(replace(settings, clients={CRM: other}))

        assert way_of(rig) is not first
        assert (await rig.get("/", bearer("good"))).status == 200
    assert b64encode(f"another:{CLIENT_SECRET}".encode()) in server.requests[-1].head.value("Authorization")
