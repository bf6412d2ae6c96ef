"""Callers with JWTs, on the wire: real signatures, keys that are fetched, and what is never asked for."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import gateway.access.tokens as tokens_module
from gateway.access.allowance import Allowance
from gateway.core.access.finding import Bad
from gateway.core.access.gcra import NS, Rate
from gateway.core.access.jwt_token import unverified_claims
from gateway.core.caller import WayName
from gateway.core.settings.access_settings import AccessEntry, AccessRule, GateSettings, JwtWay, WaySettings
from gateway.core.settings.identity import IdentityField
from gateway.core.settings.route_settings import RouteName
from tests.oauth import keys
from tests.wire.issuer import AUDIENCE, Issuer
from tests.wire.messages import request
from tests.wire.rig import Rig

STAFF, OTHERS = WayName("staff"), WayName("others")


@asynccontextmanager
async def staffed(
    issuer=None, *, entries=None, identity=(), others=None, audience_of_others=AUDIENCE, **members
):
    issuer = issuer or Issuer()
    if not issuer.port:
        await issuer.start()
    way = replace(JwtWay(issuer.url, (AUDIENCE,)), **members)
    ways = {STAFF: WaySettings(STAFF, way)}
    if others is not None:
        ways[OTHERS] = WaySettings(OTHERS, replace(way, issuer=others, audience=(audience_of_others,)))
    try:
        async with Rig(
            routes=lambda rig: [
                rig.route(
                    "/", gate=GateSettings(AccessRule(entries or (AccessEntry((STAFF,)),)), identity=identity)
                )
            ],
            callers=ways,
        ) as rig:
            yield rig, issuer
    finally:
        await issuer.close()


def bearer(token):
    return f"Authorization: Bearer {token}"


async def test_a_token_of_the_issuer_lets_its_subject_in(tmp_path):
    async with staffed() as (rig, issuer):
        answer = await rig.get("/", bearer(issuer.token(scope="read")))
        (asked,) = rig.upstream.requests

    assert answer.status == 200
    assert asked.token == "token_1"  # ours, and not the caller's
    assert rig.told.records[-1].caller_id == "staff:alice"


@pytest.mark.parametrize(("kind", "algorithm"), [(kind, one.value) for kind, one in keys.PAIRS])
async def test_every_algorithm_is_verified(kind, algorithm):
    async with staffed(Issuer(k1=kind)) as (rig, issuer):
        assert (await rig.get("/", bearer(issuer.token(algorithm=algorithm)))).status == 200


async def test_a_token_is_verified_once_and_its_keys_are_fetched_once():
    async with staffed() as (rig, issuer):
        token, caller = issuer.token(), await rig.caller()
        for _ in range(5):
            assert (await caller.ask(request("GET", "/", bearer(token)))).status == 200
        tokens = rig.gateway.generation.ways.credentials[STAFF]

    assert issuer.key_requests == 1
    assert len(tokens.verified) == 1


def forged(issuer):
    """HS256 with the text of the public key (CVE-2022-29217 and its kin)."""
    head = part({"typ": "at+jwt", "kid": "k1", "alg": "HS256"})
    signed = f"{head}.{issuer.token().split('.')[1]}"
    mac = hmac.digest(keys.public_pem(issuer.published["k1"]).encode(), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def part(header):
    return urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


def other_key(issuer):
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims, key, "ES256", {"typ": "at+jwt", "kid": "k1", "jku": f"{issuer.url}/evil"})


REFUSED = {
    "no signature": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "none": lambda issuer: jwt.encode({"iss": issuer.url}, None, "none", {"typ": "at+jwt"}) + "c2ln",
    "a shared secret": forged,
    "another's key under its id": lambda issuer: issuer.token(kind="p384"),
    "another's key of the same kind": other_key,
    "crit": lambda issuer: issuer.token(header={"crit": ["exp"]}),
    "another audience": lambda issuer: issuer.token(aud="https://other.test"),
    "no audience": lambda issuer: issuer.token(without=("aud",)),
    "another issuer": lambda issuer: issuer.token(iss="https://evil.test"),
    "no issuer": lambda issuer: issuer.token(without=("iss",)),
    "no end": lambda issuer: issuer.token(without=("exp",)),
    "past its end": lambda issuer: issuer.token(exp=1),
    "an ID token": lambda issuer: issuer.token(header={"typ": "JWT"}, nonce="n"),
    "an ID token that calls itself an access token": lambda issuer: issuer.token(nonce="n"),
    "64 KiB": lambda issuer: issuer.token(pad="x" * 30_000),
    "opaque": lambda issuer: "opaque",
    "bound to a key that it does not prove": lambda issuer: issuer.token(cnf={"jkt": "abc"}),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
async def test_nothing_else_does_and_nothing_is_asked_for_it(make):
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        asked = len(issuer.requests)
        answer = await rig.get("/", bearer(make(issuer)))

        assert answer.status == 401
        assert json.loads(answer.body)["type"].endswith(":credential_invalid")
        assert b'error="invalid_token"' in answer.head.value("WWW-Authenticate")
        assert len(issuer.requests) == asked
        assert len(rig.upstream.requests) == 1


async def test_an_unknown_key_id_causes_one_request_whatever_callers_send():
    async with staffed() as (rig, issuer):
        for number in range(20):
            answer = await rig.get("/", bearer(issuer.token(f"new{number}", "p256")))
            assert answer.status == 401

    assert issuer.key_requests == 1


async def test_a_new_key_is_known_within_one_cooldown():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        issuer.published["k2"] = "p384"
        held = rig.gateway.generation.ways.credentials[STAFF].keys
        held._tried_at_s -= 30.0

        assert (await rig.get("/", bearer(issuer.token("k2")))).status == 200
        assert (await rig.get("/", bearer(issuer.token("k1")))).status == 200
    assert issuer.key_requests == 2


async def test_a_token_that_was_refused_before_its_key_was_known_is_known_afterwards():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        issuer.published["k2"] = "p384"
        token = issuer.token("k2")
        early = await rig.get("/", bearer(token))
        rig.gateway.generation.ways.credentials[STAFF].keys._tried_at_s -= 30.0
        late = await rig.get("/", bearer(token))

    assert (early.status, late.status) == (401, 200)
    assert issuer.key_requests == 2


async def test_tokens_without_a_known_key_take_nothing_from_others():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        taken = rig.gateway.generation.ways.credentials[STAFF]._allowance._state_ns
        for number in range(5):
            await rig.get("/", bearer(issuer.token(f"new{number}", "p256")))

        assert rig.gateway.generation.ways.credentials[STAFF]._allowance._state_ns == taken


async def test_invented_tokens_delay_no_caller_that_was_known_before():
    """Their turns are used up, and the token must be verified again: its minute is over."""
    async with staffed() as (rig, issuer):
        token, tokens = issuer.token(), rig.gateway.generation.ways.credentials[STAFF]
        assert (await rig.get("/", bearer(token))).status == 200
        tokens.verified.forget()
        while tokens._allowance.take():
            pass
        tokens._allowance._state_ns += 3600 * NS

        assert (await rig.get("/", bearer(token))).status == 200
        new = await rig.get("/", bearer(issuer.token(sub="new")))
        assert (new.status, json.loads(new.body)["type"].rpartition(":")[2]) == (503, "too_many_new_callers")


async def test_invented_tokens_delay_no_new_caller_from_elsewhere():
    """One network's wait for 20 turns a second; from another, one is next but one."""
    async with staffed() as (rig, issuer):
        tokens = rig.gateway.generation.ways.credentials[STAFF]
        await rig.get("/", bearer(issuer.token(sub="first")))  # fetches the keys
        tokens._allowance = Allowance(asyncio.get_running_loop().time, Rate.of(20, 1.0, 1))
        forged = [await rig.caller() for _ in range(30)]
        for number, caller in enumerate(forged):
            token = issuer.token(sub=f"invented-{number}").rpartition(".")[0] + "." + "A" * 86
            caller.write(request("GET", "/", bearer(token)))
        async with asyncio.timeout(10):
            while len(tokens._allowance._room) < 25:
                await asyncio.sleep(0.01)
        before = len(rig.told.records)
        honest = await rig.caller(source="127.0.0.2")
        answer = await honest.ask(request("GET", "/", bearer(issuer.token(sub="new"))))
        meanwhile = len(rig.told.records) - before - 1

    assert answer.status == 200
    assert meanwhile <= 3


async def test_while_the_issuer_is_down_known_keys_serve_on():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        issuer.is_down = True
        rig.gateway.generation.ways.credentials[STAFF].keys._tried_at_s -= 30.0

        assert (await rig.get("/", bearer(issuer.token("k9", "p256")))).status == 401
        assert (await rig.get("/", bearer(issuer.token(sub="bob")))).status == 200


async def test_without_any_keys_nobody_is_blamed():
    issuer = Issuer()
    issuer.is_down = True
    async with staffed(issuer) as (rig, _):
        answer = await rig.get("/", bearer(issuer.token()))

    assert answer.status == 503
    assert json.loads(answer.body)["side"] == "authorization server"
    assert 1 <= int(answer.head.value("Retry-After")) <= 30


async def test_two_issuers_each_vouch_for_their_own():
    entries = (AccessEntry((STAFF,)), AccessEntry((OTHERS,)))
    async with staffed(entries=entries, others="https://others.test") as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        await rig.get("/", bearer(issuer.token(iss="https://others.test")))

    assert [record.status for record in rig.told.records] == [200, 503]  # the other one is not there


async def test_two_ways_of_one_issuer_each_vouch_for_their_audience():
    entries = (AccessEntry((STAFF,)), AccessEntry((OTHERS,)))
    issuer = Issuer()
    await issuer.start()
    async with staffed(issuer, entries=entries, others=issuer.url, audience_of_others="https://b.test") as (
        rig,
        _,
    ):
        for audience in (AUDIENCE, "https://b.test", "https://c.test"):
            await rig.get("/", bearer(issuer.token(aud=audience)))

    assert [(each.status, each.caller_id) for each in rig.told.records] == [
        (200, "staff:alice"),
        (200, "others:alice"),
        (401, ""),
    ]


async def test_keys_may_come_from_a_file(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [json.loads(keys.jwk("p256", public=True, kid="k1"))]}))
    async with staffed(keys_file=str(file)) as (rig, issuer):
        answers = [await rig.get("/", bearer(issuer.token(*key))) for key in (("k1",), ("k2", "p384"))]

    assert [answer.status for answer in answers] == [200, 401]
    assert issuer.requests == []


async def test_a_token_ends_while_it_is_remembered():
    async with staffed() as (rig, issuer):
        caller = await rig.caller()
        tokens = rig.gateway.generation.ways.credentials[STAFF]
        token = issuer.token()
        assert (await caller.ask(request("GET", "/", bearer(token)))).status == 200
        tokens.verified._wall_s = lambda: 1e12
        tokens._wall_s = lambda: 1e12

        assert (await caller.ask(request("GET", "/", bearer(token)))).status == 401


async def test_whoever_passed_passes_again_as_long_as_its_token_is_good():
    async with staffed(entries=(AccessEntry((STAFF,), frozenset({"read"})),)) as (rig, issuer):
        tokens, token = rig.gateway.generation.ways.credentials[STAFF], issuer.token(scope="read")
        other = issuer.token(scope="write", sub="bob")
        statuses = [(await rig.get("/", bearer(each))).status for each in (token, token, other, other)]
        found = [tokens.verified.recall(each.encode()) for each in (token, other)]
        passed = [known.caller.id for known in found if known.passes]
        tokens.verified.forget()
        tokens.verified.put(tokens.verified.digest(token.encode()), Bad("withdrawn"))
        statuses.append((await rig.get("/", bearer(token))).status)

    assert statuses == [200, 200, 403, 403, 401]
    assert passed == ["alice"]
    assert rig.gateway.metrics.route(RouteName("/")).accesses["staff", "admitted"] == 2


async def test_a_caller_that_repeats_itself_goes_no_longer_than_the_keys_that_verified_its_token():
    async with staffed() as (rig, issuer):
        tokens, caller = rig.gateway.generation.ways.credentials[STAFF], await rig.caller()
        asked = request("GET", "/", bearer(issuer.token()))
        statuses = [(await caller.ask(asked)).status for _ in range(4)]
        issuer.published.clear()
        issuer.published["k2"] = "ed25519"
        tokens.keys._tried_at_s = -1e9
        await tokens.keys.fetched(1e9)
        statuses.append((await caller.ask(asked)).status)

    assert statuses == [200, 200, 200, 200, 401]


async def test_nor_than_its_token():
    async with staffed() as (rig, issuer):
        caller, now_s = await rig.caller(), int(time.time())
        asked = request("GET", "/", bearer(issuer.token(exp=now_s + 3600)))
        statuses = [(await caller.ask(asked)).status for _ in range(4)]
        tokens, gate = rig.gateway.generation.ways.credentials[STAFF], rig.gateway.generation.routes[0].gate
        for each in (tokens, tokens.verified, gate._passes):
            each._wall_s = lambda: now_s + 3600.0
        statuses.append((await caller.ask(asked)).status)

    assert statuses == [200, 200, 200, 200, 401]


async def test_who_passed_one_rule_with_the_same_fields_has_not_passed_the_other():
    rules = {
        path: GateSettings(AccessRule((AccessEntry((STAFF,), frozenset({scope})),)))
        for path, scope in (("/read", "read"), ("/write", "write"))
    }
    issuer = Issuer()
    await issuer.start()
    async with Rig(
        routes=lambda rig: [rig.route(path, gate=rule) for path, rule in rules.items()],
        callers={STAFF: WaySettings(STAFF, JwtWay(issuer.url, (AUDIENCE,)))},
    ) as rig:
        caller, field = await rig.caller(), bearer(issuer.token(scope="read"))
        asked = [request("GET", path, field) for path in ("/read", "/read", "/read", "/write") * 2]
        statuses = [(await caller.ask(each)).status for each in asked]
    await issuer.close()

    assert statuses == [200, 200, 200, 403] * 2


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_token_that_is_remembered_is_read_by_no_other_way(monkeypatch, is_first):
    read = []

    def counted(token):
        read.append(token)
        return unverified_claims(token)

    names = (STAFF, OTHERS) if is_first else (OTHERS, STAFF)
    entries = tuple(AccessEntry((name,)) for name in names)
    async with staffed(entries=entries, others="https://other.test") as (rig, issuer):
        token = issuer.token()
        assert (await rig.get("/", bearer(token))).status == 200
        monkeypatch.setattr(tokens_module, "unverified_claims", counted)
        assert (await rig.get("/", bearer(token))).status == 200

    assert read == []


async def test_what_a_reload_asks_about_callers_is_known_of_those_who_were_verified_before():
    def asking(claim):
        return (IdentityField.of("X-Caller", f"{{caller.claims.{claim}}}"),)

    async with staffed(identity=asking("team")) as (rig, issuer):
        field = bearer(issuer.token(team="a", level="b"))
        first = await rig.get("/", field)
        (route,) = rig.settings.routes
        other = replace(route, gate=replace(route.gate, identity=asking("level")))
        await rig.gateway.reload(replace(rig.settings, routes=(other,)))
        second = await rig.get("/", field)
        told = [each.head.value("X-Caller") for each in rig.upstream.requests]
        held = rig.gateway.generation.ways.credentials[STAFF].verified

    assert (first.status, second.status, told) == (200, 200, [b"a", b"b"])
    assert [known.caller.claims for known in held._good.values()] == [{"team": "a", "level": "b"}]


async def test_each_outcome_is_counted_by_route_and_way():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        await rig.get("/", bearer(issuer.token(exp=1)))
        await rig.get("/")
        counted = rig.gateway.metrics.route(RouteName("/")).accesses

    assert counted == {("staff", "admitted"): 1, ("staff", "invalid"): 1, ("-", "missing"): 1}


async def test_a_caller_whom_no_field_can_tell_of_is_not_counted_as_admitted():
    async with staffed(identity=(IdentityField.of("X-Caller", "{caller.claims.name}"),)) as (rig, issuer):
        statuses = [(await rig.get("/", bearer(issuer.token(name=name)))).status for name in ("Bob", "Zoë")]
        counted = rig.gateway.metrics.route(RouteName("/")).accesses

    assert statuses == [200, 403]
    assert counted == {("staff", "admitted"): 1, ("staff", "identity"): 1}


async def test_what_is_shown_of_a_way_names_its_keys_and_no_caller():
    async with staffed() as (rig, issuer):
        await rig.get("/", bearer(issuer.token()))
        (shown,) = rig.gateway.generation.ways.states()

    assert (shown["caller"], shown["kind"], shown["remembered"]) == ("staff", "jwt", 1)
    assert shown["keys"]["keys"] == ("k1",)
    assert "alice" not in json.dumps(shown)


async def test_a_token_may_be_in_a_field_of_its_own():
    """As the assertion of a proxy is; it reaches no upstream, and nothing else is looked at."""
    async with staffed(header="X-Assertion") as (rig, issuer):
        good = await rig.get("/", f"X-Assertion: {issuer.token()}", "Authorization: Bearer else")
        others = [
            await rig.get("/", bearer(issuer.token())),
            await rig.get("/", f"X_Assertion: {issuer.token()}"),
            await rig.get("/", f"X-Assertion: Bearer {issuer.token()}"),
            await rig.get("/", f"X-Assertion: {issuer.token(exp=1)}"),
            await rig.get("/", f"X-Assertion: {issuer.token()}", f"X-Assertion: {issuer.token()}"),
        ]

    assert good.status == 200
    assert [each.status for each in others] == [401, 401, 401, 401, 400]
    assert others[0].head.value("WWW-Authenticate") == b'ApiKey realm="gateway", header="X-Assertion"'
    (asked,) = rig.upstream.requests
    assert asked.head.value("X-Assertion") is None
    assert asked.token == "token_1"
